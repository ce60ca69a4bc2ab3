"""How an https upstream must prove itself."""

import ssl

import certifi


def tls_context() -> ssl.SSLContext:
    """TLS 1.2 or later, names and certificates checked, and nothing taken from the environment."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=certifi.where())
    return context
