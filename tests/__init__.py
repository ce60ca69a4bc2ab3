"""The test suite; it mirrors `app/`."""
