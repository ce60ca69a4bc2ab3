"""How an answer goes out: whole or broken, at once or late."""

import asyncio
from dataclasses import dataclass
from typing import cast

from starlette.types import Receive, Scope, Send

from app.simulator.broken import Broken, reset

CONNECTION = "cxfacade.connection"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is sent: ``wait`` seconds until its head; ``broken`` goes out in its place."""

    status: int
    body: bytes
    content_type: str = "application/json;charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()
    wait: float = 0.0
    broken: Broken | None = None


def remember_connection(scope: Scope, send: Send) -> None:
    """Keep the connection within reach: ASGI has no word for a reset, so the server's own transport is asked."""
    scope[CONNECTION] = getattr(getattr(send, "__self__", None), "transport", None)


async def deliver(
    answer: Answer, scope: Scope, receive: Receive, send: Send, *, closing: asyncio.Event, longest_wait: float
) -> None:
    """Send an answer; a connection left open is given up after ``longest_wait`` seconds, ``closing`` ends all waits."""
    if answer.wait and await client_left(receive, closing, answer.wait):
        return
    if answer.broken is not None:
        await _break(answer.broken, cast("asyncio.Transport", scope[CONNECTION]), receive, closing, longest_wait)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": _head(answer)})
    await send({"type": "http.response.body", "body": answer.body})


async def _break(
    broken: Broken, connection: asyncio.Transport, receive: Receive, closing: asyncio.Event, longest_wait: float
) -> None:
    """Write the bytes past the server, and leave it with a connection that is gone: then it says nothing of its own."""
    if broken.written:
        connection.write(broken.written)
    if broken.ending == "open":
        await client_left(receive, closing, longest_wait)
    if broken.ending == "reset":
        await asyncio.sleep(0)  # what was written has gone out: a reset throws away the rest
        reset(connection)
    else:
        connection.close()
    await _disconnect(receive)


async def client_left(receive: Receive, until: asyncio.Event, seconds: float) -> bool:
    """Wait until the client leaves, the event is set or the seconds have passed; whether the client left."""
    leaving = asyncio.ensure_future(_disconnect(receive))
    waiting = {leaving, asyncio.ensure_future(until.wait())}
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return leaving.done()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _head(answer: Answer) -> list[tuple[bytes, bytes]]:
    head = [("content-type", answer.content_type), *answer.headers, ("content-length", str(len(answer.body)))]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head]
