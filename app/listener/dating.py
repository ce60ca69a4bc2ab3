"""When an answer says it was sent: uvicorn's own Date is that of a tick up to a second before its request came."""

from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import Any

Events = Callable[..., Awaitable[Any]]


class Dated:
    """An ASGI application whose answers have a Date of the moment when they begin (RFC 9110 §6.6.1).

    So nothing that an answer says of its past is later than it, as Last-Modified must not be (§8.8.2.1).
    """

    def __init__(self, app: Events) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Events, send: Events) -> None:
        """As the application, dated."""

        async def dated(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [date_field(), *message.get("headers", ())]}
            await send(message)

        await self.app(scope, receive, dated)


def date_field() -> tuple[bytes, bytes]:
    """The field for now."""
    return _date_field(int(time()))


@lru_cache(maxsize=2)
def _date_field(second: int) -> tuple[bytes, bytes]:
    return (b"date", formatdate(second, usegmt=True).encode())
