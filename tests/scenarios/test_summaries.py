"""Summaries as clients get them: equal to what the rows of the list add up to, cached like any answer, and masked."""

from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from math import isnan
from typing import Any

import polars as pl
import pytest

from app.interactions.grains import GRAINS, Grain
from tests.scenarios.grains import KINDS, populate
from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.keys import given, write
from tests.support.simulator import Simulator, running_simulator

SCOPES: dict[str, Any] = {"anonymous_scopes": "read,notes:read,pii:read"}
RANGE = (("from", "2026-11-16"), ("to", "2026-11-18"))
Json = dict[str, Any]


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock) -> AsyncIterator[Facade]:
    async with running_facade(simulator, clock=clock.clock, **SCOPES) as running:
        yield running


async def summary(facade: Facade, grain: str, **asked: str) -> Json:
    """The envelope of a summary."""
    path = GRAINS[grain].summary_path
    found: Json = (await facade.get(path, *asked.items())).json()
    return found


async def frame(facade: Facade, grain: str, *query: tuple[str, str]) -> pl.DataFrame:
    """All rows of a list, as a reader of CSV has them."""
    answer = await facade.get(f"{GRAINS[grain].path}.csv", *query, ("limit", "10000"))
    return pl.read_csv(BytesIO(answer.content), try_parse_dates=True, infer_schema_length=None)


def share(over: str, by: str) -> pl.Expr:
    return pl.when(pl.col(by).sum() > 0).then(pl.col(over).sum() / pl.col(by).sum())


OF_ENTRIES: dict[str, pl.Expr] = {
    "count": pl.len(),
    "offered_count": (~pl.col("is_requeue")).sum(),
    "answered_count": pl.col("is_answered").sum(),
    "abandoned_count": pl.col("is_abandoned").sum(),
    "short_abandon_count": pl.col("is_short_abandon").sum(),
    "flow_out_count": pl.col("is_flow_out").sum(),
    "abandon_rate": pl.col("is_abandoned").sum() / (~pl.col("is_requeue")).sum(),
    "service_level": share("is_sla_met", "is_sla_eligible"),
    "service_level_answered": share("is_sla_met", "is_answered"),
    "average_speed_of_answer_seconds": pl.col("time_to_answer_seconds").mean(),
    "average_wait_seconds": pl.col("queue_seconds").mean(),
    "longest_wait_seconds": pl.col("queue_seconds").max(),
    "sum:queue_seconds": pl.col("queue_seconds").sum(),
    "distinct:interaction_id": pl.col("interaction_id").n_unique(),
    "min:entered_at": pl.col("entered_at").min(),
    "max:length_at_entry": pl.col("length_at_entry").max(),
}
OF_LEGS: dict[str, pl.Expr] = {
    "count": pl.len(),
    "average_handle_seconds": pl.col("handle_seconds").mean(),
    "avg:is_accepted": pl.col("is_accepted").mean(),
    "sum:talk_seconds": pl.col("talk_seconds").sum(),
    "distinct:interaction_id": pl.col("interaction_id").n_unique(),
}
OF_INTERACTIONS: dict[str, pl.Expr] = {
    "interaction_count": pl.len(),
    "answered_count": pl.col("is_answered").sum(),
    "abandoned_count": pl.col("is_abandoned").sum(),
    "transfer_rate": (pl.col("is_answered") & pl.col("is_transferred")).sum() / pl.col("is_answered").sum(),
    "hold_rate": (pl.col("is_answered") & (pl.col("hold_count") > 0)).sum() / pl.col("is_answered").sum(),
    "average_csat_score": pl.col("csat_score").mean(),
    "csat_count": pl.col("csat_score").count(),
    "customer_count": pl.col("customer_key").drop_nulls().n_unique(),
    "contacts_per_customer": pl.col("customer_key").count() / pl.col("customer_key").drop_nulls().n_unique(),
    "p50:duration_seconds": pl.col("duration_seconds").round(1).quantile(0.5, interpolation="nearest"),
}


