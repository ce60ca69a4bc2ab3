"""A façade asked without a socket, so that a test may send any header, and say whether the framework may be reached."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

from cachetools import Cache
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Scope

from app.clock import Clock
from app.http.response_cache import ARRIVAL
from app.http.routing import Services
from app.listener.replay import OWN_ID as ID_FIELD
from app.listener.replay import Address, Replay, replay_key
from app.main import Application, create_app
from tests.support.canary import WATCH
from tests.support.facade import ONE_ATTEMPT, facade_settings
from tests.support.simulator import Simulator

Field = tuple[bytes, bytes]

HOST: Field = (b"host", b"127.0.0.1:8080")
OWN_ID: Field = (b"x-request-id", b"the-same-each-time")  # a 416 quotes it
LIST = "/interactions?attr=1234567"
SETTLED = "/interactions?to=2018-12-01T00:00:00Z"
EACH_TIME_ANOTHER = frozenset({b"server-timing", b"x-request-id"})


class NotReplayed(Exception):
    """The ordinary way has to answer it."""


@dataclass(frozen=True, slots=True)
class Received:
    """One answer. The fields are in their order."""

    status: int
    fields: list[Field]
    body: bytes

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        return dict(self.fields)

    @property
    def told(self) -> tuple[int, list[Field], bytes]:
        """All of it but what is another for each request: the time it took, and its id."""
        return self.status, [one for one in self.fields if one[0] not in EACH_TIME_ANOTHER], self.body


def scope_of(target: str, *headers: Field, method: str = "GET", **changes: Any) -> Scope:
    """The scope of one request, as the server gives it; with a Host unless `headers` begin with another."""
    path, _, query = target.partition("?")
    host = () if headers[:1] and headers[0][0] == b"host" else (HOST,)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [*host, *headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8080),
        "state": {},
        **changes,
    }


async def sent_by(app: ASGIApp, scope: Scope) -> list[Message]:
    """The messages by which the application answers a request without a body."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    return messages


def received(messages: list[Message]) -> Received:
    """The answer that these messages make."""
    start, *parts = messages
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    return Received(start["status"], list(start["headers"]), b"".join(part["body"] for part in parts))


def parsed(response: bytes) -> Received:
    """A response as the listener sends it, without its date, which the ordinary way gets there."""
    head, _, body = response.partition(b"\r\n\r\n")
    line, date, *fields = head.split(b"\r\n")
    assert date.startswith(b"date: ")
    named = [(name, value) for name, _, value in (field.partition(b": ") for field in fields)]
    return Received(int(line.split(b" ")[1]), named, body)


def replayed(app: Application, scope: Scope) -> Received | None:
    """The answer that the listener has for a request; a request that it has none for is marked as it would be."""
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    is_trusted = app.replays.is_trusted(scope["client"][0])
    address = Address.of(scope["scheme"], scope["server"], is_trusted=is_trusted)
    key = replay_key(scope["method"].encode(), target, scope["headers"], address)
    if key is None:
        return None
    response = app.replays.response(key, dict(scope["headers"]).get(ID_FIELD))
    if response is None:
        scope[ARRIVAL] = app.replays.arrival(key)
        return None
    return parsed(response)


@dataclass
class Repeating:
    """A façade, and the two ways to ask it."""

    app: Application

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    @property
    def replays(self) -> list[Replay]:
        """All that are stored."""
        return [one for one in self.stored().values() if isinstance(one, Replay)]

    async def ask(self, target: str, *headers: Field, **changes: Any) -> Received:
        """The answer a client gets: replayed, or the ordinary way."""
        scope = scope_of(target, *headers, **changes)
        return replayed(self.app, scope) or received(await sent_by(self.app, scope))

    async def long(self, target: str, *headers: Field, **changes: Any) -> Received:
        """The answer the framework gives."""
        framework = partial(FastAPI.__call__, self.app)
        return received(await sent_by(framework, scope_of(target, *headers, **changes)))

    def replay(self, target: str, *headers: Field, **changes: Any) -> Received:
        """The replayed answer. Raises NotReplayed where there is none."""
        answer = replayed(self.app, scope_of(target, *headers, **changes))
        if answer is None:
            raise NotReplayed
        return answer

    def is_replayed(self, target: str, *headers: Field, **changes: Any) -> bool:
        """Whether the answer is replayed."""
        try:
            self.replay(target, *headers, **changes)
        except NotReplayed:
            return False
        return True

    async def warm(self, target: str, *headers: Field, **changes: Any) -> Received:
        """Have the answer to a request kept for replays; the first of them."""
        assert (await self.ask(target, *headers, **changes)).status < 400
        return self.replay(target, *headers, **changes)

    async def completed(self) -> None:
        """Wait until nothing is being fetched or refreshed."""
        while flights := list(self.services.queries.flights._under_way.values()):
            await asyncio.wait(flights)

    def stored(self) -> dict[bytes, object]:
        """All that is stored, by its key."""
        shelves = self.store._primary, self.store._derived
        return {key: Cache.__getitem__(shelf, key).stored.value for shelf in shelves for key in shelf}

    @property
    def store(self) -> Any:
        return self.services.queries.snapshots._store

    def forget(self) -> None:
        """The store as it was at the start."""
        self.store.clear()


@asynccontextmanager
async def repeating(simulator: Simulator, clock: Clock, **settings: Any) -> AsyncIterator[Repeating]:
    """A façade in front of the simulator, started and ended as a server would."""
    app = create_app(facade_settings(simulator.url, **settings), clock=clock, limits=ONE_ATTEMPT, random=lambda: 0.5)
    with WATCH.hearing():
        async with app.router.lifespan_context(app):
            yield Repeating(app)
