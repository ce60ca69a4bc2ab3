"""Single flight: the proof of FAULTS section 3, on numbered answers."""

import asyncio
import contextvars
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

import pytest

from app.cache import single_flight as flight_module
from app.cache.single_flight import Joined, SingleFlight
from app.errors import (
    CxfacadeError,
    InternalError,
    NotFound,
    Overloaded,
    StillFetching,
    UpstreamBusy,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from app.owners import Owners
from tests.support.clock import HandClock

KEY, OTHER = b"key", b"other"
CALLERS = 50


class Upstream:
    """Numbers its answers, and gives them when the test opens the gate; fails while `error` is set."""

    def __init__(self) -> None:
        self.calls = 0
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.error: BaseException | None = None

    async def fetch(self) -> int:
        self.calls += 1
        number = self.calls
        self.asked.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return number


class Front:
    """Callers as the service makes them: what is stored is looked up first, in the caller and again in the flight."""

    def __init__(self, flights: SingleFlight, upstream: Upstream) -> None:
        self.flights = flights
        self.upstream = upstream
        self.stored: int | None = None

    async def fetch(self) -> int:
        if self.stored is None:
            self.stored = await self.upstream.fetch()
        return self.stored

    async def ask(self) -> int:
        if self.stored is not None:
            return self.stored
        return (await self.flights.join(KEY, self.fetch, wait_seconds=10)).value

    async def callers(self) -> list[asyncio.Task[int]]:
        """Fifty callers, all waiting on the flight of the first."""
        callers = [asyncio.create_task(self.ask()) for _ in range(CALLERS)]
        await self.upstream.asked.wait()
        return callers


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture
async def flights(hand: HandClock) -> AsyncIterator[SingleFlight]:
    flights = SingleFlight(hand.clock)
    yield flights
    await flights.aclose()
    assert len(flights) == 0


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def front(flights: SingleFlight, upstream: Upstream) -> Front:
    return Front(flights, upstream)


async def settled(callers: list[asyncio.Task[int]]) -> list[int | BaseException]:
    return await asyncio.gather(*callers, return_exceptions=True)


def raising(error: BaseException) -> Callable[[], Awaitable[int]]:
    async def fetch() -> int:
        raise error

    return fetch


async def failure(flights: SingleFlight, fetch: Callable[[], Awaitable[int]], key: bytes = KEY) -> CxfacadeError:
    with pytest.raises(CxfacadeError) as caught:
        await flights.join(key, fetch, wait_seconds=10)
    return caught.value


async def test_fifty_callers_share_the_first_answer(front: Front, flights: SingleFlight, upstream: Upstream) -> None:
    callers = await front.callers()
    upstream.gate.set()
    assert await settled(callers) == [1] * CALLERS
    assert (upstream.calls, len(flights)) == (1, 0)


@pytest.mark.parametrize("leaves", [0, 1, CALLERS - 1])
async def test_a_caller_who_leaves_takes_only_itself_away(
    front: Front, flights: SingleFlight, upstream: Upstream, leaves: int
) -> None:
    callers = await front.callers()
    left = callers.pop(leaves)
    left.cancel()
    assert [type(outcome) for outcome in await settled([left])] == [asyncio.CancelledError]
    assert len(flights) == 1
    upstream.gate.set()
    assert await settled(callers) == [1] * (CALLERS - 1)
    assert (upstream.calls, len(flights)) == (1, 0)


async def test_a_flight_goes_on_without_callers_and_the_next_one_has_its_answer(
    front: Front, flights: SingleFlight, upstream: Upstream
) -> None:
    callers = await front.callers()
    for caller in callers:
        caller.cancel()
    await settled(callers)
    gc.collect()
    latecomer = asyncio.create_task(front.ask())
    upstream.gate.set()
    assert await latecomer == 1
    assert await front.ask() == 1
    assert (upstream.calls, len(flights)) == (1, 0)


class Unrepeatable(CxfacadeError):
    """An error of ours with a bug: the flight itself fails on it."""

    def again(self) -> Self:
        raise TypeError


@pytest.mark.parametrize("error", [UpstreamUnreachable("Connection refused."), Unrepeatable()])
async def test_an_abandoned_failure_is_retrieved_and_leaves_the_map_empty(
    front: Front, flights: SingleFlight, upstream: Upstream, caplog: pytest.LogCaptureFixture, error: CxfacadeError
) -> None:
    upstream.error = error
    callers = await front.callers()
    for caller in callers:
        caller.cancel()
    await settled(callers)
    [flight] = flights._under_way.values()
    upstream.gate.set()
    await asyncio.wait({flight})
    assert len(flights) == 0
    del flight, caller, callers
    gc.collect()
    assert caplog.records == []


async def test_a_failure_reaches_fifty_callers_as_fifty_equal_errors(
    front: Front, flights: SingleFlight, upstream: Upstream
) -> None:
    upstream.error = UpstreamUnreachable("Connection refused.", retry_after_seconds=5)
    callers = await front.callers()
    upstream.gate.set()
    errors = await settled(callers)
    assert len({id(error) for error in errors}) == CALLERS
    assert {
        (type(error), error.detail, error.retry_after_seconds) for error in errors if isinstance(error, CxfacadeError)
    } == {(UpstreamUnreachable, "Connection refused.", 5)}
    assert upstream.error not in errors
    assert (upstream.calls, len(flights)) == (1, 0)


async def test_a_failure_is_remembered_for_its_time_and_no_longer(flights: SingleFlight, hand: HandClock) -> None:
    assert isinstance(await failure(flights, raising(UpstreamTimeout("Too slow."))), UpstreamTimeout)
    hand.advance(4.9)
    remembered = await failure(flights, raising(AssertionError("asked too early")))
    assert (type(remembered), remembered.detail) == (UpstreamTimeout, "Too slow.")
    assert await failure(flights, raising(AssertionError("asked too early"))) is not remembered
    hand.advance(0.1)
    upstream = Upstream()
    upstream.gate.set()
    assert (await flights.join(KEY, upstream.fetch, wait_seconds=10)).value == 1


async def test_a_memo_says_nothing_about_other_keys(flights: SingleFlight) -> None:
    await failure(flights, raising(UpstreamTimeout()))
    upstream = Upstream()
    upstream.gate.set()
    assert (await flights.join(OTHER, upstream.fetch, wait_seconds=10)).value == 1


@pytest.mark.parametrize("error", [UpstreamBusy("All slots are taken."), NotFound("No such interaction.")])
async def test_errors_without_a_memo_are_asked_for_again(flights: SingleFlight, error: CxfacadeError) -> None:
    await failure(flights, raising(error))
    upstream = Upstream()
    upstream.gate.set()
    assert (await flights.join(KEY, upstream.fetch, wait_seconds=10)).value == 1


async def test_memos_are_bounded_and_the_oldest_goes_first(
    flights: SingleFlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_module, "MEMO_BOUND", 2)
    for key in (b"1", b"2", b"3"):
        await failure(flights, raising(UpstreamTimeout()), key)
    assert isinstance(await failure(flights, raising(NotFound()), b"1"), NotFound)
    assert isinstance(await failure(flights, raising(NotFound()), b"2"), UpstreamTimeout)
    assert isinstance(await failure(flights, raising(NotFound()), b"3"), UpstreamTimeout)


async def test_a_bug_is_logged_once_and_each_caller_has_an_internal_error(
    front: Front, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.error = ZeroDivisionError("a bug")
    callers = await front.callers()
    upstream.gate.set()
    errors = await settled(callers)
    assert {type(error) for error in errors} == {InternalError}
    assert len({id(error) for error in errors}) == CALLERS
    [record] = caplog.records
    assert (record.name, record.levelno) == ("cxfacade.cache", logging.ERROR)
    assert record.exc_info is not None
    assert record.exc_info[1] is upstream.error


@pytest.mark.parametrize(
    "bug", [ZeroDivisionError("a bug"), InternalError("Our own call was not built as it should be.")]
)
async def test_a_bug_is_remembered_for_a_second(flights: SingleFlight, hand: HandClock, bug: Exception) -> None:
    await failure(flights, raising(bug))
    hand.advance(0.9)
    assert isinstance(await failure(flights, raising(AssertionError("asked too early"))), InternalError)
    hand.advance(0.1)
    assert isinstance(await failure(flights, raising(NotFound())), NotFound)


def launched(flights: SingleFlight, fetch: Callable[[], Awaitable[int]], key: bytes = KEY) -> int:
    """Launch a flight; how many are under way."""
    flights.launch(key, fetch)
    return len(flights)


async def test_a_launched_flight_is_one_for_its_key_and_whoever_asks_meanwhile_joins_it(
    flights: SingleFlight, upstream: Upstream
) -> None:
    for _ in range(5):
        assert launched(flights, upstream.fetch) == 1
    assert launched(flights, Upstream().fetch, OTHER) == 2
    await upstream.asked.wait()
    joined = asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10))
    await asyncio.sleep(0)
    upstream.gate.set()
    assert await joined == Joined(1, collapsed=True)
    assert upstream.calls == 1


