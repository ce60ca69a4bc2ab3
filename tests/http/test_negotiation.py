"""What requests ask for in their headers: format, coding, freshness, preconditions and ranges, against RFC 9110."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.reuse import Directives, Reuse
from app.cache.stored import Stored
from app.formats import FORMATS
from app.http.negotiation import (
    LARGEST,
    PREFERENCE,
    cache_directives,
    choose_coding,
    choose_format,
    list_members,
    respond,
)
from app.http.responses import Answer, answer_headers, entity_tag
from app.http.sending import Pieces, Prepared

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
HEADERS = st.none() | st.text(max_size=60) | st.text('*/,;=q.01 \t"gzipstdidentity-x\u0661', max_size=60)
LARGE = 100_000


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("application/json", "json"),
        ("Application/JSON; charset=UTF-8", "json"),
        ("text/csv", "csv"),
        ("TEXT/CSV", "csv"),
        ("text/*", "csv"),
        ("text/csv; header=present; q=0.5", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("application/json;q=0.5, text/csv;q=0.9", "csv"),
        ("application/json, text/csv", "json"),
        ("text/csv, */*", "csv"),
        ("*/*, text/csv;q=0.1", "json"),
        ("application/json;q=0, */*;q=0.5", "ndjson"),
        ("application/*;q=0, */*;q=0.5", "csv"),
        ("application/*;q=0.2, application/json;q=0.1, text/csv;q=0.15", "ndjson"),
        ("*/*;q=0", "json"),
        ("application/json;q=0", "json"),
        ("image/png", "json"),
        (BROWSER, "json"),
        ("text/csv;q=1.5", "json"),
        ("text/csv;q=nan", "json"),
        ("text/csv;q=1e0", "json"),
        ("text/csv;q=0.0001", "json"),
        ("text/csv;q=", "json"),
        ("text/csv;q=0.", "json"),
        ("text/csv;q=1.", "csv"),
        ("text/csv;Q=0.001", "csv"),
        ('text/html;note="a, text/csv"', "json"),
        (",, ,text/csv,,", "csv"),
        (";q=1", "json"),
    ],
)
def test_accept_chooses_by_weight_then_precision_and_falls_back_to_json(accept: str | None, name: str) -> None:
    assert choose_format(None, None, accept).name == name


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
def test_the_extension_wins_over_the_parameter_and_the_parameter_over_accept(known: object) -> None:
    chosen = next(row for row in FORMATS if row is known)
    for other in FORMATS:
        assert choose_format(chosen.extension, other.name, other.media_type) is chosen
        assert choose_format(None, chosen.name, other.media_type) is chosen
        assert choose_format(None, None, chosen.media_type) is chosen


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("zstd", "zstd"),
        ("br", "identity"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, zstd;q=0.9", "gzip"),
        ("zstd;q=0.9, gzip;q=0.9", "zstd"),
        ("gzip;q=0.5", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip, identity", "gzip"),
        ("gzip;q=0", "identity"),
        ("*", "zstd"),
        ("*;q=0.5, gzip", "gzip"),
        ("zstd;q=0, *", "gzip"),
        ("gzip;q=0, zstd;q=0, *", "identity"),
        ("*;q=0", "identity"),
        ("identity;q=0", "identity"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("*;q=0, gzip", "gzip"),
        ("gzip;q=2", "identity"),
        ("gzip;q=inf, zstd;q=-1", "identity"),
    ],
)
def test_the_coding_is_the_heaviest_acceptable_one(accept_encoding: str | None, coding: str) -> None:
    assert choose_coding(accept_encoding, LARGE) == coding


@pytest.mark.parametrize(
    ("accept_encoding", "size", "coding"),
    [
        ("gzip, zstd", 999, "identity"),
        ("gzip, zstd", 1000, "zstd"),
        ("gzip, identity;q=0", 10, "gzip"),
        ("*;q=0, gzip", 10, "gzip"),
    ],
)
def test_small_bodies_stay_as_they_are_unless_identity_is_refused(accept_encoding: str, size: int, coding: str) -> None:
    assert choose_coding(accept_encoding, size) == coding


@given(HEADERS, HEADERS, HEADERS)
def test_no_header_makes_the_choice_of_a_format_fail(
    extension: str | None, parameter: str | None, accept: str | None
) -> None:
    assert choose_format(extension, parameter, accept) in FORMATS


@given(HEADERS, st.integers(0, 10**9))
def test_no_header_makes_the_choice_of_a_coding_fail(accept_encoding: str | None, size: int) -> None:
    assert choose_coding(accept_encoding, size) in PREFERENCE


@given(st.permutations(["gzip;q=0.5", "zstd;q=0.7", "identity;q=0.1", "br"]))
def test_the_order_of_members_does_not_matter(members: list[str]) -> None:
    assert choose_coding(", ".join(members), LARGE) == "zstd"


@pytest.mark.parametrize(
    ("value", "members"),
    [("", []), (" , ,", []), ("a, b\t,c", ["a", "b", "c"]), ('"a,b", W/"c"', ['"a,b"', 'W/"c"']), ('"a, b', ['"a, b'])],
)
def test_commas_between_quotes_do_not_separate_members(value: str, members: list[str]) -> None:
    assert list(list_members(value)) == members


NONE = Directives()

SAID = [
    (None, NONE),
    ("", NONE),
    ("max-age=60", Directives(max_age=60)),
    ("Max-Age=60", Directives(max_age=60)),
    ('max-age="60"', Directives(max_age=60)),
    ("  max-age = 60 ,", Directives(max_age=60)),
    ("max-age=007", Directives(max_age=7)),
    ("max-stale", Directives(max_stale=math.inf)),
    ("max-stale=30", Directives(max_stale=30)),
    ("max-stale, max-stale=30", Directives(max_stale=30)),
    ("min-fresh=10", Directives(min_fresh=10)),
    ("min-fresh=0", Directives(min_fresh=0)),
    ("only-if-cached", Directives(only_if_cached=True)),
    ("ONLY-IF-CACHED,max-age=9", Directives(max_age=9, only_if_cached=True)),
    ("max-age=90, max-age=60, max-age=70", Directives(max_age=60)),
    (
        "min-fresh=1,max-stale=2,max-age=30,only-if-cached",
        Directives(max_age=30, max_stale=2, min_fresh=1, only_if_cached=True),
    ),
    # what is no number says nothing
    ("max-age", NONE),
    ("max-age=", NONE),
    ("max-age=-1", NONE),
    ("max-age=+7", NONE),
    ("max-age=6.5", NONE),
    ("max-age=1_0", NONE),
    ("max-age=1e3", NONE),
    ("max-age=²", NONE),
    ("max-age=٣", NONE),
    ('max-age="', NONE),
    ('max-age=""', NONE),
    ("max-age==60", NONE),
    ("max-age=soon, max-age=60", Directives(max_age=60)),
    ("max-stale=soon", NONE),
    ("max-stale=", NONE),
    # what is too large is the largest
    ("max-age=2147483648", Directives(max_age=LARGEST)),
    ("max-age=2147483647", Directives(max_age=LARGEST - 1)),
    ("max-age=99999999999", Directives(max_age=LARGEST)),
    ("max-age=" + "9" * 5_000, Directives(max_age=LARGEST)),
    ("max-age=" + "0" * 5_000 + "60", Directives(max_age=60)),
    # what is unknown, and what is quoted
    ("no-store", NONE),
    ("no-transform, x-max-age=1, max-age-=2, =3, ;", NONE),
    ('extension="max-age=1, no-cache", max-age=60', Directives(max_age=60)),
    ('extension="\\", max-age=1, no-cache", max-age=60', Directives(max_age=60)),
    ('extension="never closed, max-age=60', NONE),
]


@pytest.mark.parametrize("may_refresh", [False, True])
@pytest.mark.parametrize(("field", "directives"), SAID)
def test_what_is_said_counts_and_what_is_malformed_does_not(
    field: str | None, directives: Directives, may_refresh: bool
) -> None:
    assert cache_directives(field, None, may_refresh=may_refresh) == directives


@pytest.mark.parametrize(
    ("field", "pragma", "tamed", "free"),
    [
        ("no-cache", None, 5, 0),
        ("NO-CACHE", None, 5, 0),
        ('no-cache="x"', None, 5, 0),
        ("no-cache, max-age=60", None, 5, 0),
        ("max-age=0", None, 5, 0),
        ("max-age=4", None, 5, 4),
        ("max-age=5", None, 5, 5),
        ("max-age=6", None, 6, 6),
        (None, "no-cache", 5, 0),
        (None, "No-Cache, other", 5, 0),
        (None, "max-age=60", None, None),
        ("max-age=60", "no-cache", 60, 60),
        ("", "no-cache", None, None),
    ],
)
def test_nobody_without_the_scope_has_upstream_asked_more_than_once_in_five_seconds(
    field: str | None, pragma: str | None, tamed: float | None, free: float | None
) -> None:
    assert cache_directives(field, pragma, may_refresh=False) == Directives(max_age=tamed)
    assert cache_directives(field, pragma, may_refresh=True) == Directives(max_age=free)


@pytest.mark.parametrize("pragma", ["only-if-cached", "max-stale", "min-fresh=3"])
def test_pragma_says_nothing_but_no_cache(pragma: str) -> None:
    assert cache_directives(None, pragma, may_refresh=True) == NONE


names = st.sampled_from(["max-age", "max-stale", "min-fresh", "only-if-cached", "no-cache", "no-store"])
values = st.text('0123456789"\\,;= -', max_size=12).map("={}".format) | st.just("")
plausible = st.lists(st.tuples(names, values).map("".join)).map(",".join)
fields = st.none() | st.text() | plausible


@given(fields, fields, st.booleans())
def test_any_text_is_read_and_every_number_is_within_its_bounds(
    field: str | None, pragma: str | None, may_refresh: bool
) -> None:
    said = cache_directives(field, pragma, may_refresh=may_refresh)
    assert said.max_age is None or (0 if may_refresh else 5) <= said.max_age <= LARGEST
    assert said.max_stale is None or 0 <= said.max_stale <= LARGEST or math.isinf(said.max_stale)
    assert said.min_fresh is None or 0 <= said.min_fresh <= LARGEST


numbers = st.none() | st.integers(5, LARGEST)
spaces = st.text(" \t", max_size=2)


@given(numbers, numbers, numbers, st.booleans(), st.data())
def test_what_was_written_is_read_in_any_order_case_quoting_and_spacing(
    max_age: int | None, max_stale: int | None, min_fresh: int | None, only_if_cached: bool, data: st.DataObject
) -> None:
    given_numbers = {"max-age": max_age, "max-stale": max_stale, "min-fresh": min_fresh}
    quote = data.draw(st.sampled_from(["", '"']))
    members = [f"{name}={quote}{number}{quote}" for name, number in given_numbers.items() if number is not None]
    members = data.draw(st.permutations([*members, *(["only-if-cached"] if only_if_cached else [])]))
    written = ",".join(data.draw(spaces) + member + data.draw(spaces) for member in members)
    if data.draw(st.booleans()):
        written = written.upper()
    assert cache_directives(written, None, may_refresh=False) == Directives(
        max_age, max_stale, min_fresh, only_if_cached
    )


BODY = b"0123456789"
ETAG = '"abc,d"'
AS_OF = datetime(2026, 11, 23, 6, 40, 0, 999_000, tzinfo=UTC)
LAST_MODIFIED = "Mon, 23 Nov 2026 06:40:00 GMT"
EARLIER = "Mon, 23 Nov 2026 06:39:59 GMT"
LATER = "Mon, 23 Nov 2026 06:40:01 GMT"


def prepared(method: str = "GET", **request_headers: str) -> Prepared:
    return prepared_of(BODY, method, **request_headers)


def prepared_of(body: bytes | Pieces, method: str = "GET", **request_headers: str) -> Prepared:
    answer = Answer(body, "gzip", ETAG, "application/json", AS_OF, file_name="a.json", link_next="http://localhost/n")
    answer = replace(answer, truncated=False, total=7, hint="A hint.")
    base = answer_headers(answer, Reuse(hit=True, ttl=2, age=1), Stored(None, 0, 0, 0, 3, revalidate_for=3), AS_OF)
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in request_headers.items()]
    return respond(scope_of(method, fields), answer, base)


def scope_of(method: str, fields: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"method": method, "path": "/interactions", "headers": fields, "state": {"request_id": "req-1"}}


def field(of: Prepared, name: str) -> str | None:
    values = [value.decode() for known, value in of.headers if known == name.encode()]
    assert len(values) <= 1, f"{name} is there twice"
    return values[0] if values else None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 200),
        ({"if_none_match": ETAG}, 304),
        ({"if_none_match": "W/" + ETAG}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": f'"x", W/"y" ,{ETAG}'}, 304),
        ({"if_none_match": '"x", W/"y"'}, 200),
        ({"if_none_match": '"abc", "d"'}, 200),
        ({"if_none_match": "abc,d"}, 200),
        ({"if_none_match": ""}, 200),
        ({"if_none_match": '*, "x"'}, 200),
        ({"if_modified_since": LAST_MODIFIED}, 304),
        ({"if_modified_since": LATER}, 304),
        ({"if_modified_since": EARLIER}, 200),
        ({"if_modified_since": "Monday, 23-Nov-26 06:40:00 GMT"}, 304),
        ({"if_modified_since": "Mon Nov 23 06:40:00 2026"}, 304),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_modified_since": ""}, 200),
        ({"if_modified_since": "Mon, 23 Nov 99999 06:40:00 GMT"}, 200),
        ({"if_none_match": '"x"', "if_modified_since": LATER}, 200),
        ({"if_none_match": ETAG, "if_modified_since": EARLIER}, 304),
        ({"if_none_match": ETAG, "range": "bytes=0-1"}, 304),
        ({"if_modified_since": LATER, "range": "bytes=0-1"}, 304),
    ],
)
def test_a_client_that_holds_the_current_version_gets_304(method: str, sent: dict[str, str], status: int) -> None:
    assert prepared(method, **sent).status == status


def test_a_304_has_no_body_and_the_headers_that_keep_a_stored_answer_current() -> None:
    answer = prepared(if_none_match=ETAG)
    assert answer.body == b""
    of_lists = {b"link", b"x-total-count", b"x-truncated", b"x-hint"}
    current = {b"etag", b"cache-control", b"vary", b"age", b"cache-status"}
    assert {name for name, _ in answer.headers} == current | of_lists
    assert field(answer, "etag") == ETAG


def test_a_client_that_holds_the_content_is_told_that_its_own_copy_is_good() -> None:
    """When a content was first seen is beside it; bytes are joined to equal ones alone."""
    first, second = (entity_tag("masked", "application/json", BODY, beside=moment) for moment in (b"1", b"2"))
    answer = Answer(BODY, "identity", second, "application/json", AS_OF)

    def status_of(name: bytes, tag: str, *more: tuple[bytes, bytes]) -> int:
        return respond(scope_of("GET", [(name, tag.encode()), *more]), answer, []).status

    part = (b"range", b"bytes=0-1")
    for tag in (first, second):
        told = respond(scope_of("GET", [(b"if-none-match", f'"x", W/{tag}'.encode())]), answer, [])
        assert (told.status, told.headers) == (304, [(b"etag", tag.encode())])
    other = entity_tag("masked", "application/json", b"other", beside=b"2")
    assert status_of(b"if-none-match", other) == status_of(b"if-none-match", first.replace(".", "-")) == 200
    assert [status_of(b"if-range", tag, part) for tag in (first, second)] == [200, 206]
    assert [status_of(b"if-match", tag, part) for tag in (first, second)] == [200, 206]


def test_lines_of_one_field_are_one_list() -> None:
    answer = Answer(BODY, "identity", ETAG, "application/json", AS_OF)
    lines = [(b"if-none-match", b'"x"'), (b"accept", b"*/*"), (b"if-none-match", ETAG.encode())]
    assert respond(scope_of("GET", lines), answer, []).status == 304


def test_head_has_the_headers_of_get_and_no_body() -> None:
    get, head = prepared("GET"), prepared("HEAD")
    assert head.headers == get.headers
    assert (get.body, head.body) == (BODY, b"")
    assert field(head, "content-length") == "10"
    assert field(head, "content-range") is None


def test_head_ignores_range() -> None:
    assert prepared("HEAD", range="bytes=0-1") == prepared("HEAD")
    assert prepared("HEAD", range="bytes=99-") == prepared("HEAD")


@pytest.mark.parametrize(
    ("sent", "body", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=0-", BODY, "bytes 0-9/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=9-9", b"9", "bytes 9-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
        (f"bytes=5-{'9' * 6000}", b"56789", "bytes 5-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-10", BODY, "bytes 0-9/10"),
        ("bytes=-65536", BODY, "bytes 0-9/10"),
        (f"bytes=-{'9' * 6000}", BODY, "bytes 0-9/10"),
        ("Bytes=1-2", b"12", "bytes 1-2/10"),
        (" bytes = 1 - 2 ", b"12", "bytes 1-2/10"),
        ("bytes=0001-0002", b"12", "bytes 1-2/10"),
    ],
)
def test_a_single_range_gets_its_part(sent: str, body: bytes, content_range: str) -> None:
    answer = prepared(range=sent)
    assert (answer.status, answer.body) == (206, body)
    assert field(answer, "content-range") == content_range
    assert field(answer, "content-length") == str(len(body))
    kept = {name for name, _ in prepared().headers}
    assert {name for name, _ in answer.headers} == kept | {b"content-range"}


@pytest.mark.parametrize("sent", ["bytes=10-", "bytes=10-20", f"bytes={'9' * 6000}-", "bytes=-0", "bytes=-000"])
def test_a_range_past_the_end_is_a_problem_that_tells_the_length(sent: str) -> None:
    answer = prepared(range=sent)
    problem = json.loads(bytes(answer.body))
    assert answer.status == problem["status"] == 416
    assert (problem["code"], problem["request_id"], problem["instance"]) == (
        "range-not-satisfiable",
        "req-1",
        "/interactions",
    )
    assert field(answer, "content-range") == "bytes */10"
    assert field(answer, "content-type") == "application/problem+json"
    assert field(answer, "cache-control") == "no-store"
    assert field(answer, "content-length") == str(len(answer.body))
    assert field(answer, "etag") is None


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=4-2",
        "bytes=a-b",
        "bytes=1-b",
        "bytes=+1-2",
        "bytes=1_0-",
        "bytes=\u0661-",
        "bytes=1.0-2",
        "bytes=--1",
        "bytes=0-1,4-5",
        "bytes=0-1,",
        "rows=0-1",
        "0-1",
        "bytes 0-1",
    ],
)
def test_a_malformed_or_multiple_range_is_ignored(sent: str) -> None:
    assert prepared(range=sent) == prepared()
    assert field(prepared(range=sent), "content-range") is None


@pytest.mark.parametrize(("sent", "status"), [("bytes=-5", 200), ("bytes=0-", 416), ("bytes=-0", 200)])
def test_an_empty_body_has_no_part(sent: str, status: int) -> None:
    assert prepared_of(b"", range=sent).status == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"if_range": ETAG}, 206),
        ({"if_range": LAST_MODIFIED}, 206),
        ({"if_range": "W/" + ETAG}, 200),
        ({"if_range": '"x"'}, 200),
        ({"if_range": f'{ETAG}, "x"'}, 200),
        ({"if_range": "*"}, 200),
        ({"if_range": LATER}, 200),
        ({"if_range": EARLIER}, 200),
        ({"if_range": "yesterday"}, 200),
        ({"if_range": ""}, 200),
        ({"if_match": ETAG}, 206),
        ({"if_match": f'"x", {ETAG}'}, 206),
        ({"if_match": "*"}, 206),
        ({"if_match": "W/" + ETAG}, 200),
        ({"if_match": '"x"'}, 200),
        ({"if_unmodified_since": LAST_MODIFIED}, 206),
        ({"if_unmodified_since": EARLIER}, 200),
        ({"if_unmodified_since": "yesterday"}, 206),
        ({"if_match": ETAG, "if_unmodified_since": EARLIER}, 206),
        ({"if_match": '"x"', "if_unmodified_since": LATER}, 200),
        ({"if_match": ETAG, "if_range": '"x"'}, 200),
        ({"if_none_match": '"x"', "if_range": ETAG}, 206),
    ],
)
def test_a_part_is_given_only_of_the_version_the_client_means(sent: dict[str, str], status: int) -> None:
    answer = prepared("GET", **sent, range="bytes=1-2")
    assert (answer.status, answer.body) == (status, b"12" if status == 206 else BODY)


def test_if_range_decides_before_the_range_is_looked_at() -> None:
    assert prepared(range="bytes=99-", if_range='"x"').status == 200
    assert prepared(range="bytes=99-", if_range=ETAG).status == 416


def test_if_range_without_range_changes_nothing() -> None:
    assert prepared(if_range=ETAG) == prepared(if_range='"x"') == prepared()


@given(
    st.sampled_from(["GET", "HEAD"]),
    st.dictionaries(
        st.sampled_from(
            [b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"range", b"if-range"]
        ),
        st.binary(max_size=40) | st.text('bytes=0123456789-,"W/* MonGMT:', max_size=40).map(str.encode),
    ),
)
def test_no_header_makes_the_answer_fail_or_lie_about_its_length(method: str, sent: dict[bytes, bytes]) -> None:
    answer = Answer(BODY, "identity", ETAG, "text/csv", AS_OF)
    base = answer_headers(answer, Reuse(hit=True, ttl=0), Stored(None, 0, 0, 0, 0), AS_OF)
    found = respond(scope_of(method, list(sent.items())), answer, base)
    assert found.status in {200, 206, 304, 416}
    if method == "GET" and found.status != 304:
        assert dict(found.headers)[b"content-length"] == b"%d" % len(found.body)
    if found.status in {200, 206}:
        assert bytes(found.body) in BODY


@given(st.binary(min_size=1, max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_a_range_is_the_slice_it_names(body: bytes, first: int, last: int) -> None:
    found = prepared_of(body, range=f"bytes={first}-{last}")
    in_pieces = prepared_of(Pieces([body[:7], body[7:90], body[90:]]), range=f"bytes={first}-{last}")
    assert (in_pieces.status, bytes(in_pieces.body), in_pieces.headers) == (found.status, found.body, found.headers)
    if last < first:
        assert (found.status, found.body) == (200, body)
    elif first >= len(body):
        assert found.status == 416
    else:
        assert (found.status, found.body) == (206, body[first : last + 1])
