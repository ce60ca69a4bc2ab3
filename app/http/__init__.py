"""HTTP: all that a client can see."""
