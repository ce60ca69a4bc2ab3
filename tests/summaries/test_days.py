"""Every measure on twenty seeded days, against polars over the rows of the same grain, and against itself in parts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from math import isnan
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from app.interactions.columns import ColumnType
from app.interactions.facts import Context
from app.interactions.grains import GRAINS, Grain
from app.interactions.times import midnight, written
from app.simulator.arrivals import arrivals
from app.simulator.interaction import Form
from app.simulator.tenant import DEMO_TENANT_ID
from app.summaries.named import named_measures
from app.summaries.summary import Summary
from app.summaries.tally import Packing, Tally
from app.summaries.terms import FUNCTIONS, measure_of
from tests.interactions.records import CONTEXT, facts, made
from tests.summaries.support import grouped, summarised

SEEDS = range(20)
A_DAY = (date(2026, 3, 1) - date(1970, 1, 1)).days
TYPES: Mapping[ColumnType, Any] = {
    "uuid": pl.String,
    "string": pl.String,
    "enum": pl.String,
    "time": pl.Datetime("us", "UTC"),
    "date": pl.Date,
    "int": pl.Int64,
    "float": pl.Float64,
    "bool": pl.Boolean,
}


def flag(name: str) -> pl.Expr:
    return pl.col(f"is_{name}").sum()


def held(condition: pl.Expr) -> pl.Expr:
    return (pl.col("is_answered") & condition).sum() / flag("answered")


OFFERED = (~pl.col("is_requeue")).sum()
LOST = flag("answered") + flag("abandoned")
WAITING = ~(pl.col("is_answered") | pl.col("is_abandoned") | pl.col("is_flow_out"))
NAMED: Mapping[str, Mapping[str, pl.Expr]] = {
    "queue_entries": {
        "count": pl.len(),
        "offered_count": OFFERED,
        "answered_count": flag("answered"),
        "abandoned_count": flag("abandoned"),
        "short_abandon_count": flag("short_abandon"),
        "flow_out_count": flag("flow_out"),
        "abandon_rate": flag("abandoned") / OFFERED,
        "service_level": flag("sla_met") / flag("sla_eligible"),
        "service_level_answered": flag("sla_met") / flag("answered"),
        "service_level_all": flag("sla_met") / LOST,
        "service_level_ignore_short": flag("sla_met") / (LOST - flag("short_abandon")),
        "service_level_credit_short": (flag("sla_met") + flag("short_abandon")) / LOST,
        "average_speed_of_answer_seconds": pl.col("time_to_answer_seconds").mean(),
        "average_wait_seconds": pl.col("queue_seconds").mean(),
        "longest_wait_seconds": pl.col("queue_seconds").max(),
        "longest_current_wait_seconds": (
            pl.col("as_of").first() - pl.col("entered_at").filter(WAITING).min()
        ).dt.total_microseconds()
        / 1e6,
    },
    "agent_legs": {
        "count": pl.len(),
        "average_handle_seconds": pl.col("handle_seconds").mean(),
        "average_talk_hold_wrap_seconds": (pl.col("talk_seconds").fill_null(0) + pl.col("wrap_up_seconds")).mean(),
    },
    "interactions": {
        "count": pl.len(),
        "interaction_count": pl.len(),
        "answered_count": flag("answered"),
        "abandoned_count": flag("abandoned"),
        "transfer_rate": held(pl.col("is_transferred")),
        "hold_rate": held(pl.col("hold_count").fill_null(0) > 0),
        "average_csat_score": pl.col("csat_score").mean(),
        "csat_count": pl.col("csat_score").count(),
        "customer_count": pl.col("customer_key").drop_nulls().n_unique(),
        "contacts_per_customer": pl.col("customer_key").count() / pl.col("customer_key").drop_nulls().n_unique(),
    },
}
OF_COLUMN: Mapping[str, Any] = {
    "sum": pl.Expr.sum,
    "avg": pl.Expr.mean,
    "min": pl.Expr.min,
    "max": pl.Expr.max,
    "distinct": lambda column: column.drop_nulls().n_unique(),
    **{f"p{percent}": (lambda column, percent=percent: ranked(column, percent)) for percent in (50, 90, 95, 99)},
}
BY = {"queue_entries": "queue_name", "agent_legs": "agent_id", "interactions": "first_queue_name"}


def ranked(column: pl.Expr, percent: int) -> pl.Expr:
    """The value of the nearest rank: nothing between two values."""
    known = column.drop_nulls().sort()
    return known.gather((known.len() * percent + 99) // 100 - 1, null_on_oob=True).first()


def context(seed: int) -> Context:
    """At noon in the tenant's zone."""
    return replace(CONTEXT, as_of=datetime(2026, 3, 1, 17, tzinfo=UTC) + timedelta(days=seed))


@cache
def day(seed: int) -> list[bytes]:
    """The interactions of a day of the simulated tenant until noon, some of them still open."""
    rows, noon = arrivals(A_DAY + seed, seed, 8.0, "US/Eastern", DEMO_TENANT_ID), written(context(seed).as_of)
    return [row.encoded(noon, Form()) for row in rows if row.start < noon]


def frame(seed: int, grain: Grain) -> pl.DataFrame:
    """The rows of a grain as its list shows them."""
    rows = [row for record in day(seed) for row in grain.rows(facts(record, context(seed)))]
    return pl.DataFrame(
        {
            column.name: pl.Series([column.value(row) for row in rows], dtype=TYPES[column.type])
            for column in grain.columns.values()
        }
    )


