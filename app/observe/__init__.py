"""Observation of the service: metrics, log lines, traces, and the standard streams they are written to."""
