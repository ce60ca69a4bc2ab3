"""How far a request has come in, and its answer has got out."""

from enum import IntEnum
from typing import Any

from app.listener.dating import DatedHeaders
from app.listener.state import CLOSE


class Phase(IntEnum):
    """How far the request that is coming in has got."""

    NONE = 0
    HEAD = 1
    BODY = 2


def make_last(cycle: Any) -> None:
    """Have this answer say, where it still can, that the connection ends with it."""
    cycle.keep_alive = False
    if not cycle.response_started and CLOSE not in cycle.default_headers:
        cycle.default_headers = DatedHeaders((*cycle.default_headers, CLOSE))