async def test_a_launch_joins_the_flight_that_a_caller_waits_for(flights: SingleFlight, upstream: Upstream) -> None:
    waiting = asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10))
    await upstream.asked.wait()
    assert launched(flights, upstream.fetch) == 1
    upstream.gate.set()
    assert await waiting == Joined(1, collapsed=False)
    assert upstream.calls == 1


async def test_a_launched_flight_that_fails_is_remembered_and_not_launched_again_meanwhile(
    flights: SingleFlight, upstream: Upstream, hand: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.error = UpstreamTimeout("Too slow.")
    upstream.gate.set()
    assert not flights.has_failed(KEY)
    launched(flights, upstream.fetch)
    await asyncio.wait(flights._under_way.values())
    assert (flights.has_failed(KEY), flights.has_failed(OTHER)) == (True, False)
    assert launched(flights, upstream.fetch) == 0
    assert isinstance(await failure(flights, upstream.fetch), UpstreamTimeout)
    hand.advance(5)
    assert not flights.has_failed(KEY)
    assert launched(flights, upstream.fetch) == 1
    await asyncio.wait(flights._under_way.values())
    assert upstream.calls == 2
    gc.collect()
    assert caplog.records == []


async def test_nothing_of_a_request_travels_with_the_flight_it_launches(flights: SingleFlight) -> None:
    viewer: contextvars.ContextVar[str] = contextvars.ContextVar("viewer", default="nobody")
    seen: list[str] = []

    async def fetch() -> int:
        seen.append(viewer.get())
        return 1

    viewer.set("the client")
    launched(flights, fetch)
    await asyncio.wait(flights._under_way.values())
    assert seen == ["nobody"]


async def test_nothing_is_launched_once_closing_has_begun(flights: SingleFlight, upstream: Upstream) -> None:
    launched(flights, upstream.fetch)
    await upstream.asked.wait()
    await flights.aclose()
    assert launched(flights, upstream.fetch) == 0
    assert upstream.calls == 1


async def test_a_remembered_failure_holds_nothing_of_the_fetch(flights: SingleFlight) -> None:
    class Body:
        pass

    watched: list[weakref.ref[Body]] = []

    async def fetch() -> int:
        body = Body()
        watched.append(weakref.ref(body))
        raise UpstreamTimeout

    await failure(flights, fetch)
    gc.collect()
    assert watched[0]() is None


async def test_a_caller_whose_wait_is_over_is_told_and_the_others_wait_on(
    front: Front, flights: SingleFlight, upstream: Upstream, hand: HandClock
) -> None:
    hasty = asyncio.create_task(flights.join(KEY, front.fetch, wait_seconds=3))
    patient = asyncio.create_task(flights.join(KEY, front.fetch, wait_seconds=10))
    await hand.asleep(2)
    hand.advance(3)
    with pytest.raises(StillFetching):
        await hasty
    upstream.gate.set()
    assert await patient == Joined(1, collapsed=True)
    assert (front.stored, upstream.calls, len(flights)) == (1, 1, 0)


async def test_a_wait_that_ends_with_an_answer_leaves_no_sleeper_behind(
    front: Front, upstream: Upstream, hand: HandClock
) -> None:
    upstream.gate.set()
    await front.ask()
    await asyncio.sleep(0)
    assert hand.sleepers == 0


async def test_only_who_joined_another_flight_is_collapsed(flights: SingleFlight, upstream: Upstream) -> None:
    leader = asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10))
    follower = asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10))
    await upstream.asked.wait()
    upstream.gate.set()
    assert await leader == Joined(1, collapsed=False)
    assert await follower == Joined(1, collapsed=True)
    assert await flights.join(KEY, upstream.fetch, wait_seconds=10) == Joined(2, collapsed=False)