def terms_of(grain: Grain, seed: int = 0, every: int = 1) -> dict[str, pl.Expr]:
    """The named measures of the grain, and each function of each column that takes it, or `every` so many of them."""
    functions = {
        f"{name}:{column.name}": of(pl.col(column.name))
        for name, of in OF_COLUMN.items()
        for column in grain.columns.values()
        if measure_of(f"{name}:{column.name}", grain)
    }
    return {**NAMED[grain.name], **dict([*functions.items()][seed % every :: every])}


def near(term: str, value: Any) -> Any:
    """As both sides have it: a ratio by nothing is null, a flag a number; seconds of a percentile in tenths."""
    if isinstance(value, float):
        if isnan(value) or value in (float("inf"),):
            return None
        return pytest.approx(value, abs=0.0501 if term[0] == "p" and term[1].isdigit() else 1e-3)
    return value


def test_there_is_an_expression_for_every_measure() -> None:
    assert {name: {*named} for name, named in NAMED.items()} == {
        name: {one.name for one in named_measures(GRAINS[name])} for name in NAMED
    }
    assert OF_COLUMN.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("grain", [GRAINS[name] for name in NAMED], ids=NAMED)
@pytest.mark.parametrize("seed", SEEDS)
async def test_every_measure_is_what_another_engine_makes_of_the_rows(seed: int, grain: Grain) -> None:
    terms, by = terms_of(grain, seed, every=20), BY[grain.name]
    rows, totals = await summarised(day(seed), grain.name, *terms, by=(by,), context=context(seed))
    table = frame(seed, grain).with_columns(as_of=pl.lit(context(seed).as_of))
    named = [expression.alias(term) for term, expression in terms.items()]
    expected = {row.pop(by): row for row in table.group_by(by).agg(named).iter_rows(named=True)}
    assert len(rows) == len(expected) > 1
    for row in rows:
        shown = {term: row[term.replace(":", "_")] for term in terms}
        assert shown == {term: near(term, value) for term, value in expected[row[by]].items()}
    (whole,) = table.select(named).iter_rows(named=True)
    assert {term: totals[term.replace(":", "_")] for term in terms} == {
        term: near(term, value) for term, value in whole.items()
    }


def parts_of(seed: int) -> list[list[bytes]]:
    """The day in parts of uneven size."""
    records = day(seed)
    cuts = [0, 1, len(records) // 3, len(records) // 2, len(records)]
    return [records[one:other] for one, other in pairwise(cuts)]


@pytest.mark.parametrize("grain", [GRAINS[name] for name in NAMED], ids=NAMED)
@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_the_tallies_of_parts_are_together_that_of_the_whole(seed: int, grain: Grain) -> None:
    summary = Summary(by=(BY[grain.name],), measures=(*terms_of(grain),), interval="30m")
    parted = grouped((), summary, grain)
    packing = Packing(parted)
    for records in parts_of(seed):
        part = grouped(records, summary, grain, context=context(seed))
        packed = packing.pack(Tally(0, [*part.groups.items()]))
        assert packed is not None
        parted.merge(packing.unpack(packed).groups)
    whole = grouped(day(seed), summary, grain, context=context(seed))
    assert parted.groups == whole.groups


@pytest.mark.parametrize("seed", SEEDS[:10])
async def test_sums_add_up_over_the_groups_and_numbers_of_distinct_values_do_not(seed: int) -> None:
    additive = ("count", "answered_count", "sum:queue_seconds", "distinct:queue_entry_id")
    others = ("distinct:channel_type", "distinct:queue_name")
    rows, totals = await summarised(day(seed), "queue_entries", *additive, *others, by=("exit_type",))
    together = {name: sum(row[name] for row in rows) for name in totals}
    for name in totals:
        if name.replace("_", ":", 1) in others:
            assert together[name] > totals[name], "a queue is in several groups"
        else:
            assert together[name] == pytest.approx(totals[name])


@pytest.mark.parametrize("seed", SEEDS[:10])
async def test_the_rate_of_all_lies_between_those_of_the_queues(seed: int) -> None:
    rows, totals = await summarised(day(seed), "queue_entries", "abandon_rate", by=("queue_name",))
    rates = [row["abandon_rate"] for row in rows]
    assert min(rates) <= totals["abandon_rate"] <= max(rates)


@pytest.mark.parametrize(
    ("zone", "on", "hours"),
    [
        ("US/Eastern", date(2026, 3, 8), 23),
        ("US/Eastern", date(2026, 11, 1), 25),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Asia/Beirut", date(2026, 3, 29), 23),  # its midnight never comes
        ("Asia/Beirut", date(2026, 10, 24), 25),  # its midnight comes twice
    ],
)
async def test_a_day_on_which_clocks_change_is_counted_whole(zone: str, on: date, hours: float) -> None:
    start, end = (midnight(on + timedelta(days=later), ZoneInfo(zone)) for later in (0, 1))
    assert end - start == timedelta(hours=hours)
    times = [start + timedelta(minutes=10 * number) for number in range(-6, int(6 * hours) + 6)]
    records = [made(startTimestamp=written(time)) for time in times]
    asked: dict[str, Any] = {"time_zone": zone, "range_": (start, end), "fill": True}
    days, _ = await summarised(records, "interactions", "count", interval="day", **asked)
    (whole,) = [row for row in days if row["interval_start"] == start]
    assert (whole["interval_seconds"], whole["count"]) == (3600 * hours, 6 * hours)
    for interval in ("15m", "30m", "hour"):
        rows, _ = await summarised(records, "interactions", "count", interval=interval, **asked)
        within = [row for row in rows if start <= row["interval_start"] < end]
        assert sum(row["interval_seconds"] for row in within) == 3600 * hours
        assert sum(row["count"] for row in within) == 6 * hours
