"""The way out: a prepared answer, handed on in slices, so that a slow reader holds little memory (FAULTS T41)."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.cache.reuse import Reuse
from app.edge.answers import Answer, Headers, headers
from app.edge.cache_status import cache_status
from app.edge.conditional import Prepared

PART_BYTES = 64 * 1024  # what is handed to the transport at once (FAULTS T41)


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
    await send({"type": "http.response.start", "status": status, "headers": headers})
    sent = 0
    while len(body) - sent > PART_BYTES:
        await send({"type": "http.response.body", "body": body[sent : sent + PART_BYTES], "more_body": True})
        sent += PART_BYTES
    await send({"type": "http.response.body", "body": body[sent:]})


def answer_headers(answer: Answer, reuse: Reuse, stale_for: float) -> Headers:
    """All headers of an answer, from the facts of how it was come by; `stale_for` in seconds."""
    return headers(
        answer,
        age=reuse.age,
        time_left=reuse.ttl or 0.0,
        stale_for=stale_for,
        cache_status=cache_status(reuse),
        timings={name: 1000 * seconds for name, seconds in reuse.seconds.items()},
    )
