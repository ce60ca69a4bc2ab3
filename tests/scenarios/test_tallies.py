"""Summaries that are polled: what they cost upstream, and that what is kept of them never shows."""

from itertools import product
from typing import Any

from app.interactions.grains import GRAINS
from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.simulator import ANCHOR, Simulator, running_simulator

POLL_SECONDS = 15
BOARDS = [
    f"{GRAINS[grain].summary_path}?from=now-24h&{by}&{how}"
    for grain, by, how in product(
        ("interactions", "queue_entries", "agent_legs", "segments"),
        ("by=channel_type", "by=direction"),
        ("interval=30m", "interval=hour&fill=zero", "measures=count,p90:position", "sort=-count", "direction=inbound"),
    )
    if not (grain == "interactions" and "position" in how)
]
BOARDS += ["/interactions/summary?from=now-24h&by=started_hour", "/interactions/summary?from=now-24h&by=end_type"]


async def asked_of_upstream(boards: list[str]) -> list[Any]:
    """The calls for lists that upstream was sent while the boards were polled, and the rows that it sent."""
    clock = HandClock(wall=ANCHOR)
    async with (
        running_simulator(TENANT, interactions=150) as simulator,
        running_facade(simulator, clock=clock.clock) as facade,
    ):
        for _ in range(3):
            for board in boards:
                await facade.get(board)
            simulator.insert(2)
            for moving in (clock, simulator):
                moving.advance(POLL_SECONDS)
        return [(call.status, call.rows) for call in simulator.calls("list")]


async def test_forty_boards_cost_upstream_what_one_costs() -> None:
    assert len(BOARDS) == 40
    one = await asked_of_upstream(BOARDS[:1])
    assert len(one) > 3
    assert await asked_of_upstream(BOARDS) == one


def insert(simulator: Simulator) -> None:
    simulator.insert(3)


def join_late(simulator: Simulator) -> None:
    simulator.insert(2, kind="voice-queue-abandon", start="2026-11-17T10:30:00Z")


def erase(simulator: Simulator) -> None:
    simulator.remove(count=2)


def nothing(_simulator: Simulator) -> None:
    """Only time passes: interactions end, and become final."""


VIEWS = (
    "/queue-entries/summary?by=queue_name&interval=30m&measures=service_level,abandon_rate,longest_current_wait_seconds",
    "/interactions/summary?by=is_final&measures=count,customer_count,max:ended_at",
    "/agent-legs/summary?by=agent_id&measures=count,average_handle_seconds,p95:handle_seconds&is_final=false",
)
CHANGES = (nothing, insert, nothing, join_late, erase, insert, nothing, erase)


def forget_tallies(facade: Facade) -> None:
    facade.services.queries.snapshots._store._tallies.clear()


def tallies(facade: Facade) -> int:
    return facade.services.queries.snapshots._store.count("tally")


async def test_after_each_change_a_summary_is_the_one_worked_out_anew(clock: HandClock) -> None:
    async with (
        running_simulator(TENANT, interactions=150) as simulator,
        running_facade(simulator, clock=clock.clock) as facade,
        running_facade(simulator, clock=clock.clock) as anew,
    ):
        for change in CHANGES:
            change(simulator)
            for moving in (clock, simulator):
                moving.advance(1_800)
            for view in VIEWS:
                forget_tallies(anew)
                told, expected = [(await one.get(view)).json() for one in (facade, anew)]
                assert (told["items"], told["meta"]["totals"]) == (expected["items"], expected["meta"]["totals"])
                assert told["meta"]["as_of"] == expected["meta"]["as_of"]
        assert tallies(facade) > tallies(anew)
