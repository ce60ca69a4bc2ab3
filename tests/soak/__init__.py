"""`make soak`: the figures of FAULTS section 7 that need neither key file nor Redis, on real processes."""
