"""Groups and their table: bounds, parts that merge, and a reference in plain Python."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from math import ceil, isfinite
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import TooManyGroups
from app.interactions.columns import reader
from app.interactions.grains import GRAINS, Grain
from app.summaries.intervals import STEPS
from app.summaries.named import named_measures
from app.summaries.summary import Summary
from app.summaries.terms import FUNCTIONS, measure_of
from tests.interactions.records import CONTEXT, facts
from tests.interactions.strategies import odd_records, records
from tests.summaries.support import A_DAY, entry, grouped, interaction, summarised

QUEUES = st.sampled_from(["Support", "Sales", "Claims"])
SECONDS = st.none() | st.integers(0, 200_000).map(lambda thousandths: thousandths / 1000)
EXITS = st.sampled_from(["success", "abandon", "timeout", None])


@st.composite
def interactions(draw: Any) -> dict[str, object]:
    """Queued somewhere, answered, left or waiting; with agents, or without."""
    number, minute = draw(st.integers(1, 10**6)), draw(st.integers(0, 179))
    time = f"{14 + minute // 60}:{minute % 60:02d}"
    queues = [
        entry(draw(QUEUES), f"{time}:0{place}", draw(st.sampled_from([None, f"{time}:30"])), draw(SECONDS))
        | {"queueExitType": draw(EXITS), "timeToAnswer": draw(SECONDS)}
        for place in range(draw(st.integers(0, 3)))
    ]
    agents = st.fixed_dictionaries(
        {
            "agentId": st.sampled_from("ab"),
            "startTimestamp": st.just(f"2026-03-02T{time}:10Z"),
            "agentHandleTime": SECONDS,
            "agentTalkTime": SECONDS,
            "agentWrapUpTime": SECONDS,
            "agentWorkAccepted": st.booleans(),
        }
    )
    legs = draw(st.lists(agents, max_size=2))
    more: dict[str, Any] = {
        "customerAbandonTime": draw(SECONDS),
        "customerHolds": draw(st.none() | st.integers(0, 3)),
        "customerTransfers": draw(st.none() | st.integers(0, 2)),
        "customerSatisfactionScore": draw(st.none() | st.integers(1, 5)),
        "customer": draw(st.sampled_from([None, "+15550100", "+15550101"])),
    }
    ended = draw(st.sampled_from([None, f"{time}:59"]))
    return interaction(number, f"{time}:00", ended, queues=queues, agents=legs, **more)


RECORDS = st.lists(interactions(), max_size=12)


def shown(records: list[dict[str, object]], grain: Grain) -> list[dict[str, Any]]:
    """The rows of a grain as its list shows them."""
    read = reader([*grain.columns.values()])
    rows = [read(row) for record in records for row in grain.rows(facts(record, CONTEXT))]
    return [dict(zip(grain.columns, row, strict=True)) for row in rows]


def ratio(over: float, by: float) -> float | None:
    return over / by if by else None


class Rows:
    """Rows of a group, to be counted."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def number(self, *flags: str) -> int:
        return sum(all(row[f"is_{flag}"] for flag in flags) for row in self.rows)

    def known(self, column: str) -> list[Any]:
        return [row[column] for row in self.rows if row[column] is not None]

    def mean(self, column: str) -> float | None:
        return ratio(sum(self.known(column)), len(self.known(column)))

    def offered(self) -> int:
        return len(self.rows) - self.number("requeue")

    def held(self) -> int:
        return sum(row["is_answered"] and (row["hold_count"] or 0) > 0 for row in self.rows)

    def wrapped_up(self) -> float | None:
        found = [row for row in self.rows if row["wrap_up_seconds"] is not None]
        return ratio(sum((row["talk_seconds"] or 0) + row["wrap_up_seconds"] for row in found), len(found))

    def waiting(self) -> float | None:
        left = ("is_answered", "is_abandoned", "is_flow_out")
        found = [row["entered_at"] for row in self.rows if row["entered_at"] and not any(row[flag] for flag in left)]
        return (CONTEXT.as_of - min(found)).total_seconds() if found else None


