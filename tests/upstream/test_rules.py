"""The rules of UPSTREAM §10, one test or more each, through the whole client against a scripted server."""

import asyncio
import contextlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import UpstreamError, UpstreamShape, UpstreamWrongTenant
from app.upstream.query import UpstreamQuery
from app.upstream.rows import MOST_RECORD_BYTES, ROWS_A_LOOK, Record
from app.upstream.walk import Position
from tests.support.raw import Exchange, raw_server
from tests.upstream.moving import MovingList
from tests.upstream.support import TENANT, access, attribute, envelope, opened, row
from tests.upstream.talking import Talk, ids, talk, talking

OTHER_TENANT = "99999999-2222-4333-8444-555555555555"
FROM, TO = datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 20, 11, tzinfo=UTC)


async def test_rows_that_are_let_go_leave_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the log nor in a counter, nor in the names that were learnt; and the first block is a whole one."""
    rows = [row("one", attribute("order ", "17")), row("two", attribute("case ", "17")), row("three")]
    async with talk(envelope(rows)) as asked:
        client = asked.opened.client
        reading = await client.interactions(
            UpstreamQuery(("17",)),
            Position(),
            rows=1,
            most=10_000,
            admits=lambda interaction: interaction.interaction_id != "one",
        )
        assert ids(reading) == ["two"]
        assert asked.sent()[-2:] == [("offset", "0"), ("limit", "1000")]
        assert (client.raw_name("order"), client.raw_name("case")) == ("order", "case ")
        assert asked.counted("upstream_rows_dropped", reason="attribute-value") == 1  # the third was not asked for
        assert [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()] == [
            "upstream sent rows that were dropped: 1 (attribute-value)"
        ]


OF_ROWS = "cxfacade_upstream_(?:warnings|unknown_fields|values_repaired|foreign_tenant_rows|rows_dropped)_total"
HIDDEN = row("one", attribute("pin", "17"), secretField=1, interactionTime="x", tenantId=OTHER_TENANT)


@pytest.mark.parametrize(
    "hidden",
    [
        json.dumps(HIDDEN),
        json.dumps(HIDDEN).replace("{", '{"total": 1, "total": 2, ', 1),
        json.dumps({**HIDDEN, "blob": "x" * MOST_RECORD_BYTES}),
        json.dumps({**HIDDEN, "interactionId": None}),
        json.dumps({**HIDDEN, "interactionTime": 0}).replace('"interactionTime": 0', '"interactionTime": 1e999'),
        "5",
        "null",
    ],
)
@pytest.mark.parametrize("seen", [[], [row("two", attribute("tier", "17"), newField=1)]])
async def test_of_rows_that_are_let_go_and_ill_ones_nothing_is_told(
    hidden: str, seen: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a counter nor the log nor an error tells a right guess from a wrong one, nor does what is read."""
    told = []
    for rows in ([hidden], []):
        body = json.dumps(envelope([], len(rows) + len(seen)))
        results = ", ".join([*rows, *map(json.dumps, seen)])
        async with talking(body.replace('"results": []', f'"results": [{results}]').encode()) as asked:
            reading = await asked.opened.client.interactions(
                UpstreamQuery(("17",)),
                Position(),
                rows=1,
                most=10_000,
                admits=lambda interaction: interaction.interaction_id != "one",
            )
            lines = asked.opened.metrics.exposition().decode().splitlines()
            counters = [line for line in lines if re.match(OF_ROWS, line)]
            assert counters
            told.append((ids(reading), reading.lost, reading.complete, reading.shifted, counters))
    assert told[0] == told[1]
    assert not caplog.records


async def test_who_asks_for_the_envelope_alone_is_sent_no_rows() -> None:
    async with talk(envelope(None, 40)) as asked:
        reading = await asked.opened.client.tenancy(UpstreamQuery(("17",)))
        assert (reading.records, reading.total) == ((), 40)
        assert asked.sent() == [("attribute-value", "17"), ("offset", "0"), ("limit", "0")]


async def test_r01_only_get_is_sent() -> None:
    async with talk(envelope([row("one")])) as asked:
        await asked.read()
        await asked.opened.client.tenancy()
        with contextlib.suppress(UpstreamError):
            await asked.opened.client.interaction("one")
        assert {request.method for request in asked.server.requests} == {"GET"}
        assert len(asked.server.requests) == 3


async def test_r02_values_go_out_literally_and_each_once() -> None:
    value = ' 7+3=10%; "a,b" \U0001f642 '
    async with talk(envelope([row("one", attribute("n", value), attribute("m", "x"))])) as asked:
        assert ids(await asked.read(UpstreamQuery((value, "x", value)))) == ["one"]
        assert [value for name, value in asked.sent() if name == "attribute-value"] == [value, "x"]
        assert "%207%2B3%3D10%25%3B" in asked.server.requests[-1].target
        assert "+" not in asked.server.requests[-1].target


