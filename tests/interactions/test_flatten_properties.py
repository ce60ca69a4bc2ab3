"""Whatever upstream sends, there is a row: total, deterministic, every column there and of its declared type."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.interactions.columns import ColumnType, ListType, Value, reader, with_attributes
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS, INCLUDES
from app.interactions.parts import Interaction
from app.interactions.records import array_of, decode, decoded
from app.interactions.service_level import ServiceLevel
from app.interactions.timeline import KINDS
from tests.interactions.records import CLEAR, CONTEXT, as_json, elements, facts, made, parts, row, spans_of, typed_row
from tests.interactions.strategies import (
    ID,
    Record,
    crowded,
    fields,
    filled,
    is_repeated,
    odd_records,
    rearranged,
    records,
    spoilt,
    texts,
)

ALL_COLUMNS = with_attributes(["accountNumber", "VIP"])
TIME = re.compile(r"\d{4}-(0\d|1[0-2])-[0-3]\d[T]([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z")
DATE = re.compile(r"\d{4}-(0\d|1[0-2])-[0-3]\d")
TEXTS: dict[ColumnType, re.Pattern[str]] = {"time": TIME, "date": DATE}
ZONES = (UTC, ZoneInfo("US/Eastern"), ZoneInfo("Pacific/Kiritimati"), timezone(-timedelta(hours=23, minutes=59)))

contexts = st.builds(replace, st.sampled_from([CONTEXT, CLEAR]), zone=st.sampled_from(ZONES))

views = st.sampled_from([CONTEXT, CLEAR, replace(CONTEXT, attribute_policy={"vip": "drop"})])
service_levels = st.builds(
    replace,
    st.just(CONTEXT),
    service_level=st.builds(
        ServiceLevel,
        abandon_seconds=st.none() | st.just(5.0),
        sla_abandons=st.sampled_from(["ignore", "count"]),
    ),
)


def is_text(value: object) -> bool:
    return isinstance(value, str)


FITS: dict[ColumnType, Any] = {
    "uuid": is_text,
    "string": is_text,
    "enum": is_text,
    "time": lambda value: type(value) is datetime and value.tzinfo is not None,
    "date": lambda value: type(value) is date,
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) is float and isfinite(value),
    "bool": lambda value: type(value) is bool,
}


def fits(value: Value, kind: ColumnType, nullable: bool) -> bool:
    return nullable if value is None else bool(FITS[kind](value))


def reads(value: object, kind: ColumnType, nullable: bool) -> bool:
    """Whether JSON shows a value as the type says."""
    if kind not in TEXTS or value is None:
        return fits(value, kind, nullable)  # type: ignore[arg-type]  # of those that JSON has
    return bool(TEXTS[kind].fullmatch(str(value)))


def shown(record: object, context: Context = CONTEXT) -> dict[str, object]:
    """All that is made of a record: row, nested lists, timeline."""
    found = facts(record, context)
    lists = {include.name: elements(include, found) for include in INCLUDES}
    return {**row(record, context, ALL_COLUMNS), **lists, "timeline": msgspec.to_builtins(spans_of(found))}


@given(st.data(), odd_records, contexts)
def test_any_record_gives_a_row_of_the_declared_types(data: st.DataObject, record: Record, context: Context) -> None:
    text = data.draw(texts(record))
    found, read = typed_row(text, context, ALL_COLUMNS), row(text, context, ALL_COLUMNS)
    assert list(found) == list(read) == [column.name for column in ALL_COLUMNS]
    for column in ALL_COLUMNS:
        assert fits(found[column.name], column.type, column.nullable), column.name
        assert reads(read[column.name], column.type, column.nullable), column.name
        assert not column.allowed or found[column.name] in (*column.allowed, None)


@given(odd_records, contexts)
def test_any_record_gives_nested_lists_whose_elements_have_every_field(record: Record, context: Context) -> None:
    found = facts(record, context)
    for include in INCLUDES:
        for values, element in zip(include.elements(found), elements(include, found), strict=True):
            assert list(element) == [field.name for field in include.columns]
            for field, value in zip(include.columns, values, strict=True):
                assert fits(value, field.type, field.nullable), (include.name, field.name)
                assert reads(element[field.name], field.type, field.nullable), (include.name, field.name)


@given(odd_records, contexts)
def test_any_record_gives_rows_of_the_declared_types_in_every_grain(record: Record, context: Context) -> None:
    found = facts(record, context)
    for grain in GRAINS.values():
        columns = [*grain.columns.values()]
        values = [*map(reader(columns), grain.rows(found))]
        rows = [dict(zip(grain.columns, one, strict=True)) for one in values]
        shown = as_json(ListType(tuple(grain.columns), tuple(column.type for column in columns)), values)
        assert [one.get("position") for one in rows] == ([*range(len(rows))] if grain.is_of_parts else [None])
        for one, read in zip(rows, shown, strict=True):
            for column in columns:
                assert fits(one[column.name], column.type, column.nullable), (grain.name, column.name)
                assert reads(read[column.name], column.type, column.nullable), (grain.name, column.name)
                assert not column.allowed or one[column.name] in (*column.allowed, None)


@given(odd_records, contexts)
def test_any_record_gives_a_timeline_in_order(record: Record, context: Context) -> None:
    spans = spans_of(facts(record, context))
    for span in spans:
        assert span.kind in KINDS
        assert reads(span.started_at, "time", nullable=False)
        assert reads(span.ended_at, "time", nullable=True)
        assert fits(span.offset_seconds, "float", nullable=False)
        assert fits(span.duration_seconds, "float", nullable=True)
    offsets = [span.offset_seconds for span in spans]
    assert offsets == sorted(offsets)


@given(odd_records, contexts)
def test_the_same_record_gives_the_same_bytes_each_time(record: Record, context: Context) -> None:
    first, second = (msgspec.json.encode(shown(record, context)) for _ in range(2))
    assert first == second
    assert json.loads(first)["interaction_id"] == ID


@given(odd_records)
def test_flags_counts_and_totals_agree_with_each_other(record: Record) -> None:
    found = row(record)
    assert found["is_queued"] == (found["queue_entry_count"] != 0)
    assert found["is_transferred"] == (found["transfer_count"] != 0)
    assert found["is_sla_met"] <= found["is_sla_eligible"]
    assert found["is_abandoned"] == (found["abandon_stage"] is not None)
    assert found["is_abandoned"] or found["abandon_seconds"] is None
    assert found["is_answered"] or found["answered_at"] is None
    assert found["ended_at"] is not None or not found["is_final"]
    assert str(found["last_event_at"]) >= str(found["started_at"])
    assert str(found["last_event_at"]) >= str(found["ended_at"] or "")


@given(crowded("segments", "agents", "queues", "hooks", "interactionAttributes", "notes"), views)
def test_the_rows_of_its_parts_add_up_to_the_row_of_the_interaction(record: Record, context: Context) -> None:
    found, rows = row(record, context), parts(record, context)
    legs, entries, segments = rows["agent_legs"], rows["queue_entries"], rows["segments"]
    taken = [leg for leg in legs if leg["is_accepted"]]
    first, last = (taken[0], taken[-1]) if taken else ({}, {})
    first_queue, last_queue = (entries[0], entries[-1]) if entries else ({}, {})
    answered = [entry for entry in entries if entry["is_answered"]]
    conversations = [leg["conversation_started_at"] for leg in legs if leg["conversation_started_at"]]
    told = {
        "offer_count": len(legs),
        "rejected_offer_count": len(legs) - len(taken),
        "agent_count": len({leg["agent_id"] for leg in taken} - {None, ""}),
        "first_agent_id": first.get("agent_id"),
        "first_agent_name": first.get("agent_name"),
        "last_agent_id": last.get("agent_id"),
        "last_agent_name": last.get("agent_name"),
        "answered_at": min(conversations, default=None),
        "is_answered": bool(answered or conversations),
        "queue_entry_count": len(entries),
        "is_queued": bool(entries),
        "first_queue_id": first_queue.get("queue_id"),
        "first_queue_name": first_queue.get("queue_name"),
        "last_queue_id": last_queue.get("queue_id"),
        "last_queue_name": last_queue.get("queue_name"),
        "queue_exit_type": last_queue.get("exit_type"),
        "time_to_answer_seconds": answered[0]["time_to_answer_seconds"] if answered else None,
        "segment_count": len(segments),
        "end_type": segments[-1]["end_type"] if segments and found["ended_at"] else None,
        "note_count": len(rows["notes"]),
        "attribute_count": len(rows["interaction_attributes"]),
    }
    assert {name: found[name] for name in told} == told
    assert sum(leg["talk_time_count"] for leg in legs) == len(rows["talk_times"])


NO_ENTRY = {"sla_outcome": "not_applicable", "is_sla_met": False, "is_sla_eligible": False, "is_short_abandon": False}
OUTCOMES = {  # by answered, abandoned and flow-out; none of them while the customer waits
    (True, False, False): {"met", "missed"},
    (False, True, False): {"excluded", "missed"},
    (False, False, True): {"missed"},
    (False, False, False): {"not_applicable"},
}


@given(crowded("queues", "agents"), service_levels)
def test_a_queue_entry_has_one_end_and_the_first_has_the_outcome_of_the_interaction(
    record: Record, context: Context
) -> None:
    found, entries = row(record, context), parts(record, context)["queue_entries"]
    for entry in entries:
        assert entry["sla_outcome"] in OUTCOMES[entry["is_answered"], entry["is_abandoned"], entry["is_flow_out"]]
        assert entry["is_short_abandon"] <= entry["is_abandoned"]
        assert entry["is_requeue"] <= (entry["position"] > 0)
    left = [entry["position"] for entry in entries if entry["is_abandoned"]]
    assert left == ([len(entries) - 1] if found["abandon_stage"] == "queue" else [])
    first = entries[0] if entries else NO_ENTRY
    assert {name: found[name] for name in NO_ENTRY} == {name: first[name] for name in NO_ENTRY}


@given(st.data(), records)
def test_absent_null_and_empty_are_one(data: st.DataObject, record: Record) -> None:
    assert shown(data.draw(filled(record))) == shown(record)


@given(st.data(), records)
def test_key_order_and_unknown_fields_change_nothing(data: st.DataObject, record: Record) -> None:
    assert shown(data.draw(rearranged(record))) == shown(record)


@given(spoilt())
def test_a_value_of_the_wrong_type_is_counted_and_nothing_else_is_lost(case: tuple[Record, Record, int]) -> None:
    left, with_wrong_values, count = case
    record = decode(json.dumps(with_wrong_values).encode())
    assert record is not None
    assert record.repaired == count
    assert shown(with_wrong_values) == shown(left)


@settings(max_examples=25)
@given(st.lists(odd_records, max_size=4))
def test_what_is_stored_of_records_comes_back_as_it_was(many: list[Record]) -> None:
    interactions = [one.interaction for record in many if (one := decode(json.dumps(record).encode()))]
    stored = decoded(array_of(interactions))
    assert stored == interactions
    assert array_of(stored) == array_of(interactions), "also in the zones of its times"


ARRAYS = [name for name, kind in fields(Interaction) if is_repeated(kind)]


@given(crowded(*ARRAYS), st.sampled_from([{}, {"startTimestamp": "2026-03-02T19:00:00Z"}]), contexts)
def test_what_is_spared_decides_nothing_of_the_columns(record: Record, start: Record, view: Context) -> None:
    """Arrays that no column asked for is read from are not decoded: each column by itself, and of all grains."""
    found = decode(json.dumps({**record, **start}).encode())
    assert found is not None
    for grain in GRAINS.values():
        for name in grain.columns:
            read, spared = reader([grain.columns[name]]), grain.spared([name])
            (left,) = decoded(array_of([found.interaction]), spared)
            rows = [[*map(read, grain.rows(Facts(one, view)))] for one in (found.interaction, left)]
            assert rows[0] == rows[1], (grain.name, name)
            assert (left.segments == ()) or "startTimestamp" not in start or "segments" not in spared


@settings(max_examples=25)
@given(st.lists(records, min_size=2, max_size=2))
def test_the_version_tells_records_apart_and_nothing_but_records(pair: list[Record]) -> None:
    one, other = pair
    versions = {row(record, context)["row_version"] for record in (one,) for context in (CONTEXT, CLEAR)}
    assert len(versions) == 1
    assert row({**one, "queues": [{"queueTime": 1.25}]})["row_version"] not in {
        row({**other, "queues": [{"queueTime": 1.5}]})["row_version"],
        row({**one, "queues": [{"queueTime": 1.5}]})["row_version"],
    }


@pytest.mark.parametrize(
    ("time", "started_at"),
    [
        ("2018-10-30T14:33:45.954Z", "2018-10-30T14:33:45.954Z"),
        ("2018-10-30T14:33:45Z", "2018-10-30T14:33:45.000Z"),
        ("2018-10-30T14:33:45.9547Z", "2018-10-30T14:33:45.954Z"),
        ("2018-10-30T14:33:45", "2018-10-30T14:33:45.000Z"),
        ("2018-10-30 14:33:45", "2018-10-30T14:33:45.000Z"),
        ("2018-10-30T16:33:45.000+02:00", "2018-10-30T14:33:45.000Z"),
        ("2018-10-30T05:03:45.000-09:30", "2018-10-30T14:33:45.000Z"),
        ("0001-01-01T00:00:00.000+14:00", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999-14:00", "9999-12-31T23:59:59.999Z"),
        ("2018-10-30T24:00:00.000Z", "2018-10-31T00:00:00.000Z"),
        ("2018-12-31T24:00:00Z", "2019-01-01T00:00:00.000Z"),
        ("2018-10-30 24:00", "2018-10-31T00:00:00.000Z"),
        ("2018-10-30T24:00:00.000+02:00", "2018-10-30T22:00:00.000Z"),
        ("2018-10-30T24:00:00.001Z", "1970-01-01T00:00:00.000Z"),
        ("2016-12-31T23:59:60.000Z", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_read_in_every_form_and_written_in_one(time: str, started_at: str) -> None:
    assert row(made(startTimestamp=time))["started_at"] == started_at