# By plain Python, from the formulas of INTERFACE §10.
REFERENCE: dict[str, Callable[[Rows], Any]] = {
    "count": lambda of: len(of.rows),
    "interaction_count": lambda of: len(of.rows),
    "offered_count": Rows.offered,
    "answered_count": lambda of: of.number("answered"),
    "abandoned_count": lambda of: of.number("abandoned"),
    "short_abandon_count": lambda of: of.number("short_abandon"),
    "flow_out_count": lambda of: of.number("flow_out"),
    "abandon_rate": lambda of: ratio(of.number("abandoned"), of.offered()),
    "service_level": lambda of: ratio(of.number("sla_met"), of.number("sla_eligible")),
    "service_level_answered": lambda of: ratio(of.number("sla_met"), of.number("answered")),
    "service_level_all": lambda of: ratio(of.number("sla_met"), of.number("answered") + of.number("abandoned")),
    "service_level_ignore_short": lambda of: ratio(
        of.number("sla_met"), of.number("answered") + of.number("abandoned") - of.number("short_abandon")
    ),
    "service_level_credit_short": lambda of: ratio(
        of.number("sla_met") + of.number("short_abandon"), of.number("answered") + of.number("abandoned")
    ),
    "average_speed_of_answer_seconds": lambda of: of.mean("time_to_answer_seconds"),
    "average_wait_seconds": lambda of: of.mean("queue_seconds"),
    "longest_wait_seconds": lambda of: max(of.known("queue_seconds"), default=None),
    "longest_current_wait_seconds": Rows.waiting,
    "average_handle_seconds": lambda of: of.mean("handle_seconds"),
    "average_talk_hold_wrap_seconds": Rows.wrapped_up,
    "average_csat_score": lambda of: of.mean("csat_score"),
    "csat_count": lambda of: len(of.known("csat_score")),
    "customer_count": lambda of: len({*of.known("customer_key")}),
    "contacts_per_customer": lambda of: ratio(len(of.known("customer_key")), len({*of.known("customer_key")})),
    "transfer_rate": lambda of: ratio(of.number("answered", "transferred"), of.number("answered")),
    "hold_rate": lambda of: ratio(of.held(), of.number("answered")),
}


def reference(term: str, rows: list[dict[str, Any]]) -> Any:
    function, colon, column = term.partition(":")
    return by_function(function, Rows(rows).known(column), column) if colon else REFERENCE[term](Rows(rows))


def by_function(function: str, values: list[Any], column: str) -> Any:
    if function[0] == "p":
        values = [round(10 * value) / 10 for value in values] if column.endswith("_seconds") else values
        return sorted(values)[ceil(len(values) * int(function[1:]) / 100) - 1] if values else None
    least_and_greatest: dict[str, Callable[..., Any]] = {"min": min, "max": max}
    if function == "distinct":
        return len({*values})
    if function in least_and_greatest:
        return least_and_greatest[function](values, default=None)
    if function == "distinct":
        return len({*values})
    return ratio(sum(values), len(values)) if function == "avg" else sum(values)


def near(values: dict[str, Any]) -> dict[str, Any]:
    """The values with room for the last digits of floats."""
    return {name: pytest.approx(value) if isinstance(value, float) else value for name, value in values.items()}


BY: dict[str, tuple[str, ...]] = {
    "interactions": ("first_queue_name", "is_answered", "started_hour"),
    "queue_entries": ("queue_name", "is_answered", "position"),
    "agent_legs": ("agent_id", "is_accepted"),
}
ADDITIVE = (
    "count",
    "interaction_count",
    "offered_count",
    "answered_count",
    "abandoned_count",
    "flow_out_count",
    "csat_count",
)
TERMS: dict[str, tuple[str, ...]] = {
    "interactions": ("p90:duration_seconds", "avg:hold_count", "max:ended_at", "sum:agent_count"),
    "queue_entries": (
        "p50:queue_seconds",
        "p95:queue_seconds",
        "sum:queue_seconds",
        "distinct:queue_name",
        "min:left_at",
    ),
    "agent_legs": ("p99:handle_seconds", "avg:is_accepted", "sum:talk_seconds", "distinct:agent_id"),
}


