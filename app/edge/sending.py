"""The way out: a prepared answer, handed on in slices, so that a slow reader holds little memory (FAULTS T41)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.cache.reuse import Reuse
from app.cache.stored import Stored
from app.edge.answers import Answer, Headers, representation_headers, reuse_headers
from app.edge.cache_status import cache_status
from app.edge.conditional import Prepared
from app.reports.report import Report

PART_BYTES = 256 * 1024  # handed to the transport at once: each is a turn of the loop, none is a copy (FAULTS T41)


class PreparedResponse(Response):
    """What preconditions and ranges have made of an answer, as the framework's response."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__(status_code=prepared.status)
        self.prepared = prepared

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send_answer(send, self.prepared.status, self.prepared.headers, self.prepared.body)


async def send_answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send it as ASGI messages, the body in slices of at most PART_BYTES."""
    for message in messages(status, headers, body):
        await send(message)


def messages(status: int, headers: Headers, body: bytes) -> Iterable[Message]:
    """It as ASGI messages, the body in slices of at most PART_BYTES."""
    start = {"type": "http.response.start", "status": status, "headers": headers}
    if len(body) <= PART_BYTES:
        return start, {"type": "http.response.body", "body": body}
    return chain((start,), _slices(body))


def _slices(body: bytes) -> Iterator[Message]:
    whole = memoryview(body)  # the answer is held until all is sent: no slice needs to be a copy
    for sent in range(0, len(body), PART_BYTES):
        part, is_last = whole[sent : sent + PART_BYTES], sent + PART_BYTES >= len(body)
        yield {"type": "http.response.body", "body": part, "more_body": not is_last}


def answer_headers(answer: Answer, reuse: Reuse, report: Stored[Report], now: datetime) -> Headers:
    """All headers of an answer `now`, from the facts of how it was come by and the lifetimes of its report."""
    return representation_headers(answer, now) + changing_headers(answer, reuse, report)


def changing_headers(answer: Answer, reuse: Reuse, report: Stored[Report]) -> Headers:
    """Those that tell how it was come by, and how long it may be used."""
    return reuse_headers(
        answer,
        age=reuse.age,
        time_left=reuse.ttl or 0.0,
        revalidate_for=report.revalidate_for,
        stale_for=report.stale_for,
        cache_status=cache_status(reuse),
        timings={name: 1000 * seconds for name, seconds in reuse.seconds.items()},
    )
