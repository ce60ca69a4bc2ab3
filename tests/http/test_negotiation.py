"""The format, coding and freshness that requests ask for in their headers, and what of it counts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.reuse import Directives
from app.formats import FORMATS
from app.http.negotiation import LARGEST, PREFERENCE, cache_directives, choose_coding, choose_format, list_members

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
