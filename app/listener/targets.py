"""What is looked at in a head before anything is made of it."""

from collections.abc import Iterable

LONGEST_LENGTH = 19  # digits: as many are too long a body already


def is_origin_form(target: bytes) -> bool:
    """Whether a target is one path with its query (RFC 9112 §3.2.1).

    Of an absolute one the parser would keep the path alone, of two slashes it may make a host, and drops a fragment.
    """
    return target.startswith(b"/") and not target.startswith(b"//") and b"#" not in target


def declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The largest Content-Length in a head, 0 where none is a number: what is no number the parser refuses itself."""
    values = [value.strip()[:LONGEST_LENGTH] for name, value in headers if name == b"content-length"]
    return max((int(value) for value in values if value.isdigit()), default=0)
