"""Questions and their answers: query, key, lifetime, selection, and the spine in `service.py`."""
