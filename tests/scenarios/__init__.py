"""Whole stories: clients, a façade and a simulated upstream, each a real server on loopback."""
