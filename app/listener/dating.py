"""When an answer says it was sent: uvicorn's own Date is that of a tick up to a second before its request came."""

from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from time import time

Field = tuple[bytes, bytes]


class DatedHeaders(list[Field]):
    """The fields of every answer of a server. Added to those of one answer, as it begins, they have its Date.

    So nothing that an answer says of its past is later than it (RFC 9110 §6.6.1), as Last-Modified must not be
    (§8.8.2.1). uvicorn adds them up in just this way (0.54).
    """

    def __add__(self, fields: Iterable[Field]) -> list[Field]:  # type: ignore[override] # as it is called
        """All of them, with the Date of now."""
        return [(b"date", date_now()), *self, *fields]


def date_now() -> bytes:
    """The value of the Date field."""
    return _date(int(time()))


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
