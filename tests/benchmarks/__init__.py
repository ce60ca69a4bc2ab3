"""The figures of DESIGN section 6, measured: `make bench`."""
