"""Which format and coding a request gets, by the header it sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats import FORMATS
from app.http.negotiation import PREFERENCE, choose_coding, choose_format, list_members

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