async def test_different_keys_fly_side_by_side(flights: SingleFlight, upstream: Upstream) -> None:
    one = asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10))
    await upstream.asked.wait()
    other_upstream = Upstream()
    other_upstream.gate.set()
    assert await flights.join(OTHER, other_upstream.fetch, wait_seconds=10) == Joined(1, collapsed=False)
    assert len(flights) == 1
    upstream.gate.set()
    assert await one == Joined(1, collapsed=False)


async def test_a_caller_who_looked_before_the_landing_does_not_fetch_again(front: Front, upstream: Upstream) -> None:
    upstream.gate.set()
    assert front.stored is None  # this caller's look, before it is held up
    await front.ask()
    assert (await front.flights.join(KEY, front.fetch, wait_seconds=10)).value == 1
    assert upstream.calls == 1


async def test_a_caller_between_landing_and_removal_has_the_outcome(flights: SingleFlight, upstream: Upstream) -> None:
    joined: list[asyncio.Task[Joined[int]]] = []

    async def fetch() -> int:
        # This caller starts in the same turn of the loop that calls the flight's done callbacks.
        joined.append(asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10)))
        return 7

    assert await flights.join(KEY, fetch, wait_seconds=10) == Joined(7, collapsed=False)
    assert await joined[0] == Joined(7, collapsed=True)
    assert upstream.calls == 0


