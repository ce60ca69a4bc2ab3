"""Guesses at what is hidden: interactions that hold a secret, and all that a client can tell of one guess."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from app.queries.change_token import token_of
from tests.scenarios.repeating import EACH_TIME_ANOTHER, OWN_ID, Field, Received, Repeating, repeating
from tests.support.clock import HandClock
from tests.support.simulator import ANCHOR, Simulator

NAME, ALLOWED = "pin", "tier"
RIGHT, WRONG = "4711", "4712"
FRESH = 15
_OF_THE_GUESS = frozenset({b"etag"})  # a hash of the body, which repeats the question
_TOKEN = re.compile(rb'(?<="change_token":")([^"]+)')
_KEY = re.compile(rb'"key":"[0-9a-f]{64}"')


def with_secret(simulator: Simulator, count: int = 3, *more: tuple[str, str], value: str = RIGHT) -> list[str]:
    """So many new interactions that hold the secret, besides an attribute that everybody may see; their ids."""
    attributes = [(NAME, value), (ALLOWED, "gold"), *more]
    return simulator.state.world.insert(count, simulator.state.now(), attributes)


@dataclass
class Asker:
    """A client that keeps all it can tell of the answers to its guesses, and of the calls that upstream got for them.

    `told` holds no guess, so that it is the same for two of them where nothing can be learnt.
    """

    facade: Repeating
    simulator: Simulator
    clock: HandClock
    told: list[object] = field(default_factory=list)

    async def try_out(self, target: str, guess: str) -> None:
        """Ask cold, again, from replays, in part, conditionally and stale; look inside before and after."""
        path = target.replace("GUESS", guess)
        resource, _, query = path.partition("?")
        explain = f"/cache/explain?grain={resource[1:].partition('.')[0]}&{query}"
        calls = len(self.simulator.calls())
        await self._note(explain, guess)
        first = await self._note(path, guess)
        await self._note(path, guess)
        await self._note(path, guess, (b"range", b"bytes=0-40"))
        await self._note(path, guess, (b"if-none-match", first.headers[b"etag"]))
        await self._note(path, guess, (b"cache-control", b"only-if-cached"))
        await self._note(explain, guess)
        self.clock.advance(FRESH + 1)
        await self._note(path, guess)
        await self.facade.completed()
        await self._note(path, guess)
        await self._note(explain, guess)
        self.told.append([_call(call, guess) for call in self.simulator.calls()[calls:]])

    async def _note(self, path: str, guess: str, *fields: Field) -> Received:
        answer = await self.facade.ask(path, OWN_ID, *fields)
        assert answer.status in {200, 206, 304, 416}, answer.body  # an empty body has no first byte
        headers = [(name, b"" if name in _OF_THE_GUESS else _unnamed(name, value)) for name, value in answer.fields]
        kept = [one for one in headers if one[0] not in EACH_TIME_ANOTHER]
        body = _TOKEN.sub(lambda found: _state(found[1]), answer.body)
        body = _KEY.sub(b'"key":""', body).replace(guess.encode(), b"GUESS")
        self.told.append((path.replace(guess, "GUESS"), answer.status, kept, body))
        return answer


def _unnamed(name: bytes, value: bytes) -> bytes:
    return _state(value) if name == b"x-change-token" else value


def _state(token: bytes) -> bytes:
    """All that a change token tells but hashes of the question, which the client knows."""
    known = token_of(token.decode())
    return repr(([(mark.number, mark.low) for mark in known.marks], known.start, known.end)).encode()


def _call(call: Any, guess: str) -> tuple[str, list[tuple[str, str]]]:
    return call.kind, [(name, value.replace(guess, "GUESS")) for name, value in call.query]


@asynccontextmanager
async def asking(simulator: Simulator, policy: str, **settings: Any) -> AsyncIterator[Asker]:
    """A client of a façade of its own under this policy, on a clock that begins when all others do."""
    clock = HandClock(wall=ANCHOR)
    async with repeating(simulator, clock.clock, attribute_policy=policy, **settings) as facade:
        facade.services.queries.random = lambda: 1.0
        yield Asker(facade, simulator, clock)


async def told_of(
    simulator: Simulator, policy: str, targets: Iterable[str], guess: str, **settings: Any
) -> list[object]:
    """All that a client can tell of one guess, put in each of these ways."""
    async with asking(simulator, policy, **settings) as asker:
        for target in targets:
            await asker.try_out(target, guess)
        return asker.told