async def test_r02_an_empty_value_is_refused_before_any_call() -> None:
    async with talk(envelope(None)) as asked:
        with pytest.raises(ValueError, match="empty"):
            await asked.read(UpstreamQuery(("",)))
        assert asked.server.requests == []


async def test_r03_a_name_is_sent_as_it_was_seen_and_compared_trimmed() -> None:
    async with talk(envelope([row("one", attribute("order ", "17"))])) as asked:
        client = asked.opened.client
        assert client.raw_name("order") == "order"
        await asked.read()
        assert client.raw_name(" order") == "order "
        query = UpstreamQuery(hook_type=client.raw_name("order"), hook_sub_type="interaction-attribute")
        assert ids(await asked.read(query)) == ["one"]
        assert ("hookType", "order ") in asked.sent()
        assert ids(await asked.read(UpstreamQuery(hook_type="order"))) == ["one"]


async def test_r04_a_range_goes_out_in_one_form_and_is_checked_half_open() -> None:
    at = {"first": "2026-11-20T10:00:00.000Z", "last": "2026-11-20T11:00:00.000Z", "early": "2026-11-20T09:59:59.999Z"}
    rows = [row(name, startTimestamp=time) for name, time in at.items()]
    async with talk(envelope(rows)) as asked:
        assert ids(await asked.read(UpstreamQuery(start=FROM, end=TO))) == ["first"]
        sent = dict(asked.sent())
        assert (sent["start"], sent["end"]) == ("2026-11-20T10:00:00.000Z", "2026-11-20T11:00:00.000Z")


async def test_r05_rows_that_were_not_asked_for_are_dropped_counted_and_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [row("one", attribute("n", "17")), row("two", attribute("n", "secret-value")), row("three")]
    async with talk(envelope(rows)) as asked:
        reading = await asked.read(UpstreamQuery(("17",)))
        assert (ids(reading), reading.dropped, reading.total) == (["one"], 2, 3)
        assert asked.counted("upstream_rows_dropped", reason="attribute-value") == 2
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "cxfacade.upstream"]
    assert "attribute-value" in warning
    assert "17" not in warning
    assert "secret" not in warning


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (envelope([row("one")]), ["one"]),
        (envelope(None), []),
        ({"total": 0, "tenantId": TENANT}, []),
        ({"total": 1, "results": {"interactions": [row("one")]}}, ["one"]),
        (row("one"), ["one"]),
    ],
)
async def test_r06_every_known_shape_is_read_in_one_call(document: Any, found: list[str]) -> None:
    async with talk(document) as asked:
        reading = await asked.read()
        assert (ids(reading), reading.complete, reading.shifted) == (found, True, False)
        assert len(asked.server.requests) == 1


async def test_r06_anything_else_is_a_contract_error_and_not_asked_again() -> None:
    async with talk([row("one")]) as asked:
        with pytest.raises(UpstreamShape):
            await asked.read()
        assert len(asked.server.requests) == 1


async def test_r07_a_display_name_equal_to_the_value_does_not_match() -> None:
    link = {"hookType": "zendesk", "hookSubType": "user", "hookName": "Jordan Sample"}
    async with talk(envelope([row("link", hooks=[link]), row("value", attribute("n", "Jordan Sample"))])) as asked:
        assert ids(await asked.read(UpstreamQuery(("Jordan Sample",)))) == ["value"]


async def test_r08_an_old_record_with_hooks_only_matches_by_value() -> None:
    async with talk(envelope([row("old", hooks=[attribute("n", "17")])])) as asked:
        assert ids(await asked.read(UpstreamQuery(("17",)))) == ["old"]


async def test_r09_the_null_switch_is_never_sent() -> None:
    async with talk(envelope([row("one", hooks=[], interactionAttributes=None, contactId=None)])) as asked:
        assert ids(await asked.read()) == ["one"]
        assert not {"green", "includenulls"} & {name for name, _ in asked.sent()}


async def test_r10_an_answer_for_another_tenant_is_refused() -> None:
    async with talk(envelope([row("one")], tenantId=OTHER_TENANT)) as asked:
        with pytest.raises(UpstreamWrongTenant) as caught:
            await asked.read()
        assert OTHER_TENANT not in caught.value.detail
        with pytest.raises(UpstreamWrongTenant):
            await asked.opened.client.tenancy()


async def test_r10_a_row_of_another_tenant_is_kept_and_counted() -> None:
    async with talk(envelope([row("one"), row("two", tenantId=OTHER_TENANT)], tenantId=TENANT.upper())) as asked:
        assert ids(await asked.read()) == ["one", "two"]
        assert asked.counted("upstream_foreign_tenant_rows") == 1


