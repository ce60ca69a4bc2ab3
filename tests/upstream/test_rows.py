"""Rows that cannot be read, texts that are no JSON, keys given twice: each costs itself and nothing else."""

import json

import pytest

from app.errors import UpstreamBadAnswer, UpstreamBadEncoding, UpstreamBadNumber, UpstreamError, UpstreamShape
from app.upstream.responses import unreadable
from app.upstream.rows import MOST_RECORD_BYTES, MOST_SAMPLED_BYTES, repeats_keys
from tests.upstream.support import envelope, row
from tests.upstream.talking import ids, talk, talking


@pytest.mark.threat("T46")
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"[NaN]", UpstreamBadNumber),
        (b'{"a": -Infinity}', UpstreamBadNumber),
        (b'{"a":"x\xff"}', UpstreamBadEncoding),
        (b'{"a": "NaN", ', UpstreamBadAnswer),
        (b"Bananas and NaNs", UpstreamBadAnswer),
        (b"<html>", UpstreamBadAnswer),
    ],
)
def test_a_text_that_is_no_json_is_told_by_what_is_wrong_with_it(text: bytes, kind: type[UpstreamError]) -> None:
    assert type(unreadable(text)) is kind


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        (b'{"a": 1, "a": 2}', True),
        (b'{"a": [{"b": 1, "b": 1}]}', True),
        (b'{"a": 1, "b": {"a": 1}}', False),
        (b'{"a": ', False),
        (b"[" * 10_000, False),
        (b'{"a": 1, "a": "' + b"x" * MOST_SAMPLED_BYTES + b'"}', False),
    ],
)
def test_a_key_given_twice_is_found_in_a_short_text(text: bytes, repeats: bool) -> None:
    assert repeats_keys(text) is repeats


WHATEVER = {
    "over-2-53": str(2**53 + 1),
    "int64": str(2**63 - 1),
    "5000-digits": "9" * 5000,
    "huge": "-1e999",
    "deep": "[" * 400 + "]" * 400,
    "wide": "[" + ",".join(["{}"] * 300_000) + "]",
    "keys": "{" + ",".join(f'"{key}":0' for key in range(50_000)) + "}",
    "long": f'"{"x" * 1_000_000}"',
    "card": '"4111 1111 1111 1111"',
}


@pytest.mark.threat("T46")
@pytest.mark.parametrize("value", WHATEVER.values(), ids=WHATEVER)
async def test_whatever_stands_in_an_unknown_field_of_any_row_harms_nothing(value: str) -> None:
    places = (0, 1, 20, 21)
    rows = [row(str(number), **({"fieldFromTheFuture": "here"} if number in places else {})) for number in range(22)]
    body = json.dumps(envelope(rows)).replace('"here"', value).encode()
    async with talking(body) as asked:
        reading = await asked.read()
        assert (ids(reading), reading.lost, reading.shifted) == ([str(number) for number in range(22)], 0, False)
        assert asked.counted("upstream_values_repaired") == 0
        assert asked.counted("upstream_unknown_fields", field="fieldFromTheFuture") == 2  # of rows 0 and 20


EARLY, LATE = "2026-03-02T15:00:00.000Z", "2026-03-02T15:00:01.000Z"


@pytest.mark.parametrize(
    ("times", "count"),
    [
        ({"startTimestamp": LATE, "endTimestamp": EARLY}, 1),
        ({"startTimestamp": LATE, "details": {"endTimestamp": EARLY}}, 1),
        ({"startTimestamp": LATE, "endTimestamp": EARLY, "interactionTime": -1}, 2),
        ({"startTimestamp": LATE, "endTimestamp": EARLY, "interactionTime": 1}, 0),
        ({"startTimestamp": LATE, "endTimestamp": LATE}, 0),
        ({"startTimestamp": LATE, "endTimestamp": None}, 0),
        ({"startTimestamp": None, "endTimestamp": EARLY}, 0),
    ],
)
async def test_a_duration_below_nought_is_null_and_counted(times: dict[str, object], count: int) -> None:
    async with talking(json.dumps(envelope([row("one", **times)])).encode()) as asked:
        assert ids(await asked.read()) == ["one"]
        assert asked.counted("upstream_values_repaired") == count


