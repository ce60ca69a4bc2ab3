"""Opaque text: bytes as URL-safe text, which is told from cut and mistyped texts, and from those of another purpose.

It is no secret, and whoever knows how may make one: what it is of has to be found by the question it is sent with.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

CHECK_BYTES = 4


def opaque(purpose: bytes, packed: bytes) -> str:
    """The bytes as text."""
    check = sha256(b"cxfacade " + purpose + packed).digest()[:CHECK_BYTES]
    return urlsafe_b64encode(check + packed).rstrip(b"=").decode()


def packed_in(purpose: bytes, text: str) -> bytes:
    """The bytes that `opaque` made this text of for the same purpose. Raises ValueError for any other text."""
    packed = urlsafe_b64decode(text.encode("ascii") + b"==")[CHECK_BYTES:]  # padding may be too long
    if opaque(purpose, packed) != text:
        raise ValueError(text)
    return packed
