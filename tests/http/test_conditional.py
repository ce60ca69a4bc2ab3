"""Preconditions and ranges, case by case, against RFC 9110."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.reuse import Reuse
from app.cache.stored import Stored
from app.http.negotiation import respond
from app.http.responses import Answer, Prepared, answer_headers

BODY = b"0123456789"
ETAG = '"abc,d"'
AS_OF = datetime(2026, 11, 23, 6, 40, 0, 999_000, tzinfo=UTC)
LAST_MODIFIED = "Mon, 23 Nov 2026 06:40:00 GMT"
EARLIER = "Mon, 23 Nov 2026 06:39:59 GMT"
LATER = "Mon, 23 Nov 2026 06:40:01 GMT"


def prepared(method: str = "GET", **request_headers: str) -> Prepared:
    return prepared_of(BODY, method, **request_headers)


def prepared_of(body: bytes, method: str = "GET", **request_headers: str) -> Prepared:
    answer = Answer(body, "gzip", ETAG, "application/json", AS_OF, file_name="a.json", link_next="http://localhost/n")
    answer = replace(answer, truncated=False, total=7)
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
    of_lists = {b"link", b"x-total-count", b"x-truncated"}
    current = {b"etag", b"cache-control", b"vary", b"age", b"cache-status"}
    assert {name for name, _ in answer.headers} == current | of_lists
    assert field(answer, "etag") == ETAG


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
        assert found.body in BODY


@given(st.binary(min_size=1, max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_a_range_is_the_slice_it_names(body: bytes, first: int, last: int) -> None:
    found = prepared_of(body, range=f"bytes={first}-{last}")
    if last < first:
        assert (found.status, found.body) == (200, body)
    elif first >= len(body):
        assert found.status == 416
    else:
        assert (found.status, found.body) == (206, body[first : last + 1])