@pytest.mark.parametrize(
    ("grain", "by", "measures"),
    [
        ("queue_entries", "queue_name", OF_ENTRIES),
        ("queue_entries", "exit_type", OF_ENTRIES),
        ("agent_legs", "agent_id", OF_LEGS),
        ("interactions", "started_on", OF_INTERACTIONS),
        ("interactions", "first_queue_name", OF_INTERACTIONS),
    ],
)
async def test_every_measure_is_what_another_engine_makes_of_the_rows(
    facade: Facade, grain: str, by: str, measures: dict[str, pl.Expr]
) -> None:
    terms = {term: expression for term, expression in measures.items() if not term.startswith("p")}
    found = await summary(facade, grain, by=by, measures=",".join(terms))
    rows = await frame(facade, grain)
    named = [expression.alias(term.replace(":", "_")) for term, expression in terms.items()]
    for row in rows.group_by(by).agg(named).iter_rows(named=True):
        (same,) = [one for one in found["items"] if str(one[by]) == str(row[by])]
        assert near(same) == near(row)
    assert len(found["items"]) == rows[by].n_unique() > 1
    assert near(found["meta"]["totals"]) == near(rows.select(named).row(0, named=True))


def near(row: Json) -> Json:
    """A row as both sides have it: times as text, floats to a millionth, no number as null."""
    return {name: _near(value) for name, value in row.items()}


def _near(value: Any) -> str:
    if isinstance(value, float):
        return "None" if isnan(value) else f"{value:.6f}"
    return f"{value:%Y-%m-%dT%H:%M:%S}" if hasattr(value, "hour") else str(value)[:19]