@pytest.mark.parametrize("grain", BY)
@given(records=RECORDS, data=st.data())
@settings(max_examples=40)
def test_every_measure_is_that_of_a_reference_in_plain_python(grain: str, records: Any, data: Any) -> None:
    by = tuple(data.draw(st.lists(st.sampled_from(BY[grain]), unique=True, max_size=2)))
    terms = (*(one.name for one in named_measures(GRAINS[grain])), *TERMS[grain])
    rows, totals = asyncio.run(summarised(records, grain, *terms, by=by))
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in shown(records, GRAINS[grain]):
        groups[tuple(row[name] for name in by)].append(row)
    names = {term: term.replace(":", "_") for term in terms}
    expected = {
        key: near({name: reference(term, members) for term, name in names.items()}) for key, members in groups.items()
    }
    assert {tuple(row[name] for name in by): {name: row[name] for name in names.values()} for row in rows} == expected
    assert totals == near({name: reference(term, shown(records, GRAINS[grain])) for term, name in names.items()})
    for name in names.values():
        if name in ADDITIVE or name.startswith("sum_"):
            assert sum(row[name] for row in rows) == pytest.approx(totals[name]), "Σ over groups is the total"


@given(RECORDS, st.integers(0, 12), st.integers(1, 5))
@settings(max_examples=30)
def test_groupings_of_parts_merge_into_that_of_the_whole(records: Any, cut: int, at_once: int) -> None:
    grain = GRAINS["queue_entries"]
    terms = (*(one.name for one in named_measures(grain)), *TERMS["queue_entries"])
    summary = Summary(by=("queue_name",), measures=terms, interval="30m")
    whole = grouped(records, summary, grain, at_once=at_once)
    first, second = (grouped(part, summary, grain) for part in (records[:cut], records[cut:]))
    first.merge(deepcopy(second.groups).items())
    assert first.groups == whole.groups


async def test_each_abandon_rate_of_a_queue_bounds_that_of_all() -> None:
    rows, totals = await summarised(A_DAY, "queue_entries", "abandon_rate", by=("queue_name",))
    rates = [row["abandon_rate"] for row in rows]
    assert min(rates) <= totals["abandon_rate"] <= max(rates)


async def test_no_rows_have_no_groups_and_totals_of_nothing() -> None:
    rows, totals = await summarised(
        [], "queue_entries", "count", "service_level", "sum:queue_seconds", by=("queue_name",)
    )
    assert rows == []
    assert totals == {"count": 0, "service_level": None, "sum_queue_seconds": 0.0}


def test_more_groups_than_one_answer_holds_are_refused() -> None:
    grain, summary = GRAINS["interactions"], Summary(by=("interaction_id",))
    assert len(grouped(A_DAY, summary, grain, most_groups=7).groups) == 7
    with pytest.raises(TooManyGroups, match="more than 6 groups"):
        grouped(A_DAY, summary, grain, most_groups=6)


async def test_rows_fall_into_the_interval_of_the_interaction_or_of_a_column_of_their_own() -> None:
    rows, _ = await summarised(A_DAY, "queue_entries", "count", interval="30m")
    assert {row["interval_start"].strftime("%H:%M"): row["count"] for row in rows} == {
        "14:00": 3,  # the third interaction began a millisecond before the half hour
        "15:00": 2,
        "15:30": 2,
        "17:30": 1,
    }
    rows, _ = await summarised(A_DAY, "queue_entries", "count", interval="30m", at="left_at")
    by_end = {row["interval_start"] and row["interval_start"].strftime("%H:%M"): row["count"] for row in rows}
    assert by_end == {"14:00": 2, "14:30": 1, "15:00": 2, "15:30": 2, None: 1}
    assert {row["interval_seconds"] for row in rows} == {1800, None}


@pytest.mark.parametrize(
    ("start", "end", "partial"),
    [
        (None, None, set()),
        ("14:00:00", None, {"14:00"}),
        ("14:10:00", "16:00:00", {"14:00"}),
        ("13:59:00", "15:30:00", {"15:30"}),
        ("14:00:00", "15:10:00", {"14:00", "15:00", "15:30"}),
    ],
)
async def test_by_a_time_of_their_own_rows_may_lack_at_the_edges_of_the_range(
    start: str | None, end: str | None, partial: set[str]
) -> None:
    range_ = (moment(start) if start else None, moment(end) if end else None)
    rows, _ = await summarised(A_DAY[:6], "queue_entries", "count", interval="30m", at="left_at", range_=range_)
    assert [*rows[0]] == ["interval_start", "interval_seconds", "interval_is_partial", "count"]
    assert {f"{row['interval_start']:%H:%M}" for row in rows if row["interval_is_partial"]} == partial
    (day,), _ = await summarised(A_DAY[:6], "queue_entries", "count", interval="day", at="left_at", range_=range_)
    assert day["interval_is_partial"], "it is not over"
    waiting, _ = await summarised(A_DAY[6:], "queue_entries", "count", interval="30m", at="left_at", range_=range_)
    assert waiting == [{"interval_start": None, "interval_seconds": None, "interval_is_partial": None, "count": 1}]
    rows, _ = await summarised(A_DAY, "queue_entries", "count", interval="30m", range_=range_)
    assert "interval_is_partial" not in rows[0], "by the interaction's start a range holds all it says"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-02T{text}Z")


