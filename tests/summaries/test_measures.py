"""Every measure against a small day worked out by hand, and the formulas of the service level."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.interactions.grains import GRAINS, Grain
from app.summaries.atoms import PARTS_OF_ONE
from app.summaries.named import DERIVED, named_measures
from app.summaries.terms import FUNCTIONS, measure_of
from tests.interactions.records import CONTEXT, sample
from tests.summaries.support import A_DAY, summarised

ENTRIES = {
    "count": 8,
    "offered_count": 7,  # the second entry of the sixth goes on with its wait
    "answered_count": 4,
    "abandoned_count": 2,
    "short_abandon_count": 1,
    "flow_out_count": 1,
    "abandon_rate": 2 / 7,
    "service_level_answered": 3 / 4,
    "service_level_all": 3 / 6,
    "service_level_ignore_short": 3 / 5,
    "service_level_credit_short": 4 / 6,
    "service_level": 3 / 6,  # missed: 45.25 s, the long abandon, and the one that flowed out
    "average_speed_of_answer_seconds": (5 + 19.5 + 45.25 + 12) / 4,
    "average_wait_seconds": (5 + 19.5 + 45.25 + 8 + 90 + 30 + 12) / 7,
    "longest_wait_seconds": 90.0,
    "longest_current_wait_seconds": 100.0,  # entered at 17:58:20, as of 18:00
}
SUPPORT = {
    "count": 6,
    "offered_count": 5,
    "answered_count": 4,
    "abandoned_count": 2,
    "short_abandon_count": 1,
    "flow_out_count": 0,
    "abandon_rate": 2 / 5,
    "service_level_answered": 3 / 4,
    "service_level_all": 3 / 6,
    "service_level_ignore_short": 3 / 5,
    "service_level_credit_short": 4 / 6,
    "service_level": 3 / 5,
    "average_speed_of_answer_seconds": 20.4375,
    "average_wait_seconds": 179.75 / 6,
    "longest_wait_seconds": 90.0,
    "longest_current_wait_seconds": None,
}
SALES = {
    "count": 2,
    "offered_count": 2,
    "answered_count": 0,
    "abandoned_count": 0,
    "short_abandon_count": 0,
    "flow_out_count": 1,
    "abandon_rate": 0.0,
    "service_level_answered": None,
    "service_level_all": None,
    "service_level_ignore_short": None,
    "service_level_credit_short": None,
    "service_level": 0.0,
    "average_speed_of_answer_seconds": None,
    "average_wait_seconds": 30.0,
    "longest_wait_seconds": 30.0,
    "longest_current_wait_seconds": 100.0,
}
INTERACTIONS = {
    "count": 7,
    "interaction_count": 7,
    "answered_count": 4,
    "abandoned_count": 2,
    "transfer_rate": 1 / 4,
    "hold_rate": 2 / 4,
    "average_csat_score": 4.5,
    "csat_count": 2,
    "customer_count": 3,
    "contacts_per_customer": 4 / 3,
}
LEGS = {
    "count": 5,
    "average_handle_seconds": 1050.5 / 4,  # one leg has none
    "average_talk_hold_wrap_seconds": (200 + 250.5) / 2,  # the others' wrap-up is not known
}


def names(grain: str) -> list[str]:
    return [one.name for one in named_measures(GRAINS[grain])]


@pytest.mark.parametrize(
    ("grain", "expected"), [("queue_entries", ENTRIES), ("interactions", INTERACTIONS), ("agent_legs", LEGS)]
)
async def test_each_named_measure_of_a_day_is_the_one_worked_out_by_hand(grain: str, expected: dict[str, Any]) -> None:
    assert names(grain) == [*expected], "each measure is worked out"
    rows, totals = await summarised(A_DAY, grain, *expected)
    assert rows == [pytest.approx(expected)]
    assert totals == rows[0]


async def test_a_queues_figures_are_of_its_own_entries() -> None:
    rows, totals = await summarised(A_DAY, "queue_entries", *ENTRIES, by=("queue_name",))
    found = {row.pop("queue_name"): row for row in rows}
    assert found == {"Support": pytest.approx(SUPPORT), "Sales": pytest.approx(SALES)}
    assert totals == pytest.approx(ENTRIES)


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("sum:queue_seconds", 209.75),
        ("avg:queue_seconds", 209.75 / 7),
        ("min:queue_seconds", 5.0),
        ("max:queue_seconds", 90.0),
        ("distinct:queue_name", 2),
        ("p50:queue_seconds", 19.5),  # of 5 8 12 19.5 30 45.3 90 the fourth
        ("p90:queue_seconds", 90.0),
        ("p95:time_to_answer_seconds", 45.2),  # 45.25 in tenths
        ("p50:time_to_answer_seconds", 12.0),
        ("sum:is_answered", 4),
        ("avg:is_answered", 0.5),
        ("min:entered_at", datetime(2026, 3, 2, 14, 0, 10, tzinfo=UTC)),
        ("max:left_at", datetime(2026, 3, 2, 15, 30, 42, tzinfo=UTC)),
        ("max:position", 1),
        ("p99:position", 1),
        ("distinct:interaction_id", 7),
        ("distinct:is_answered", 2),
    ],
)
async def test_a_function_of_any_column(term: str, expected: object) -> None:
    (row,), _ = await summarised(A_DAY, "queue_entries", term)
    assert row == {term.replace(":", "_"): expected}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("service_level_answered", 0.860),
        ("service_level_all", 0.811),
        ("service_level_ignore_short", 0.827),
        ("service_level_credit_short", 0.830),
    ],
)
def test_the_service_level_of_a_day_of_a_thousand_answers(name: str, expected: float) -> None:
    """Answered 1,000, within the threshold 860; abandoned 60, of which 20 short."""
    sums = {"is_sla_met": 860, "is_answered": 1000, "is_abandoned": 60, "is_short_abandon": 20}
    found = measure_of(name, GRAINS["queue_entries"])
    assert found is not None
    figures = [PARTS_OF_ONE * sums[atom.of] for atom in found.atoms]
    assert round(found.result(figures, CONTEXT.as_of), 3) == expected


async def test_the_documented_interaction() -> None:
    record = sample("interaction-voice-answered")
    (row,), _ = await summarised(
        [record], "queue_entries", "service_level", "average_speed_of_answer_seconds", "sum:is_sla_met"
    )
    assert row == {"service_level": 1.0, "average_speed_of_answer_seconds": 6.591, "sum_is_sla_met": 1}


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
def test_every_row_names_columns_that_there_are(grain: Grain) -> None:
    """Also what is derived: from columns of the same grain."""
    derived = DERIVED.get(grain.name, {})
    for one in named_measures(grain):
        for atom in one.atoms:
            columns = derived[atom.of].columns if atom.of in derived else (atom.of,) if atom.of else ()
            assert set(columns) <= set(grain.columns), one.name
    assert len({one.name for one in named_measures(grain)} | set(grain.columns)) == len(named_measures(grain)) + len(
        grain.columns
    ), "no measure has the name of a column"


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
def test_functions_take_the_columns_of_their_types_alone(grain: Grain) -> None:
    for name, function in FUNCTIONS.items():
        for column in grain.columns.values():
            found = measure_of(f"{name}:{column.name}", grain)
            assert (found is not None) is (column.type in function.types)
            assert found is None or found.name == f"{name}_{column.name}"
    for term in ("nothing", "sum:nothing", "p80:position", "sum:", ":", "count:position"):
        assert measure_of(term, grain) is None
