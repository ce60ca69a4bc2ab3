"""Keys: a digest of typed parts, which no other parts share."""

from hashlib import sha256
from typing import TypeAlias

Part: TypeAlias = "str | bytes | int | bool | tuple[Part, ...] | None"

LENGTH_BYTES = 8


def digest(*parts: Part) -> bytes:
    """The key of `parts`: 32 bytes. Order, types and nesting count; text is not normalised."""
    return sha256(_encode(parts)).digest()


def _encode(part: Part) -> bytes:
    """A one-byte type, the length, the content: no content can pass for the beginning of the next part (FAULTS T14)."""
    match part:
        case None:
            kind, content = b"n", b""
        case bool():  # before int: True is an int that equals 1
            kind, content = b"t", b"1" if part else b"0"
        case int():
            kind, content = b"i", b"%x" % part
        case str():
            kind, content = b"s", part.encode("utf-8", "surrogatepass")
        case bytes():
            kind, content = b"b", part
        case tuple():
            kind, content = b"(", b"".join(map(_encode, part))
        case _:
            raise TypeError(f"a key cannot hold a {type(part).__name__}")
    return kind + len(content).to_bytes(LENGTH_BYTES) + content