async def test_percentiles_are_of_the_nearest_rank(facade: Facade) -> None:
    found = await summary(facade, "queue_entries", by="queue_name", measures="p50:queue_seconds,p90:queue_seconds")
    rows = await frame(facade, "queue_entries")
    for one in found["items"]:
        waits = sorted(rows.filter(pl.col("queue_name") == one["queue_name"])["queue_seconds"].drop_nulls())
        for percent in (50, 90):
            exact = waits[-(-len(waits) * percent // 100) - 1]
            assert one[f"p{percent}_queue_seconds"] == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize("interval", ["15m", "30m", "hour", "day", "week", "month"])
async def test_the_groups_of_every_interval_add_up_to_the_totals(facade: Facade, interval: str) -> None:
    asked = {"interval": interval, "by": "queue_name", "measures": "count,sum:queue_seconds,distinct:interaction_id"}
    found = await summary(facade, "queue_entries", **asked, **dict(RANGE))
    totals = found["meta"]["totals"]
    assert sum(row["count"] for row in found["items"]) == totals["count"] > 0
    assert sum(row["sum_queue_seconds"] for row in found["items"]) == pytest.approx(totals["sum_queue_seconds"])
    assert sum(row["distinct_interaction_id"] for row in found["items"]) >= totals["distinct_interaction_id"]
    whole = await summary(facade, "queue_entries", measures="count", **dict(RANGE))
    assert whole["items"] == [{"count": totals["count"]}]
    filled = await summary(facade, "queue_entries", **asked, **dict(RANGE), fill="zero")
    assert [row for row in filled["items"] if row["count"]] == found["items"]


async def test_a_summary_is_an_answer_like_any_other(facade: Facade, simulator: Simulator, clock: HandClock) -> None:
    target = "/queue-entries/summary?by=queue_name&measures=service_level&from=now-7d/d"
    first = await facade.client.get(target)
    assert first.headers["cache-status"].startswith("cxfacade; fwd=uri-miss; stored")
    assert (first.headers["x-truncated"], first.headers["x-total-count"]) == ("false", str(len(first.json()["items"])))
    again = await facade.client.get(target)
    assert again.headers["cache-status"].startswith("cxfacade; hit")
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    unchanged = await facade.client.get(target, headers={"If-None-Match": first.headers["etag"]})
    assert unchanged.status_code == 304
    head = await facade.client.head(target)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
    calls = len(simulator.calls("list"))
    await facade.get("/agent-legs/summary", ("by", "agent_id"), ("from", "now-7d/d"))
    assert len(simulator.calls("list")) == calls, "another summary of the same rows costs upstream nothing"
    await facade.get(
        "/queue-entries/summary", ("by", "exit_type"), ("from", "now-7d/d"), headers={"Cache-Control": "only-if-cached"}
    )
    await facade.get("/queue-entries/summary", ("attr", "x"), headers={"Cache-Control": "only-if-cached"}, status=504)
    clock.advance(3600)
    later = await facade.client.get(target)
    assert "hit" not in later.headers["cache-status"]


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
async def test_every_grain_has_a_summary_in_every_format(facade: Facade, simulator: Simulator, grain: Grain) -> None:
    populate(simulator, "few", 2 * len(KINDS))
    query = (("attr", "few"), ("by", "channel_type"), ("measures", "count,distinct:interaction_id"))
    envelope = (await facade.get(grain.summary_path, *query)).json()
    rows = envelope["items"]
    assert sum(row["count"] for row in rows) == len(
        (await facade.get(grain.path, ("attr", "few"), ("limit", "1000"))).json()["items"]
    )
    assert (envelope["next"], envelope["next_cursor"]) == (None, None)
    records = (await facade.get(grain.summary_path, *query, ("shape", "records"))).json()
    columns = (await facade.get(grain.summary_path, *query, ("shape", "columns"))).json()
    assert records == rows
    assert columns == {
        name: [row[name] for row in rows] for name in ("channel_type", "count", "distinct_interaction_id")
    }
    lines = [f"{row['channel_type']},{row['count']},{row['distinct_interaction_id']}" for row in rows]
    for csv in (
        await facade.get(f"{grain.summary_path}.csv", *query),
        await facade.get(grain.summary_path, *query, ("format", "csv")),
    ):
        assert csv.text.splitlines() == ["channel_type,count,distinct_interaction_id", *lines]
    assert len((await facade.get(f"{grain.summary_path}.ndjson", *query)).text.splitlines()) == len(rows)
    saved = await facade.get(f"{grain.summary_path}.csv", *query, ("download", "1"))
    assert f'filename="{grain.name}-summary-2026' in saved.headers["content-disposition"]


async def test_a_picker_is_a_summary_by_its_column(facade: Facade) -> None:
    rows = await frame(facade, "queue_entries")
    names = [name for name in rows["queue_name"].unique() if name and name.lower().startswith("s")]
    query = (("by", "queue_name"), ("queue_name.prefix", "S"), ("sort", "-count"), ("limit", "100"))
    picked = (await facade.get("/queue-entries/summary", *query)).json()
    assert sorted(row["queue_name"] for row in picked["items"]) == sorted(names) != []
    counts = [row["count"] for row in picked["items"]]
    assert counts == sorted(counts, reverse=True)
    attributes = (await facade.get("/interaction-attributes/summary", ("by", "name"))).json()["items"]
    assert {row["name"] for row in attributes} == {*(await frame(facade, "interaction_attributes"))["name"]}


async def test_groups_that_are_not_shown_are_told(facade: Facade) -> None:
    whole = await summary(facade, "queue_entries", by="queue_name")
    cut = await facade.get("/queue-entries/summary", ("by", "queue_name"), ("limit", "2"), ("sort", "-count"))
    meta = cut.json()["meta"]
    assert (meta["count"], meta["total"], meta["truncated"]) == (2, len(whole["items"]), True)
    assert cut.headers["x-truncated"] == "true"
    assert meta["totals"] == whole["meta"]["totals"]


async def test_what_cannot_be_summarised_is_refused_with_what_helps(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=10, holds=False, **SCOPES) as facade:
        answer = (await facade.get("/interactions/summary", status=400)).json()
        assert answer["code"] == "summary-needs-complete-result"
        assert "`from` and `to`" in answer["detail"]
    async with running_facade(simulator, clock=clock.clock, max_rows=100, **SCOPES) as facade:
        (row,) = (await facade.get("/interactions/summary")).json()["items"]
        assert row["count"] > 10 * 100 / 2, "more than an answer, or a walk, may hold of them"
        few = (("from", "2026-11-18T12:00:00Z"), ("by", "interaction_id"), ("interval", "15m"), ("fill", "zero"))
        answer = (await facade.get("/interactions/summary", *few, status=400)).json()
        assert answer["code"] == "too-many-groups"
        assert "fewer columns into `by`" in answer["detail"]


async def test_a_summary_needs_what_its_list_needs(simulator: Simulator, clock: HandClock, tmp_path: Any) -> None:
    reader, notes = given("reader", "read"), given("notes", "read", "notes:read")
    keys = write(tmp_path / "keys.json", reader, notes)
    async with running_facade(simulator, clock=clock.clock, client_keys_file=keys) as facade:
        for grain in GRAINS.values():
            needs_more = grain.scope != "read"
            await facade.get(grain.summary_path, status=401)
            await facade.get(grain.summary_path, status=403 if needs_more else 200, headers=reader.bearer)
            answer = await facade.get(grain.summary_path, headers=notes.bearer)
            assert ("no-store" in answer.headers["cache-control"]) is needs_more
        clear = (("by", "customer"), ("pii", "clear"))
        await facade.get("/interactions/summary", *clear, status=403, headers=notes.bearer)
        await facade.get("/interactions/summary", clear[0], status=400, headers=notes.bearer)


async def test_days_are_those_of_the_zone_that_is_named(facade: Facade) -> None:
    zones = {"Asia/Kolkata": "18:30", "US/Eastern": "05:00", "UTC": "00:00", "Asia/Kathmandu": "18:15"}
    for zone, midnight in zones.items():
        asked = {"interval": "day", "time_zone": zone, "from": "2026-11-16", "to": "2026-11-18", "fill": "zero"}
        found = await summary(facade, "interactions", **asked)
        starts = [row["interval_start"][11:16] for row in found["items"]]
        assert starts == [midnight] * 2, "also `from` and `to` are days of that zone"
        assert found["meta"]["time_zone"] == zone


@pytest.mark.threat("T12")
@pytest.mark.parametrize(("policy", "shown"), [("pin=mask", "***67"), ("pin=drop", None), ("", "1234567")])
async def test_groups_and_conditions_see_what_is_shown_of_an_attribute(
    clock: HandClock, policy: str, shown: str | None
) -> None:
    async with running_simulator(TENANT, interactions=40) as simulator:
        simulator.insert(3, name="pin", value="1234567")
        async with running_facade(simulator, clock=clock.clock, attribute_policy=policy) as facade:
            found = await facade.get("/interaction-attributes/summary", ("by", "name,value"), ("name", "pin"))
            assert [(row["value"], row["count"]) for row in found.json()["items"]] == ([(shown, 3)] if shown else [])
            guessed = await facade.get("/interaction-attributes/summary", ("name", "pin"), ("value.prefix", "1"))
            assert guessed.json()["items"] == [{"count": 0 if policy else 3}]


async def test_the_schema_explains_each_measure_and_the_settings_in_force(
    simulator: Simulator, clock: HandClock
) -> None:
    settings: dict[str, Any] = {"sla_seconds": 30, "sla_by_queue": "Support=15", "sla_abandons": "count"}
    async with running_facade(simulator, clock=clock.clock, **settings, **SCOPES) as facade:
        schema = (await facade.get("/schema/queue-entries")).json()
        measures = {one["name"]: one for one in schema["measures"]}
        assert measures["service_level"]["formula"].startswith("Σ is_sla_met ÷ Σ is_sla_eligible")
        assert measures["p90:<column>"]["type"] is None
        assert schema["settings"] == {
            "sla_seconds": 30.0,
            "sla_by_queue": {"Support": 15.0},
            "abandon_seconds": None,
            "sla_abandons": "count",
        }
        by_name = ",".join(name for name in measures if "<" not in name)
        assert set((await summary(facade, "queue_entries", measures=by_name))["items"][0]) == set(by_name.split(","))


@pytest.mark.parametrize("holds", [True, False])
async def test_a_range_is_said_to_be_in_the_future_until_it_begins(
    simulator: Simulator, clock: HandClock, holds: bool
) -> None:
    """Whenever its content was first seen: an hour without rows is seen for the first time but once."""
    asked = (("attr", "nobody-has-this"), ("from", (clock.wall + timedelta(seconds=180)).isoformat()))
    async with running_facade(simulator, clock=clock.clock, holds=holds) as facade:
        told = []
        for _ in range(4):
            told.append([hint["code"] for hint in (await facade.ask(*asked))["meta"]["hints"]])
            clock.advance(120)
    assert told == [["future"], ["future"], [], []]


async def test_an_answer_without_rows_hints_at_what_was_meant(facade: Facade, simulator: Simulator) -> None:
    await facade.get("/queue-entries/summary")
    calls = len(simulator.calls())
    for path in ("/queue-entries", "/queue-entries/summary"):
        empty = (await facade.get(path, ("queue_name", "support"))).json()["meta"]
        (hint,) = empty["hints"]
        assert (hint["code"], hint["parameter"], hint["suggestion"]) == (
            "other-case",
            "queue_name",
            "queue_name=Support",
        )
        assert (await facade.get(path, ("queue_name", "Support"))).json()["meta"]["hints"] == []
        told = await facade.get(f"{path}.csv", ("queue_name", "support"))
        assert told.headers["x-hint"] == f"{hint['text']} queue_name=Support"
        assert "x-hint" not in (await facade.get(f"{path}.csv", ("queue_name", "Support"))).headers
        assert len(simulator.calls()) == calls, "upstream is not asked for a hint"
    (hint,) = (await facade.ask(("attr", "accountNumber=7016941")))["meta"]["hints"]
    assert hint["suggestion"] == "attr_pair=accountNumber=7016941"
    (hint,) = (await facade.ask(("attr_name", "AccountNumber")))["meta"]["hints"]
    assert hint["suggestion"] == "attr_name=accountNumber"
