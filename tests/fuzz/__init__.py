"""Requests that nobody means: bytes changed at random, and whatever the OpenAPI document lets a generator think of."""
