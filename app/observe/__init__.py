"""What the service tells about itself: metrics, log lines, traces, and the standard streams they are written to."""
