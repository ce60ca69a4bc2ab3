"""What an answer's bytes and headers say."""

import gzip
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import current_thread, main_thread
from types import MappingProxyType

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from app.cache.reuse import Reuse
from app.cache.stored import Stored
from app.cooperative import INLINE_BYTES
from app.http import responses
from app.http.responses import (
    CODINGS,
    Answer,
    answer_headers,
    cache_control,
    coded,
    content_disposition,
    entity_tag,
    in_coding,
    whole_age,
)

AS_OF = datetime(2026, 11, 23, 6, 40, 0, 250_000, tzinfo=UTC)
CSV = "text/csv; charset=utf-8"
DECODE: dict[str, Callable[[bytes], bytes]] = {"identity": bytes, "gzip": gzip.decompress, "zstd": zstandard.decompress}


TAGGED = st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=5)] * 2, *[st.binary(max_size=5)] * 2)
MASKED = Answer(b"a\r\n1\r\n", "identity", '"e"', CSV, AS_OF)


def sent(answer: Answer, seconds: Mapping[str, float] = MappingProxyType({}), now: datetime = AS_OF) -> dict[str, str]:
    reuse = Reuse(hit=True, ttl=42.9, age=3.7, seconds=seconds)
    fields = answer_headers(answer, reuse, Stored(None, 0, 0, 0, 86400, revalidate_for=30), now)
    assert len(dict(fields)) == len(fields), "a field is there twice"
    return {name.decode(): value.decode() for name, value in fields}


@pytest.mark.parametrize("coding", CODINGS)
@given(body=st.binary(max_size=3000))
def test_a_coded_body_decodes_to_the_identity_bytes_and_is_the_same_each_time(coding: str, body: bytes) -> None:
    assert DECODE[coding](CODINGS[coding](body)) == body
    assert CODINGS[coding](body) == CODINGS[coding](body)


@pytest.mark.parametrize(("size", "in_main_thread"), [(INLINE_BYTES, True), (INLINE_BYTES + 1, False)])
async def test_only_large_bodies_are_coded_in_a_thread(
    monkeypatch: pytest.MonkeyPatch, size: int, in_main_thread: bool
) -> None:
    threads = []

    def spy(identity: bytes) -> bytes:
        threads.append(current_thread() is main_thread())
        return compress(identity)

    compress = CODINGS["gzip"]
    monkeypatch.setitem(CODINGS, "gzip", spy)
    assert gzip.decompress(await coded(b"x" * size, "gzip")) == b"x" * size
    assert threads == [in_main_thread]


@given(TAGGED, st.data())
def test_an_etag_changes_with_each_of_its_parts_and_with_nothing_else(
    parts: tuple[str, str, bytes, bytes], data: st.DataObject
) -> None:
    others = data.draw(TAGGED)
    assert (entity_tag(*parts) == entity_tag(*others)) == (parts == others)


def test_an_etag_moved_across_its_parts_is_another_one() -> None:
    assert entity_tag("ab", "c", b"") != entity_tag("a", "bc", b"")
    assert entity_tag("a", "b", b"c", b"") != entity_tag("a", "b", b"", b"c")


def test_an_etag_is_strong_quoted_and_equal_in_another_process() -> None:
    here = entity_tag("masked", CSV, b"body")
    program = f"from app.http.responses import entity_tag; print(entity_tag('masked', {CSV!r}, b'body'))"
    root = Path(responses.__file__).parents[2]
    there = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here
    assert here[0] == here[-1] == '"'
    assert here[1:-1].isalnum()


@pytest.mark.parametrize("coding", sorted(set(CODINGS) - {"identity"}))
async def test_an_answer_in_another_coding_differs_in_its_body_and_in_its_validator_alone(coding: str) -> None:
    other = in_coding(MASKED, coding, await coded(MASKED.body, coding))
    assert DECODE[coding](bytes(other.body)) == MASKED.body
    assert other == replace(MASKED, body=other.body, coding=coding, etag=f'"e-{coding}"')


def test_a_masked_answer_has_the_published_headers() -> None:
    assert sent(MASKED) == {
        "content-type": CSV,
        "content-length": "6",
        "etag": '"e"',
        "last-modified": "Mon, 23 Nov 2026 06:40:00 GMT",
        "vary": "Accept, Accept-Encoding, Authorization, X-API-Key",
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=45, stale-while-revalidate=30, stale-if-error=300",
        "age": "3",
        "cache-status": "cxfacade; hit; ttl=42",
    }


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.9, "06:40:00"), (3_600, "06:40:00"), (-1, "06:39:59"), (-3_600, "05:40:00")],
)
def test_nothing_was_modified_later_than_now_also_where_the_clock_was_set_back(seconds: float, expected: str) -> None:
    fields = sent(MASKED, now=AS_OF + timedelta(seconds=seconds))
    assert fields["last-modified"] == f"Mon, 23 Nov 2026 {expected} GMT"