async def test_nothing_of_the_callers_context_travels_with_the_flight(flights: SingleFlight) -> None:
    viewer: contextvars.ContextVar[str] = contextvars.ContextVar("viewer", default="nobody")

    async def fetch() -> str:
        return viewer.get()

    viewer.set("the leader")
    assert (await flights.join(KEY, fetch, wait_seconds=10)).value == "nobody"


async def test_a_fetch_that_is_cancelled_inside_does_not_cancel_its_callers(flights: SingleFlight) -> None:
    assert isinstance(await failure(flights, raising(asyncio.CancelledError())), Overloaded)


async def test_closing_ends_flights_tells_who_waits_and_starts_no_more(front: Front, upstream: Upstream) -> None:
    callers = await front.callers()
    await front.flights.aclose()
    assert len(front.flights) == 0
    assert {type(error) for error in await settled(callers)} == {Overloaded}
    with pytest.raises(Overloaded):
        await front.ask()
    assert upstream.calls == 1


async def test_the_map_keeps_a_newer_flight_of_the_same_key(flights: SingleFlight, upstream: Upstream) -> None:
    older = asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10))
    await upstream.asked.wait()
    first = flights._under_way.pop(KEY)  # as a purge would, so that the next caller asks anew
    gate, newer_upstream = upstream.gate, Upstream()
    newer = asyncio.create_task(flights.join(KEY, newer_upstream.fetch, wait_seconds=10))
    await newer_upstream.asked.wait()
    gate.set()
    await asyncio.wait({first})
    assert (await older).value == 1
    assert len(flights) == 1
    newer_upstream.gate.set()
    assert (await newer).value == 1


async def test_a_failure_is_remembered_for_its_second_and_not_kept_beyond(clock: HandClock) -> None:
    flights, upstream = SingleFlight(clock.clock), Upstream()
    upstream.error = UpstreamUnreachable()
    upstream.gate.set()
    for seconds in (0.0, 0.99):
        clock.advance(seconds)
        with pytest.raises(UpstreamUnreachable):
            await flights.join(KEY, upstream.fetch, wait_seconds=10)
        assert (upstream.calls, flights.has_failed(KEY)) == (1, True)
    clock.advance(0.01)
    upstream.error = None
    assert (await flights.join(KEY, upstream.fetch, wait_seconds=10)).value == 2
    assert not flights._memos


async def test_a_disowned_flight_is_held_on_to_only_while_it_goes_on(clock: HandClock) -> None:
    flights, upstream = SingleFlight(clock.clock), Upstream()
    caller = asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10))
    await upstream.asked.wait()
    flights.detach()
    assert len(flights._disowned) == 1
    upstream.gate.set()
    assert (await caller).value == 1
    await asyncio.sleep(0)
    assert not flights._disowned


async def test_a_flight_is_awaited_until_the_last_of_its_callers_has_left(
    flights: SingleFlight, upstream: Upstream
) -> None:
    callers = [asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10)) for _ in range(2)]
    await upstream.asked.wait()
    for caller in callers:
        assert flights.is_awaited(KEY)
        assert not flights.is_awaited(OTHER)
        caller.cancel()
        await asyncio.wait({caller})
    assert not flights.is_awaited(KEY)
    assert len(flights) == 1
    upstream.gate.set()


@pytest.mark.parametrize("is_detached", [True, False])
async def test_whoever_joins_a_flight_becomes_an_owner_of_it_and_of_no_flight_before_it(
    flights: SingleFlight, upstream: Upstream, is_detached: bool
) -> None:
    def joined(owners: Owners | None) -> "asyncio.Task[Joined[int]]":
        return asyncio.create_task(flights.join(KEY, upstream.fetch, wait_seconds=10, owners=owners))

    first = Owners("first")
    callers = [joined(first), joined(Owners("second")), joined(None)]
    await upstream.asked.wait()
    await asyncio.sleep(0)
    assert list(first.names) == ["first", "second"]
    if is_detached:
        flights.detach(KEY)
    else:
        upstream.gate.set()
        await asyncio.gather(*callers)
        upstream.gate.clear()
    flights.launch(KEY, upstream.fetch)
    callers.append(joined(Owners("third")))
    await asyncio.sleep(0)
    upstream.gate.set()
    await asyncio.gather(*callers)
    assert upstream.calls == 2
    assert list(first.names) == ["first", "second"]
