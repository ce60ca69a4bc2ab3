"""Tallies: what was packed comes out as it was, and what is kept of parts of the rows makes the same table."""

from copy import deepcopy
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.interactions.grains import GRAINS, Grain
from app.summaries.grouping import Grouping
from app.summaries.intervals import STEPS, Intervals
from app.summaries.named import named_measures
from app.summaries.summary import Summary, measures_of
from app.summaries.tally import Packing, Tally
from app.summaries.terms import FUNCTIONS, measure_of
from tests.interactions.records import CONTEXT, facts
from tests.interactions.strategies import odd_records, records
from tests.summaries.support import MOST_GROUPS


def every_measure(grain: Grain) -> list[str]:
    """Its named measures, and each function of each column that has it."""
    functions = [f"{name}:{column.name}" for name in FUNCTIONS for column in grain.columns.values()]
    return [*(one.name for one in named_measures(grain)), *(term for term in functions if measure_of(term, grain))]


def grouping_of(grain: Grain, summary: Summary) -> Grouping:
    intervals = Intervals(summary.interval, ZoneInfo("US/Eastern")) if summary.interval else None
    return Grouping(summary, measures_of(summary, grain), grain, intervals, MOST_GROUPS)


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
@given(found=st.lists(records | odd_records, max_size=4), interval=st.sampled_from([None, *STEPS]), data=st.data())
@settings(max_examples=25)
def test_what_is_packed_comes_out_as_it_was(
    grain: Grain, found: list[Any], interval: str | None, data: st.DataObject
) -> None:
    by = tuple(data.draw(st.lists(st.sampled_from([*grain.columns]), unique=True, max_size=4)))
    grouping = grouping_of(grain, Summary(by=by, measures=(*every_measure(grain),), interval=interval))
    rows = [row for record in found for row in grain.rows(facts(record, CONTEXT))]
    grouping.add(rows)
    packing, groups = Packing(grouping), deepcopy(grouping.groups)
    packed = packing.pack(Tally(len(rows), [*grouping.groups.items()]))
    if packed is not None:
        counted, unpacked = packing.unpack(packed)
        again = grouping.part()
        again.merge(unpacked)
        assert counted == len(rows)
        assert repr_of(again.groups) == repr_of(groups)


def repr_of(groups: dict[Any, list[Any]]) -> dict[str, list[str]]:
    """So that 1, 1.0 and true differ; sets and counters in order, and times in UTC."""
    return {_shown(key): [_shown(one) for one in figures] for key, figures in groups.items()}


def _shown(value: Any) -> str:
    match value:
        case tuple():
            return f"({', '.join(map(_shown, value))})"
        case set():
            return f"{{{', '.join(sorted(map(_shown, value)))}}}"
        case dict():
            return f"{{{', '.join(sorted(f'{_shown(key)}: {number}' for key, number in value.items()))}}}"
    return value.astimezone(ZoneInfo("UTC")).isoformat() if hasattr(value, "astimezone") else repr(value)


def test_a_sum_beyond_sixty_four_bits_is_not_packed() -> None:
    grouping = grouping_of(GRAINS["interactions"], Summary(measures=("sum:duration_seconds",)))
    packing = Packing(grouping)
    assert packing.pack(Tally(1, [((), [2**64 - 1])])) is not None
    assert packing.pack(Tally(1, [((), [2**64])])) is None


def test_the_parts_of_one_grouping_share_no_group() -> None:
    grouping = grouping_of(GRAINS["interactions"], Summary())
    grouping.part().add([facts({"interactionId": "1"}, CONTEXT)])
    assert grouping.groups == {}
