"""Numbers nobody can keep, text that is no JSON, keys given twice: found where they are, and nowhere else."""

import json

import pytest

from app.errors import UpstreamBadAnswer, UpstreamBadEncoding, UpstreamBadNumber, UpstreamError, UpstreamShape
from app.upstream.oddities import MOST_SAMPLED_BYTES, refuse_numbers, repeats_keys, unreadable
from tests.support.raw import Exchange, http, raw_server
from tests.upstream.support import access, envelope, opened, row
from tests.upstream.talking import Talk, talk


@pytest.mark.threat("T46")
@pytest.mark.parametrize(
    "text",
    [b"9007199254740993", b"[-9007199254740993]", b"9" * 5000, b'{"a": 1e999}', b"-1e400", b'"x", 1E+999'],
)
def test_a_number_that_cannot_be_kept_is_refused(text: bytes) -> None:
    with pytest.raises(UpstreamBadNumber):
        refuse_numbers(text)


@pytest.mark.parametrize(
    "text",
    [
        b"9007199254740992",
        b"-9007199254740992",
        b"[0, -1.5, 1e300, 4.25E-7]",
        b'"99999999999999999999"',
        rb'"a \" 99999999999999999999"',
        b'{"1e999": "1e999"}',
        b"",
    ],
)
def test_what_can_be_kept_and_what_is_text_is_left_alone(text: bytes) -> None:
    refuse_numbers(text)


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


async def test_an_unknown_field_with_such_a_number_refuses_the_answer() -> None:
    async with talk(envelope([row("one", fieldFromTheFuture=2**53 + 1)])) as asked:
        with pytest.raises(UpstreamBadNumber):
            await asked.read()


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

    async def script(exchange: Exchange) -> None:
        await exchange.write(http(body))

    async with raw_server(script) as server, opened(access(server.url)) as client:
        reading = await Talk(client, server).read()
        assert reading.records[0].interaction.flow_name in {"first", "last", "\ufffd"}
        assert client.metrics.value("upstream_warnings", reason=reason) == 1
