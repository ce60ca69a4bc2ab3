"""Same seed and same moment, same bytes; another seed, other data."""

from dataclasses import replace
from datetime import timedelta

from app.simulator import SimulatorOptions, SimulatorState
from app.simulator.data import arrivals
from app.simulator.forms import Form
from app.simulator.series import series
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
    return [row.encoded(now, form) for row in rows for form in (Form.LIST, Form.ONE_NULLS)[: 1 + (row.kind == "sms")]]


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