@pytest.mark.threat("T46")
@pytest.mark.parametrize("number", [str(2**53 + 1), "9" * 5000, "-1", "1.5"])
async def test_a_number_that_cannot_be_read_is_null_and_counted_in_a_known_field(number: str) -> None:
    body = json.dumps(envelope([row("one", customerHolds="here", unknown="here")])).replace('"here"', number).encode()
    async with talking(body) as asked:
        (record,) = (await asked.read()).records
        assert record.interaction.customer_holds is None
        assert asked.counted("upstream_values_repaired") == 1


async def test_a_number_beyond_all_range_in_a_known_field_refuses_the_answer() -> None:
    body = json.dumps(envelope([row("one"), row("two", interactionTime="here")])).replace('"here"', "1e999").encode()
    async with talking(body) as asked:
        with pytest.raises(UpstreamBadNumber):
            await asked.read()


def ill(filling: str, size: int) -> bytes:
    """A record in which something fills so many bytes."""
    count = size // len(filling)
    return b'{"interactionId":"ill","customer":"+15550142","parts":[%s]}' % filling.join([""] * count).encode()


@pytest.mark.threat("T46")
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (ill("{},", MOST_RECORD_BYTES).replace(b",]", b"]"), "too-large"),
        (b'{"interactionId":"ill","customer":"%s"}' % (b"x" * MOST_RECORD_BYTES), "too-large"),
        (ill("{},", 40_000).replace(b",]", b"]").replace(b"parts", b"segments"), "unreadable"),
        (ill("5,", 40_000).replace(b",]", b"]").replace(b"parts", b"agents"), "unreadable"),
        (b'{"customer":"+15550142"}', "no-id"),
    ],
    ids=["10 million objects in small", "long text", "many parts", "many misfits", "no id"],
)
async def test_an_ill_record_costs_that_record_and_is_counted(record: bytes, reason: str) -> None:
    body = json.dumps(envelope([row("one"), row("ill"), row("two")])).encode()
    (was,) = (raw for raw in [json.dumps(row("ill")).encode()] if raw in body)
    async with talking(body.replace(was, record)) as asked:
        reading = await asked.read()
        assert (ids(reading), reading.lost, reading.dropped, reading.complete) == (["one", "two"], 1, 1, True)
        assert asked.counted("upstream_rows_dropped", reason=reason) == 1


async def test_a_record_of_the_largest_size_is_read() -> None:
    record = row("one", customer="")
    filling = "x" * (MOST_RECORD_BYTES - len(json.dumps(record)))
    async with talk(envelope([{**record, "customer": filling}])) as asked:
        assert ids(await asked.read()) == ["one"]


async def test_a_row_that_is_no_object_refuses_the_answer() -> None:
    async with talk(envelope([5], total=1)) as asked:  # type: ignore[list-item]  # what upstream must not send
        with pytest.raises(UpstreamShape):
            await asked.read()


@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        (b'"flowName": "first"', b'"flowName": "first", "flowName": "last"', "repeated-key"),
        (b'"first"', rb'"\ud800"', "repaired-text"),
        (b'{"page"', b'\xef\xbb\xbf{"page"', "repaired-text"),
    ],
)
async def test_an_oddity_of_an_answer_that_is_used_is_counted(was: bytes, becomes: bytes, reason: str) -> None:
    body = json.dumps(envelope([row("one", flowName="first")])).encode().replace(was, becomes)

    async with talking(body) as asked:
        reading = await asked.read()
        assert reading.records[0].interaction.flow_name in {"first", "last", "\ufffd"}
        assert asked.counted("upstream_warnings", reason=reason) == 1
