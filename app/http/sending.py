"""The way out: a prepared answer, handed on in slices, so that a slow reader holds little memory (FAULTS T41)."""

import asyncio
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.cache.reuse import Reuse
from app.cache.stored import Stored
from app.errors import RateLimited
from app.http.conditional import Prepared
from app.http.responses import Answer, Headers, cache_status, representation_headers, reuse_headers
from app.owners import owner_of
from app.queries.snapshot import Snapshot

MIB = 1024 * 1024
MOST_BYTES = 128 * MIB  # twice the largest answer
LARGE_BYTES = 256 * 1024  # smaller answers are not counted: connections are, by the listener
RETRY_SECONDS = 1


class Unread:
    """The large answers that are being sent, by the address they are sent to; one sent twice counts once."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._sending: dict[str, Counter[int]] = {}
        self._held: Counter[str] = Counter()

    def has_room(self, scope: Scope, body: bytes) -> bool:
        """Whether the answer may be sent to the client of a request as well."""
        owner = _owner(scope)
        is_sent = id(body) in self._sending.get(owner, ())
        return is_sent or len(body) < LARGE_BYTES or self._held[owner] + len(body) <= self._most

    @contextmanager
    def sending(self, scope: Scope, body: bytes) -> Iterator[None]:
        """Count the answer until the end of the block. Raises RateLimited where there is no room."""
        if len(body) < LARGE_BYTES:
            yield
            return
        if not self.has_room(scope, body):
            raise RateLimited(
                "Too much of what your address asked for lies unread: read it, or ask for less at once.",
                retry_after_seconds=RETRY_SECONDS,
            )
        owner = _owner(scope)
        responses = self._sending.setdefault(owner, Counter())
        if not responses[id(body)]:
            self._held[owner] += len(body)
        responses[id(body)] += 1
        try:
            yield
        finally:
            self._ended(owner, body)

    def _ended(self, owner: str, body: bytes) -> None:
        responses = self._sending[owner]
        responses[id(body)] -= 1
        if not responses[id(body)]:
            del responses[id(body)]
            self._held[owner] -= len(body)
        if not responses:
            del self._sending[owner], self._held[owner]


def _owner(scope: Scope) -> str:
    return owner_of(scope["client"][0] if scope.get("client") else "")


PART_BYTES = 128 * 1024  # handed to the transport at once: each is a turn of the loop, none is a copy (FAULTS T41)
NOT_HELD = nullcontext()


class PreparedResponse(Response):
    """A prepared answer in place of the framework's responses; `whole` is the body that a range is a part of.

    `unread` bounds what one address leaves unread; a short part is a copy, which keeps nothing of the whole.
    """

    def __init__(self, prepared: Prepared, whole: bytes, unread: Unread) -> None:
        self.status_code = prepared.status  # and nothing else of what the framework's have
        is_short = len(prepared.body) <= PART_BYTES
        self.prepared = replace(prepared, body=bytes(prepared.body)) if is_short else prepared
        self.held = partial(unread.sending, body=b"" if is_short else whole)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it. Raises RateLimited, before anything is sent."""
        prepared = self.prepared
        await send_all(send, messages(prepared.status, prepared.headers, prepared.body, self.held(scope)))


async def send_all(send: Send, answer: Iterable[Message]) -> None:
    """Send the messages of one answer; after each part of a large one others have their turn."""
    try:
        for message in answer:
            await send(message)
            if message.get("more_body"):
                await asyncio.sleep(0)
    finally:
        if isinstance(answer, Generator):  # a large one whose sending was given up is held no longer
            answer.close()


def messages(
    status: int, headers: Headers, body: bytes | memoryview, held: AbstractContextManager[None] = NOT_HELD
) -> Iterable[Message]:
    """It as ASGI messages, the body in slices of at most PART_BYTES.

    A large one is `held` from before its first message until all is sent; a short part is a copy.
    """
    start = {"type": "http.response.start", "status": status, "headers": headers}
    if len(body) <= PART_BYTES:
        return start, {"type": "http.response.body", "body": bytes(body)}
    return _slices(start, body, held)


def _slices(start: Message, body: bytes | memoryview, held: AbstractContextManager[None]) -> Iterator[Message]:
    whole = memoryview(body)  # the answer is held until all is sent: no slice needs to be a copy
    with held:
        yield start
        for sent in range(0, len(body), PART_BYTES):
            part, is_last = whole[sent : sent + PART_BYTES], sent + PART_BYTES >= len(body)
            yield {"type": "http.response.body", "body": part, "more_body": not is_last}


def answer_headers(answer: Answer, reuse: Reuse, snapshot: Stored[Snapshot], now: datetime) -> Headers:
    """All headers of an answer `now`, from the facts of how it was obtained and the lifetimes of its snapshot."""
    return representation_headers(answer, now) + changing_headers(answer, reuse, snapshot)


def changing_headers(answer: Answer, reuse: Reuse, snapshot: Stored[Snapshot]) -> Headers:
    """The headers that tell how the answer was obtained, and how long it may be used."""
    return reuse_headers(
        answer,
        age=reuse.age,
        time_left=reuse.ttl or 0.0,
        revalidate_for=snapshot.revalidate_for,
        stale_for=snapshot.stale_for,
        cache_status=cache_status(reuse),
        timings={name: 1000 * seconds for name, seconds in reuse.seconds.items()},
    )
