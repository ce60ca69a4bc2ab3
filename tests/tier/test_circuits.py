"""Circuits: nobody waits longer than the budget, nobody asks while the server is slow, and it is found again."""

import asyncio

import pytest

from app.tier.circuits import (
    BUDGET_SECONDS,
    MOST_FAILURES,
    PROBE_SECONDS,
    SLOW,
    SLOW_SHARE,
    TURNS,
    Circuit,
    GuardedClient,
    ServerError,
    TierUnavailable,
)
from tests.support.clock import HandClock


class Server:
    """Answers at once; while it is `frozen`, once it is thawed; while it is `broken`, with an error."""

    def __init__(self) -> None:
        self.moving = asyncio.Event()
        self.moving.set()
        self.broken = False
        self.asked = 0
        self.clients: list[Client] = []

    def connect(self) -> "Client":
        self.clients.append(Client(self))
        return self.clients[-1]


class Client:
    """A client of it; it is told when it is closed, and its calls end then."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.closed = asyncio.Event()

    async def get(self) -> str:
        self.server.asked += 1
        ended = [asyncio.ensure_future(one.wait()) for one in (self.server.moving, self.closed)]
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        for one in ended:
            one.cancel()
        if self.server.broken or self.closed.is_set():
            raise ServerError("broken")
        return "value"

    async def aclose(self) -> None:
        self.closed.set()


async def settled() -> None:
    """Let everything run that waits for nothing but its turn."""
    for _ in range(3 * TURNS):
        await asyncio.sleep(0)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def line(server: Server, clock: HandClock) -> "GuardedClient[Client]":
    return GuardedClient(server.connect, Client.get, clock.clock)


async def _reason(line: "GuardedClient[Client]") -> str:
    with pytest.raises(TierUnavailable) as caught:
        await line.call(Client.get)
    return str(caught.value)


async def _frozen(server: Server, line: "GuardedClient[Client]", clock: HandClock, calls: int = 1) -> list[str]:
    """How so many calls end that begin at once while the server is frozen."""
    server.moving.clear()
    calling = [asyncio.create_task(_reason(line)) for _ in range(calls)]
    await clock.asleep(calls)
    clock.advance(BUDGET_SECONDS)
    return await asyncio.gather(*calling)


async def test_a_call_is_answered(line: "GuardedClient[Client]") -> None:
    assert await line.call(Client.get) == "value"
    await line.aclose()


async def test_nobody_waits_longer_than_the_budget_and_the_call_goes_on(
    server: Server, line: "GuardedClient[Client]", clock: HandClock
) -> None:
    assert await _frozen(server, line, clock) == ["timeout"]
    assert await _reason(line) == "slow"
    assert server.asked == 1
    server.moving.set()
    await settled()
    assert await line.call(Client.get) == "value"
    assert [one.closed.is_set() for one in server.clients] == [False]
    await line.aclose()


async def test_a_caller_who_leaves_cancels_no_call(
    server: Server, line: "GuardedClient[Client]", clock: HandClock
) -> None:
    server.moving.clear()
    calling = asyncio.create_task(line.call(Client.get))
    await clock.asleep()
    calling.cancel()
    await settled()
    assert calling.cancelled()
    clock.advance(0.02)
    assert await _reason(line) == "slow"
    await line.aclose()


async def test_failures_in_a_row_open_the_circuit_and_a_new_client_closes_it(
    server: Server, line: "GuardedClient[Client]", clock: HandClock
) -> None:
    server.broken = True
    assert [await _reason(line) for _ in range(MOST_FAILURES)] == ["error"] * MOST_FAILURES
    assert await _reason(line) == "open"
    for probes in (1, 2):
        await settled()
        clock.advance(PROBE_SECONDS)
        await settled()
        assert server.asked == MOST_FAILURES + probes
        assert await _reason(line) == "open"
    server.broken = False
    await settled()
    clock.advance(PROBE_SECONDS)
    await settled()
    assert await line.call(Client.get) == "value"
    assert [one.closed.is_set() for one in server.clients] == [True, True, True, False]
    await line.aclose()


async def test_an_answer_that_came_while_the_loop_was_busy_is_in_time(
    server: Server, line: "GuardedClient[Client]", clock: HandClock
) -> None:
    server.moving.clear()
    calling = [asyncio.create_task(line.call(Client.get)) for _ in range(MOST_FAILURES)]
    await clock.asleep(MOST_FAILURES)
    clock.advance(1)
    server.moving.set()
    calling.append(asyncio.create_task(line.call(Client.get)))
    assert await asyncio.gather(*calling) == ["value"] * (1 + MOST_FAILURES)
    assert not line.circuit.is_open
    await line.aclose()


async def test_answers_that_are_slower_than_worth_are_given_and_open_the_circuit(
    server: Server, clock: HandClock
) -> None:
    line = GuardedClient(server.connect, Client.get, clock.clock, worth_seconds=0.02)
    for _ in range(round(MOST_FAILURES / SLOW_SHARE)):
        server.moving.clear()
        calling = asyncio.create_task(line.call(Client.get))
        await clock.asleep()
        clock.advance(0.03)
        await clock.asleep()
        server.moving.set()
        assert await calling == "value"
    assert await _reason(line) == "open"
    assert line.circuit.fault == SLOW
    server.moving.clear()
    await settled()
    clock.advance(PROBE_SECONDS)
    await settled()
    clock.advance(0.03)
    await settled()
    await settled()
    server.moving.set()
    await settled()
    assert await _reason(line) == "open"
    await settled()
    clock.advance(PROBE_SECONDS)
    await settled()
    assert await line.call(Client.get) == "value"
    await line.aclose()


async def test_a_frozen_server_costs_only_those_who_ask_at_once(
    server: Server, line: "GuardedClient[Client]", clock: HandClock
) -> None:
    assert await _frozen(server, line, clock, MOST_FAILURES) == ["timeout"] * MOST_FAILURES
    assert await _reason(line) == "open"
    assert server.asked == MOST_FAILURES
    await line.aclose()
    assert server.clients[0].closed.is_set()


async def test_a_late_answer_of_a_probe_does_not_close_the_circuit(
    server: Server, line: "GuardedClient[Client]", clock: HandClock
) -> None:
    await _frozen(server, line, clock, MOST_FAILURES)
    await settled()
    clock.advance(PROBE_SECONDS)
    await settled()
    clock.advance(BUDGET_SECONDS)
    await settled()
    server.moving.set()
    await settled()
    assert server.clients[1].closed.is_set()
    assert line.circuit.is_open
    await settled()
    clock.advance(PROBE_SECONDS)
    await settled()
    assert await line.call(Client.get) == "value"
    await line.aclose()


def test_one_failure_among_good_calls_opens_nothing(clock: HandClock) -> None:
    circuit = Circuit(clock.clock.monotonic)
    for fault in ["late", "late", ""] * MOST_FAILURES:
        call = circuit.admit()
        circuit.settle(call, fault)
        circuit.end(call)
    assert not circuit.is_open


def test_a_call_has_one_say_and_none_after_the_circuit_was_closed(clock: HandClock) -> None:
    circuit = Circuit(clock.clock.monotonic)
    first, *others = [circuit.admit() for _ in range(1 + MOST_FAILURES)]
    for _ in range(MOST_FAILURES):
        circuit.settle(first, "late")
    assert not circuit.is_open
    circuit.close()
    for call in others:
        circuit.settle(call, "late")
    assert not circuit.is_open
