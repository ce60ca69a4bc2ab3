"""How an answer goes out: whole or broken, at once or late."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from starlette.types import Receive, Send


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is sent: ``wait`` seconds until its head; it is cut or stalls after ``sent`` bytes."""

    status: int
    body: bytes
    content_type: str = "application/json;charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()
    wait: float = 0.0
    sent: int = 0
    ending: Literal["complete", "cut", "stall"] = "complete"
    framing: Literal["length", "chunked"] = "length"


async def deliver(answer: Answer, receive: Receive, send: Send, closing: asyncio.Event, longest_wait: float) -> None:
    """Send an answer; a stalled one is given up after ``longest_wait`` seconds, and ``closing`` ends all waiting."""
    if answer.wait and await client_left(receive, closing, answer.wait):
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": _head(answer)})
    if answer.ending == "complete":
        await send({"type": "http.response.body", "body": answer.body})
        return
    await send({"type": "http.response.body", "body": answer.body[: answer.sent], "more_body": True})
    if answer.ending == "stall":
        await client_left(receive, closing, longest_wait)
    # Returning with the body unfinished makes the server close the connection: the cut.


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
    head = [("content-type", answer.content_type), *answer.headers]
    if answer.framing == "length":
        head.append(("content-length", str(len(answer.body))))
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head]