async def test_r11_blocks_are_read_as_far_as_needed_and_in_parallel_within_the_limit() -> None:
    moving = MovingList.of(6_000)
    together, released = asyncio.Event(), 0

    async def before(number: int) -> None:
        nonlocal released
        if number > 1:
            released += 1
            if released >= 3:
                together.set()
            await together.wait()

    moving.before = before
    async with raw_server(moving) as server, opened(access(server.url, concurrency=3)) as client:
        reading = await client.client.interactions(UpstreamQuery(), Position(), rows=5_500, most=10_000)
        assert ids(reading) == moving.ids
        assert server.open_most == 3
        assert moving.asked[0] == (0, 1000)
        assert sorted(moving.asked[1:]) == [(start * 1000, 1000) for start in range(1, 6)]


async def test_r11_a_reading_is_continued_without_repeating_what_is_held() -> None:
    moving = MovingList.of(1_200, reorder=lambda _call, group: group)
    async with raw_server(moving) as server, opened(access(server.url)) as client:
        first = await client.client.interactions(UpstreamQuery(), Position(), rows=100, most=10_000)
        added = moving.insert(3)
        position = Position(first.offset, first.total, frozenset(ids(first)), least_total=first.least_total)
        second = await client.client.interactions(UpstreamQuery(), position, rows=2_000, most=10_000)
        assert [*ids(first), *ids(second)] == [one for one in moving.ids if one not in added]
        assert (second.complete, second.shifted) == (True, False)


async def test_r12_nothing_but_the_canonical_names_is_sent() -> None:
    query = UpstreamQuery(("v",), "t", "s", "i", "c", FROM, TO)
    async with talk(envelope(None)) as asked:
        await asked.read(query)
        names = ["attribute-value", "hookType", "hookSubType", "hookId", "contactId", "start", "end", "offset", "limit"]
        assert [name for name, _ in asked.sent()] == names


async def test_r14_a_value_of_the_wrong_type_loses_no_row_and_a_row_without_id_is_dropped() -> None:
    rows = [row("one", interactionTime="forty-seven"), {"customer": "+15550142"}, row("two", interactionTime=47)]
    async with talk(envelope(rows)) as asked:
        reading = await asked.read()
        assert ids(reading) == ["one", "two"]
        assert [record.interaction.interaction_time for record in reading.records] == [None, 47.0]
        assert asked.counted("upstream_values_repaired") == 1
        assert asked.counted("upstream_rows_dropped", reason="no-id") == 1


@pytest.mark.parametrize("ill", [None, 5, "x", []])
async def test_r14_a_row_that_is_no_object_costs_itself_alone(ill: Any) -> None:
    async with talk(envelope([ill, row("one")])) as asked:
        reading = await asked.read()
        assert (ids(reading), reading.lost, reading.complete, reading.shifted) == (["one"], 1, True, False)
        assert asked.counted("upstream_rows_dropped", reason="unreadable") == 1


async def test_r15_a_record_that_changed_is_read_anew_each_time() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.json(envelope([row("one", customerHolds=exchange.number)]))

    async with raw_server(script) as server, opened(access(server.url)) as client:
        asked = Talk(client, server)
        holds = [(await asked.read()).records[0].interaction.customer_holds for _ in range(2)]
        assert holds == [1, 2]


async def test_r16_unknown_fields_stay_in_the_raw_record_and_are_counted_by_name() -> None:
    rows = [row("one", fieldFromTheFuture={"a": 1}, channelType="hologram", **{"odd name": 1})]
    async with talk(envelope(rows)) as asked:
        (record,) = (await asked.read()).records
        assert isinstance(record, Record)
        assert b'"fieldFromTheFuture": {"a": 1}' in bytes(record.raw)
        assert record.interaction.channel_type == "hologram"
        assert asked.counted("upstream_unknown_fields", field="fieldFromTheFuture") == 1
        assert asked.counted("upstream_unknown_fields", field="other") == 1
        assert asked.counted("upstream_unknown_fields", field="channelType") == 0


async def test_r16_one_row_of_twenty_is_looked_through_for_unknown_fields() -> None:
    rows = [row(str(number), fieldFromTheFuture=1) for number in range(2 * ROWS_A_LOOK)]
    async with talk(envelope(rows)) as asked:
        await asked.read()
        assert asked.counted("upstream_unknown_fields", field="fieldFromTheFuture") == 2


async def test_the_envelope_tells_the_time_zone_and_the_header_that_it_is_simulated() -> None:
    async with talk(envelope(None, 127)) as asked:
        reading = await asked.opened.client.tenancy()
        assert (reading.time_zone, reading.simulated, reading.total, reading.records) == ("US/Eastern", True, 127, ())
        assert asked.sent() == [("offset", "0"), ("limit", "0")]
        assert asked.counted("upstream_calls", endpoint="interactions", status="200") == 1
