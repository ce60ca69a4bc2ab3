"""The tenant's rows: same seed and moment, same bytes; and magic values with their rows or trouble (DESIGN §7)."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from app.simulator import SimulatorOptions, SimulatorState
from app.simulator.arrivals import arrivals
from app.simulator.interaction import Form
from app.simulator.world import MAGIC, series
from tests.simulator.support import Asking, asking, ids
from tests.support.simulator import ANCHOR, QUIET

VALUES = ("SIM-10K", "SIM-OPEN")


def everything(options: SimulatorOptions) -> list[bytes]:
    """All bytes of a new simulator, drawn afresh."""
    arrivals.cache_clear()
    series.cache_clear()
    return shown(SimulatorState(options))


def shown(state: SimulatorState) -> list[bytes]:
    now = state.now_text()
    rows = state.world.rows(state.now(), VALUES)
    return [
        row.encoded(now, form)
        for row in rows
        for form in (Form(), Form(one=True, nulls=True))[: 1 + (row.kind == "sms")]
    ]


def test_same_seed_and_anchor_give_the_same_bytes_in_two_instances() -> None:
    assert everything(QUIET) == everything(QUIET)


def test_same_bytes_after_reset() -> None:
    state = SimulatorState(QUIET)
    before = shown(state)
    state.clock.advance(3600)
    state.world.insert(3, state.now(), [("name", "value")])
    state.world.remove([state.world.rows(state.now())[5].id])
    assert shown(state) != before
    state.reset()
    assert shown(state) == before


def test_a_restart_at_a_later_moment_shows_the_same_interactions_and_newer_ones() -> None:
    early, late = SimulatorState(QUIET), SimulatorState(replace(QUIET, anchor=ANCHOR + timedelta(hours=2)))
    before, after = ({row.id for row in state.world.rows(state.now())} for state in (early, late))
    assert len(after - before) > 20
    assert len(before & after) > 500


def test_three_thousand_interactions_are_there_unless_another_number_is_asked_for() -> None:
    state = SimulatorState(SimulatorOptions(anchor=ANCHOR))
    assert len(state.world.rows(state.now())) > 3000


def test_another_seed_gives_other_data() -> None:
    assert not set(everything(QUIET)[:100]) & set(everything(replace(QUIET, seed=8))[:100])


def magic(value: str) -> tuple[str, str]:
    return ("attribute-value", value)


@pytest.mark.parametrize("value", [value for value, row in MAGIC.items() if row.fault is None])
async def test_a_magic_value_brings_as_many_rows_as_its_table_says(upstream: Asking, value: str) -> None:
    rows = await upstream.everything(magic(value))
    assert len(set(ids(rows))) == len(rows) == MAGIC[value].rows
    assert all(value in [hook["hookName"] for hook in row["interactionAttributes"]] for row in rows)


async def test_magic_rows_stay_out_of_other_answers(upstream: Asking) -> None:
    before = (await upstream.ask(("limit", 0)))["total"]
    await upstream.rows(magic("SIM-10K"))
    assert (await upstream.ask(("limit", 0)))["total"] == before
    assert not await upstream.rows(magic("SIM-10K"), magic("VIP"))


async def test_open_abandoned_and_transferred_rows_are_what_they_say(upstream: Asking) -> None:
    assert not any("endTimestamp" in row for row in await upstream.rows(magic("SIM-OPEN"), ("limit", 100)))
    for row in await upstream.rows(magic("SIM-ABANDON"), ("limit", 100)):
        assert row.keys() & {"ivrAbandoned", "customerAbandonTime", "customerHoldAbandoned"}
    transferred = await upstream.rows(magic("SIM-TRANSFER"), ("limit", 100))
    assert {row["customerTransfers"] for row in transferred} == {1, 2, 3}


async def test_rows_of_a_series_are_filtered_like_others(upstream: Asking) -> None:
    rows = await upstream.rows(magic("SIM-2500"), ("limit", 1000))
    middle = rows[500]["startTimestamp"]
    assert ids(await upstream.rows(magic("SIM-2500"), ("start", middle), ("limit", 1000))) == ids(rows[:501])
    assert len({row["startTimestamp"] for row in rows}) == 1000


async def test_slow_and_silent_values_take_their_time() -> None:
    async with asking(slow_seconds=0.05, longest_wait=0.05) as upstream:
        slow = await upstream.get(magic("SIM-SLOW"))
        silent = await upstream.get(magic("SIM-TIMEOUT"))
        assert (slow.status_code, silent.status_code) == (200, 504)
        assert min(slow.elapsed.total_seconds(), silent.elapsed.total_seconds()) >= 0.05


async def test_throttled_for_good_and_failing_once(upstream: Asking) -> None:
    throttled = [await upstream.get(magic("SIM-429")) for _ in range(2)]
    assert [answer.status_code for answer in throttled] == [429, 429]
    assert throttled[0].headers["retry-after"] == "2"
    failing = [await upstream.get(magic("SIM-500-ONCE"), ("limit", limit)) for limit in (1, 1, 2, 2)]
    assert [answer.status_code for answer in failing] == [500, 200, 500, 200]
    upstream.sim.reset()
    assert (await upstream.get(magic("SIM-500-ONCE"), ("limit", 1))).status_code == 500


async def test_broken_answers(upstream: Asking) -> None:
    with pytest.raises(ValueError, match="Expecting"):
        (await upstream.get(magic("SIM-BADJSON"))).json()
    with pytest.raises(httpx.RemoteProtocolError):
        await upstream.get(magic("SIM-TRUNCATED"))
