"""Stored values, their lifetimes, and one fetch for many callers: knows neither HTTP nor call centres."""
