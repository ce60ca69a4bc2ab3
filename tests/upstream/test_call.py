"""Attempts made again, and calls held back, through the whole client against a scripted server on a turned clock."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import pytest

from app import errors
from app.upstream.access import Limits
from app.upstream.breaker import CLASSES
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.raw import Exchange, RawServer, http, raw_server
from tests.upstream.support import Opened, access, envelope, opened, row

AT_ONCE = Limits(retry_base_seconds=0.0)
GOOD = b""
T = TypeVar("T")


@dataclass
class Scene:
    """A client, an upstream that answers `script` in its order and is well afterwards, and the clock of the client."""

    script: list[bytes] = field(default_factory=list)
    hand: HandClock = field(default_factory=HandClock)
    takes: float = 0  # seconds to answer
    client: Opened = field(init=False)
    server: RawServer = field(init=False)

    async def __call__(self, exchange: Exchange) -> None:
        answer = self.script.pop(0) if self.script else GOOD
        self.hand.advance(self.takes)
        if answer is GOOD:
            await exchange.json(envelope([row("one")]))
        elif answer == b"close":
            exchange.close()
        else:
            await exchange.write(answer)

    def read(self, *, background: bool = False) -> Awaitable[Reading]:
        return self.client.client.interactions(UpstreamQuery(), Position(), rows=100, most=100, background=background)

    async def fails(self, reading: Awaitable[T] | None = None) -> errors.UpstreamError:
        with pytest.raises(errors.UpstreamError) as caught:
            await (reading or self.read())
        return caught.value

    async def after(self, seconds: float, reading: Awaitable[T]) -> T:
        """What a reading gives that pauses for so long."""
        task = asyncio.ensure_future(reading)
        await self.hand.asleep()
        calls = len(self.server.requests)
        self.hand.advance(seconds - 0.01)
        await asyncio.sleep(0)
        assert len(self.server.requests) == calls
        self.hand.advance(0.01)
        return await task

    @property
    def calls(self) -> int:
        return len(self.server.requests)


@contextlib.asynccontextmanager
async def scene(*script: bytes, limits: Limits = AT_ONCE) -> AsyncIterator[Scene]:
    made = Scene([*script])
    async with (
        raw_server(made) as made.server,
        opened(access(made.server.url, limits=limits), made.hand.clock) as made.client,
    ):
        yield made


def status(code: int, **headers: str) -> bytes:
    return http(b"", code, **headers)


async def test_one_failure_is_made_good_by_a_second_attempt() -> None:
    async with scene(status(500)) as asked:
        assert len((await asked.read()).records) == 1
        assert asked.calls == 2
        assert value_of(asked.client.metrics, "upstream_retries", endpoint="interactions", reason="upstream-error") == 1


async def test_the_pause_before_it_is_slept_on_the_clock() -> None:
    async with scene(status(500), limits=Limits()) as asked:
        assert (await asked.after(0.1, asked.read())).total == 1


async def test_a_reading_tells_the_seconds_during_which_it_called_without_its_pauses() -> None:
    async with scene(status(500), limits=Limits()) as asked:
        asked.takes = 2
        reading = await asked.after(0.1, asked.read())
        assert reading.upstream_seconds == pytest.approx(4)
        assert not reading.simulated


async def test_a_caller_gets_two_attempts_and_a_refresh_behind_three() -> None:
    async with scene(*[status(500)] * 5) as asked:
        assert isinstance(await asked.fails(), errors.UpstreamServerError)
        assert asked.calls == 2
        await asked.fails(asked.read(background=True))
        assert asked.calls == 5


async def test_what_would_fail_again_is_asked_once() -> None:
    async with scene(status(501), status(302, location="/v1/x"), status(400)) as asked:
        for kind in (errors.UpstreamUnsupported, errors.UpstreamRedirect, errors.UpstreamRefusedQuery):
            assert type(await asked.fails()) is kind
        assert asked.calls == 3
        assert value_of(asked.client.metrics, "upstream_alarms", reason="upstream-redirect") == 1


async def test_retries_are_a_small_share_of_what_is_asked() -> None:
    limits = Limits(retry_base_seconds=0.0, breaker_failures=1000, breaker_attempts=1000)
    async with scene(*[status(503)] * 1000, limits=limits) as asked:
        for _ in range(100):
            await asked.fails()
        assert 100 < asked.calls <= 120


async def test_row_34_a_kept_connection_found_closed_is_asked_again_at_once_and_free_once() -> None:
    async with scene(GOOD, b"close", limits=Limits(retry_least=0, retry_share=0.0)) as asked:
        await asked.read()
        assert len((await asked.read()).records) == 1
        assert asked.calls == 3
        asked.script = [b"close", b"close"]
        assert isinstance(await asked.fails(), errors.UpstreamReset)
        assert asked.calls == 5


async def test_an_open_breaker_sends_nothing_and_says_when_to_come_again() -> None:
    async with scene(*[status(500)] * 6) as asked:
        for _ in range(3):
            await asked.fails()
        assert asked.calls == 5  # the fifth failure in a row opens it: there is no sixth attempt
        refused = await asked.fails()
        assert isinstance(refused, errors.UpstreamCircuitOpen)
        assert refused.retry_after_seconds == 5
        assert asked.calls == 5
        assert value_of(asked.client.metrics, "upstream_breaker", endpoint="interactions") == 2


async def test_a_probe_that_fails_keeps_it_open_and_two_that_do_not_close_it() -> None:
    async with scene(*[status(500)] * 6) as asked:
        for _ in range(3):
            await asked.fails()
        asked.hand.advance(5)
        assert isinstance(await asked.fails(), errors.UpstreamServerError)
        assert asked.calls == 6
        asked.hand.advance(10)
        for _ in range(2):
            await asked.read()
        assert value_of(asked.client.metrics, "upstream_breaker", endpoint="interactions") == 0


async def test_a_breaker_is_of_one_class_of_calls() -> None:
    async with scene(*[status(500)] * 5) as asked:
        for _ in range(3):
            await asked.fails()
        client = asked.client.client
        assert (client.refuses_lists(), client.refuses_items()) == (True, False)
        states = {name: value_of(asked.client.metrics, "upstream_breaker", endpoint=name) for name in CLASSES}
        assert states == {"interactions": 2, "interaction": 0, "tokens": 0}


async def test_a_pause_that_fits_into_the_callers_wait_is_waited_for() -> None:
    async with scene(status(429, retry_after="7")) as asked:
        assert (await asked.after(7, asked.read())).total == 1
        assert asked.calls == 2


async def test_a_pause_that_does_not_fit_is_told_and_nobody_asks_until_it_is_over() -> None:
    async with scene(status(429, retry_after="30")) as asked:
        assert (await asked.fails()).retry_after_seconds == 30
        asked.hand.advance(12)
        refused = await asked.fails()
        assert (type(refused), refused.retry_after_seconds) == (errors.UpstreamThrottled, 18)
        assert isinstance(await asked.fails(asked.client.client.interaction("one")), errors.UpstreamThrottled)
        assert asked.calls == 1
        assert value_of(asked.client.metrics, "upstream_throttled_seconds") == 18
        asked.hand.advance(18)
        await asked.read()


async def test_pauses_that_upstream_does_not_name_double() -> None:
    async with scene(*[status(429, retry_after="soon")] * 3) as asked:
        pauses = []
        for _ in range(3):
            refused = await asked.fails(asked.read(background=True))
            pauses.append(refused.retry_after_seconds)
            asked.hand.advance(pauses[-1] or 0)
        assert pauses == [5, 10, 20]
        await asked.read()
        asked.script = [status(429)]
        assert (await asked.fails(asked.read(background=True))).retry_after_seconds == 5


async def test_an_outage_behind_which_nobody_waits_is_waited_out() -> None:
    async with scene(status(503, retry_after="20")) as asked:
        assert (await asked.fails()).retry_after_seconds == 20
        asked.script = [status(503, retry_after="15")]
        assert (await asked.after(15, asked.read(background=True))).total == 1


async def test_health_is_read_without_asking_and_knows_the_last_success() -> None:
    async with scene() as asked:
        value = partial(value_of, asked.client.metrics)
        assert value("upstream_last_success_timestamp_seconds") == 0
        await asked.read()
        assert value("upstream_last_success_timestamp_seconds") == asked.hand.wall.timestamp()
        assert (value("upstream_slots"), value("upstream_slots_used")) == (8, 0)
        assert (value("upstream_auth_gate_seconds"), value("upstream_refused_seconds")) == (0, 0)
        assert asked.calls == 1
