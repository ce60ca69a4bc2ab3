"""A façade in front of the CxEngage reporting API."""

__version__ = "0.1.0"
