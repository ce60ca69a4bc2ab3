"""Cases of the public suite http-tests/cache-tests, said again for this façade under the names they have there."""