async def test_filling_gives_every_interval_every_group_seen() -> None:
    range_ = (moment("14:00:00"), moment("16:10:00"))
    rows, totals = await summarised(
        A_DAY[:6],
        "queue_entries",
        "count",
        "service_level",
        interval="30m",
        by=("queue_name",),
        fill=True,
        range_=range_,
    )
    found = {
        (row["interval_start"].strftime("%H:%M"), row["queue_name"]): (row["count"], row["service_level"])
        for row in rows
    }
    empty = (0, None)
    assert found == {
        ("14:00", "Support"): (3, 2 / 3),
        ("14:00", "Sales"): empty,
        ("14:30", "Support"): empty,
        ("14:30", "Sales"): empty,
        ("15:00", "Support"): (2, 0.0),
        ("15:00", "Sales"): empty,
        ("15:30", "Support"): (1, 1.0),
        ("15:30", "Sales"): (1, 0.0),
        ("16:00", "Support"): empty,
        ("16:00", "Sales"): empty,
    }
    assert totals["count"] == 7


@pytest.mark.parametrize(
    ("range_", "first", "count"),
    [
        ((None, None), "14:00", 4),  # from the first seen to the last
        ((moment("13:00:00"), None), "13:00", 10),  # to the time the rows are of
        ((None, moment("17:00:00")), "14:00", 6),
        ((moment("13:59:00"), moment("15:31:00")), "13:30", 5),
    ],
)
async def test_the_range_that_is_filled_is_the_one_asked_for(range_: Any, first: str, count: int) -> None:
    rows, _ = await summarised(A_DAY[:6], "interactions", "count", interval="30m", fill=True, range_=range_)
    starts = sorted(row["interval_start"] for row in rows)
    assert (starts[0].strftime("%H:%M"), len(starts)) == (first, count)
    assert sum(row["count"] for row in rows) == 6


async def test_filling_without_rows_gives_every_interval_where_there_are_no_groups() -> None:
    range_ = (moment("14:00:00"), moment("15:00:00"))
    rows, _ = await summarised([], "interactions", "count", interval="30m", fill=True, range_=range_)
    assert [row["count"] for row in rows] == [0, 0]
    asked: dict[str, Any] = {"interval": "30m", "fill": True, "range_": range_, "by": ("direction",)}
    assert await summarised([], "interactions", "count", **asked) == ([], {"count": 0})


async def test_filling_too_much_is_refused() -> None:
    with pytest.raises(TooManyGroups):
        await summarised(
            A_DAY, "interactions", interval="15m", fill=True, range_=(moment("14:00:00").replace(year=1970), None)
        )


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
@given(found=st.lists(records | odd_records, max_size=4), interval=st.sampled_from([*STEPS]))
@settings(max_examples=25)
def test_whatever_upstream_sends_is_measured_in_numbers_that_json_has(
    grain: Grain, found: list[Any], interval: str
) -> None:
    functions = [f"{name}:{column.name}" for name in FUNCTIONS for column in grain.columns.values()]
    terms = [*(one.name for one in named_measures(grain)), *(term for term in functions if measure_of(term, grain))]
    by = (*grain.columns,)[:4]
    rows, totals = asyncio.run(summarised(found, grain.name, *terms, by=by, interval=interval, at=grain.time_column))
    shown = msgspec.json.decode(msgspec.json.encode([*rows, totals]))
    assert [list(row) for row in shown] == [list(row) for row in (*rows, totals)]
    numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
    assert all(map(isfinite, numbers))


async def test_times_that_look_alike_are_one_group() -> None:
    """Rows show them to the millisecond."""
    rows = [interaction(1, "14:00:00.123400", None), interaction(2, "14:00:00.123900", None)]
    found, _ = await summarised(rows, "interactions", "count", by=("started_at",))
    assert [row["count"] for row in found] == [2]