@pytest.mark.parametrize(
    ("answer", "field", "value"),
    [
        (replace(MASKED, coding="zstd"), "content-encoding", "zstd"),
        (replace(MASKED, truncated=False, total=0), "x-total-count", "0"),
        (replace(MASKED, truncated=True, total=1834), "x-total-count", "1834"),
        (replace(MASKED, truncated=True), "x-truncated", "true"),
        (replace(MASKED, truncated=False), "x-truncated", "false"),
        (replace(MASKED, truncated=False, hint="A hint. attr=1"), "x-hint", "A hint. attr=1"),
        (replace(MASKED, masked=False), "cache-control", "private, no-store"),
        (replace(MASKED, link_next="http://h/i?a=b&cursor=c"), "link", '<http://h/i?a=b&cursor=c>; rel="next"'),
        (
            replace(MASKED, link_next='http://h/i?a=é>\r\nX: y"'),
            "link",
            '<http://h/i?a=%C3%A9%3E%0D%0AX:%20y%22>; rel="next"',
        ),
        (
            replace(MASKED, file_name="interactions.csv"),
            "content-disposition",
            'attachment; filename="interactions.csv"',
        ),
    ],
)
def test_a_fact_of_the_answer_shows_in_its_field(answer: Answer, field: str, value: str) -> None:
    assert sent(answer)[field] == value


def test_timings_are_told_where_there_are_any() -> None:
    timings = sent(MASKED, {"cache": 0.000125, "upstream": 0.012})["server-timing"]
    assert timings == "cache;dur=0.12, upstream;dur=12.00"
    assert "server-timing" not in sent(MASKED)


@pytest.mark.parametrize(
    ("age", "time_left", "revalidate_for", "stale_for", "expected"),
    [
        (0, 15, 30, 86400, (15, 30, 300)),
        (10, 5, 30, 86400, (15, 30, 300)),
        (20, -5, 30, 86400, (20, 25, 300)),
        (45, -30, 30, 86400, (45, 0, 300)),
        (115, -100, 30, 86400, (115, 0, 300)),
        (150, -100, 30, 300, (150, 0, 200)),
        (350, -300, 300, 300, (350, 0, 0)),
        (0.9, 0.9, 29.9, 299.9, (0, 29, 299)),
        (-3, 15, 10, 10, (15, 10, 10)),
        (15, 0, 3600, 86400, (15, 3600, 300)),
        (99, -99, -1, -1, (99, 0, 0)),
    ],
)
def test_cache_control_holds_the_age_plus_what_is_left_and_the_rest_of_both_bounds(
    age: float, time_left: float, revalidate_for: float, stale_for: float, expected: tuple[int, int, int]
) -> None:
    told = cache_control(age, time_left, revalidate_for, stale_for).decode()
    assert told == "private, max-age={}, stale-while-revalidate={}, stale-if-error={}".format(*expected)


@given(age=st.floats(-10, 1e6), time_left=st.floats(-1e6, 1e6), bounds=st.tuples(*[st.floats(-10, 1e6)] * 2))
def test_a_client_that_subtracts_age_is_left_with_at_most_the_true_rest(
    age: float, time_left: float, bounds: tuple[float, float]
) -> None:
    told = cache_control(age, time_left, *bounds).decode()
    fields = dict(field.partition("=")[::2] for field in told.split(", "))
    left = int(fields["max-age"]) - whole_age(age)
    assert max(0, time_left) - 1 < left <= max(0, time_left)
    for name, bound, most in (
        ("stale-while-revalidate", bounds[0], math.inf),
        ("stale-if-error", bounds[1], 300),
    ):
        usable = bound + min(0, time_left)
        assert 0 <= int(fields[name]) <= max(0, min(most, usable))


@given(st.text(max_size=40))
def test_no_file_name_needs_quoting_or_breaks_the_header(name: str) -> None:
    value = content_disposition(name)
    assert value.startswith('attachment; filename="')
    inner = value.removeprefix('attachment; filename="').removesuffix('"')
    assert inner
    assert all(character.isascii() and (character.isalnum() or character in "._-") for character in inner)
    assert not inner.startswith(".")
