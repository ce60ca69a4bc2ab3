"""Query strings, read strictly: what each parameter means, and what is refused with which words (INTERFACE §4)."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.keys import digest
from app.errors import Forbidden, InvalidParameters, KeyInQuery
from app.http.auth import KEY_NAMES, Viewer
from app.http.parameters import BY_NAME, ITEM_PARAMETERS, MOST_PARAMETERS, MOST_VALUES
from app.http.parse import RAW_SCOPES, needs_time_zone, pairs_of, parse_view, refuse_all
from app.interactions.columns import COLUMNS
from app.interactions.grains import INCLUDES
from app.interactions.masking import MASKED, Audience
from app.queries.cursor import Cursor, cursor_text
from app.queries.operators import OPERATORS
from app.queries.query import ALL_ROWS, NEWEST_FIRST, Filter, Order, Search
from app.queries.rules import SNAPSHOT_FACTOR
from tests.http.scene import READER, SCENE, TRUSTED, asked, encoded, fault, faults, viewed

CURSOR = Cursor("0123456789abcdef", 100, bytes(8), datetime(2026, 11, 1, tzinfo=UTC), None)
CURSOR_TEXT = cursor_text(CURSOR)
UUID = "f4895fe0-6714-11e7-9259-cb127bd0d17b"


def test_a_query_without_parameters_asks_for_the_newest_rows_with_every_column() -> None:
    query = asked()
    assert (query.search, query.filters, query.order) == (Search(), (), NEWEST_FIRST)
    assert (query.offset, query.limit, query.cursor) == (0, 100, None)
    assert query.view.columns == tuple((column.name, column.name) for column in COLUMNS)
    assert (query.view.format, query.view.variant, query.view.include) == ("json", "envelope", ())
    assert (query.view.audience, query.view.download) == (MASKED, False)
    assert (query.asked, query.given) == ((), ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("attr=1234567", Search(attr=("1234567",))),
        ("attr=b&attr=a&attr=b", Search(attr=("a", "b"))),
        ("attr=sip:1001", Search(attr=("sip:1001",))),
        ("attr=%20x%20", Search(attr=(" x ",))),
        ("attr=a+b%2Bc", Search(attr=("a b+c",))),
        ("attr=a;b", Search(attr=("a;b",))),
        ("attr=a=b", Search(attr=("a=b",))),
        ("attr=%F0%9F%98%80%00", Search(attr=("😀\0",))),
        ("attr=e%CC%81&attr=%C3%A9", Search(attr=("e\u0301", "é"))),
        ("attr_pair=accountNumber=12345", Search(attr_pairs=(("accountNumber", "12345"),))),
        ("attr_pair=a=b%3Dc=&attr_pair=%20a%20=%20", Search(attr_pairs=(("a", " "), ("a", "b=c=")))),
        ("attr_pair=b=2&attr.a=1&attr.b=2", Search(attr_pairs=(("a", "1"), ("b", "2")))),
        ("attr.a%3Db=1", Search(attr_pairs=(("a=b", "1"),))),
        ("attr.accountNumber=12345", Search(attr_pairs=(("accountNumber", "12345"),))),
        ("attr.b=2&attr.a=1&attr.b=2", Search(attr_pairs=(("a", "1"), ("b", "2")))),
        ("attr.%20name%20=1", Search(attr_pairs=(("name", "1"),))),
        ("attr.a.b=1", Search(attr_pairs=(("a.b", "1"),))),
        ("attr.limit=1", Search(attr_pairs=(("limit", "1"),))),
        ("attr_name=b%20&attr_name=a&attr_name=b%20", Search(attr_names=("a", "b "))),
        ("attr_name=%20", Search(attr_names=(" ",))),
        ("from=2026-11-01T08:00:00Z", Search(start=datetime(2026, 11, 1, 8, tzinfo=UTC))),
        ("from=2026-11-01T08:00:00+00:00", Search(start=datetime(2026, 11, 1, 8, tzinfo=UTC))),
        ("from=now-24h", Search(start=datetime(2026, 11, 22, 6, 40, tzinfo=UTC))),
        ("to=2026-11-02", Search(end=datetime(2026, 11, 2, 5, tzinfo=UTC))),
        (f"contact_id={UUID}", Search(contact_id=UUID)),
        (f"contact_id={UUID.upper()}", Search(contact_id=UUID)),
        ("hook_type=zendesk", Search(hook_type="zendesk")),
        ("hook_subtype=ticket&hook_id=415", Search(hook_subtype="ticket", hook_id="415")),
    ],
)
def test_conditions_for_upstream_are_taken_literally_and_in_one_order(text: str, expected: Search) -> None:
    assert asked(text).search == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("direction=outbound&direction=inbound&direction=inbound", (Filter("direction", ("inbound", "outbound")),)),
        ("queue_name=a,b", (Filter("queue_name", ("a,b",)),)),
        ("is_final=true&channel_type=sms", (Filter("channel_type", ("sms",)), Filter("is_final", (True,)))),
    ],
)
def test_conditions_answered_here_are_alternatives_in_one_order(text: str, expected: tuple[Filter, ...]) -> None:
    assert asked(text).filters == expected


@pytest.mark.parametrize(
    ("text", "attribute", "expected"),
    [
        ("offset=7", "offset", 7),
        ("limit=7", "limit", 7),
        ("limit=007", "limit", 7),
        ("limit=1000", "limit", 1000),
        ("limit=1001&format=csv", "limit", 1001),
        ("limit=all&format=csv", "limit", ALL_ROWS),
        ("limit=all&format=ndjson", "limit", ALL_ROWS),
        (f"cursor={CURSOR_TEXT}", "cursor", CURSOR),
        ("sort=-started_at", "order", NEWEST_FIRST),
        ("sort=started_at", "order", Order("started_at", descending=False)),
        ("sort=-duration_seconds", "order", Order("duration_seconds", descending=True)),
    ],
)
def test_a_page_is_asked_for_in_numbers_and_orders(text: str, attribute: str, expected: object) -> None:
    assert getattr(asked(text), attribute) == expected


@pytest.mark.parametrize(
    ("text", "attribute", "expected"),
    [
        ("fields=started_at,interaction_id", "columns", (("started_at", "started_at"), ("interaction_id",) * 2)),
        ("fields=%20id%20:%20interaction_id", "columns", (("id", "interaction_id"),)),
        ("fields=a:direction,direction:flow_id", "columns", (("a", "direction"), ("direction", "flow_id"))),
        ("fields=_A.9%20b-c:direction", "columns", (("_A.9 b-c", "direction"),)),
        (f"fields={'x' * 64}:direction", "columns", (("x" * 64, "direction"),)),
        ("include=notes,attributes,notes", "include", ("attributes", "notes")),
        ("include=talk_times,%20agents", "include", ("agents", "talk_times")),
        ("format=ndjson", "format", "ndjson"),
        ("format=csv", "variant", "rfc4180"),
        ("format=csv&csv=excel", "variant", "excel"),
        ("shape=records", "variant", "records"),
        ("shape=columns&format=json", "variant", "columns"),
        ("pii=mask", "audience", MASKED),
        ("download=1", "download", True),
    ],
)
def test_a_view_is_asked_for_in_names(text: str, attribute: str, expected: object) -> None:
    assert getattr(asked(text).view, attribute) == expected


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("", {"extension": "csv"}, "csv"),
        ("", {"accept": "text/csv"}, "csv"),
        ("", {"accept": "image/png"}, "json"),
        ("format=json", {"accept": "text/csv"}, "json"),
        ("format=csv", {"extension": "csv"}, "csv"),
        ("csv=excel", {"accept": "text/csv"}, "csv"),
    ],
)
def test_the_format_comes_from_the_path_the_parameter_or_accept(
    text: str, facts: dict[str, Any], expected: str
) -> None:
    assert asked(text, **facts).view.format == expected


def test_clear_personal_data_needs_the_scope_and_note_bodies_come_with_theirs() -> None:
    with pytest.raises(Forbidden):
        asked("pii=clear")
    assert asked("pii=clear", TRUSTED).view.audience == Audience(clear=True, notes=True)
    assert asked("", TRUSTED).view.audience == Audience(clear=False, notes=True)


def test_faults_are_told_before_a_missing_scope() -> None:
    assert fault("pii=clear&limit=x").parameter == "limit"


# One fault: the parameter it names, words it says, what it allows, what it takes the client to have meant.
NUMBER = "must be a whole number"
ONCE = "may be given once"
UNKNOWN = "is not a parameter"
COUNT = len(COLUMNS)
ALIASES = ["", "1a", "-a", "a:b", "a%26b", "%C3%A9", "a%00", "a%22", "x" * 65]
REFUSED: list[tuple[str, str, str, str | None]] = [
    ("attr=", "attr", "must not be empty", None),
    ("attr", "attr", "must not be empty", None),
    ("attr.name=", "attr.name", "must not be empty", None),
    ("attr.=1", "attr.", UNKNOWN, "attr.<name>"),
    ("attr.%20=1", "attr. ", UNKNOWN, "attr.<name>"),
    ("attr_pair=accountNumber", "attr_pair", "as accountNumber=12345", None),
    ("attr_pair==12345", "attr_pair", "as accountNumber=12345", None),
    ("attr_pair=%20=12345", "attr_pair", "as accountNumber=12345", None),
    ("attr_pair=accountNumber=", "attr_pair", "as accountNumber=12345", None),
    ("attr_pair=", "attr_pair", "as accountNumber=12345", None),
    ("attr-pair=a=1", "attr-pair", UNKNOWN, "attr_pair"),
    ("attr_name=", "attr_name", "must not be empty", None),
    ("attr[]=", "attr", "must not be empty", None),
    ("attr[0]=1", "attr[0]", UNKNOWN, "attr"),
    ("attr[][]=1", "attr[][]", UNKNOWN, "attr"),
    ("queue_id=", "queue_id", "must not be empty", None),
    ("hook_type=", "hook_type", "must not be empty", None),
    ("limit=0", "limit", NUMBER + ", 1 or more", None),
    ("limit=1001", "limit", "over the 1000 rows that one answer holds; ask for 1000 or fewer, and follow next", None),
    ("limit=" + "9" * 400, "limit", "over the 1000 rows", None),
    ("limit=all", "limit", "over the 1000 rows that one answer holds", None),
    ("limit=1001&shape=records", "limit", "or for ndjson or csv, which have no such bound", None),
    ("limit=All", "limit", NUMBER + ", 1 or more, or all", None),
    ("limit=", "limit", NUMBER, None),
    ("limit=-1", "limit", NUMBER, None),
    ("limit=1.0", "limit", NUMBER, None),
    ("limit=1e3", "limit", NUMBER, None),
    ("limit=+1", "limit", NUMBER, None),
    ("limit=1_0", "limit", NUMBER, None),
    ("limit=%D9%A1", "limit", NUMBER, None),
    ("limit=nan", "limit", NUMBER, None),
    ("limit=1&limit=9", "limit", ONCE, None),
    ("limit=1&limit=1", "limit", ONCE, None),
    ("Limit=1", "Limit", UNKNOWN, "limit"),
    ("limit[]=1", "limit[]", UNKNOWN, "limit"),
    ("limit%00=1", "limit\0", UNKNOWN, "limit"),
    ("limit%20=1", "limit ", UNKNOWN, "limit"),
    ("limit;offset=1", "limit;offset", UNKNOWN, "offset"),
    ("offset=-1", "offset", NUMBER + ", 0 or more", None),
    (f"offset={1000 * SNAPSHOT_FACTOR + 1}", "offset", "past the 10000 rows", None),
    ("offset=" + "9" * 400, "offset", "past the 10000 rows", None),
    ("cursor=abc", "cursor", "not one this service gave out", None),
    ("cursor=", "cursor", "not one this service gave out", None),
    (f"cursor={CURSOR_TEXT}&offset=1", "offset", "exclude each other", None),
    (f"cursor={CURSOR_TEXT}&offset=0", "offset", "exclude each other", None),
    ("from=yesterday", "from", "is not a time", None),
    ("from=1793520000", "from", "looks like seconds", None),
    ("from=2026-11-01T08:00:00", "from", "has no time zone", None),
    ("from=2026-11-02&to=2026-11-01", "to", "later than from", None),
    ("from=now&to=now", "to", "later than from", None),
    ("contact_id=1234", "contact_id", "must be a UUID", None),
    (f"contact_id={{{UUID}}}", "contact_id", "must be a UUID", None),
    (f"contact_id=urn:uuid:{UUID}", "contact_id", "must be a UUID", None),
    (f"contact_id={UUID.replace('-', '')}", "contact_id", "must be a UUID", None),
    ("is_final=yes", "is_final", "must be one of true, false", None),
    ("is_abandoned=True", "is_abandoned", "must be one of true, false", "true"),
    ("fields=", "fields", "names no column", None),
    (
        "fields=duration",
        "fields",
        "no column of /schema/interactions in place 1. Did you mean duration_seconds?",
        "duration_seconds",
    ),
    ("fields=direction,direction", "fields", "names the column direction twice", None),
    ("fields=a:direction,b:direction", "fields", "names the column direction twice", None),
    ("fields=a:direction,a:flow_id", "fields", "one output column twice", None),
    ("fields=direction:flow_id,direction", "fields", "one output column twice", None),
    ("fields=" + "direction," * COUNT + "flow_id", "fields", f"more than the {COUNT} columns", None),
    *((f"fields={alias}:direction", "fields", "has an alias that is not", None) for alias in ALIASES),
    ("fields=direction,", "fields", "names no column", None),
    ("fields=notes:direction&include=notes", "fields", "the name of a list", None),
    ("include=", "include", "may list attributes", None),
    ("include=note", "include", "may list attributes", "notes"),
    ("include=" + "notes," * 99, "include", "lists more than", None),
    ("include=notes&format=csv", "include", "needs JSON or NDJSON", None),
    ("include=raw", "include", "is for one interaction: /interactions/{interaction_id}?include=raw&pii=clear", None),
    ("sort=duration", "sort", "column of /schema/interactions. Did you mean duration_seconds?", "duration_seconds"),
    ("sort=", "sort", "names no column", None),
    ("sort=--started_at", "sort", "names no column", "started_at"),
    ("sort=+started_at", "sort", "names no column", "started_at"),
    ("format=xml", "format", "must be one of json, ndjson, csv", None),
    ("format=JSON", "format", "must be one of", "json"),
    ("format=jsn&csv=excel", "format", "must be one of", "json"),
    ("shape=record", "shape", "must be one of", "records"),
    ("shape=records&format=csv", "shape", "the format csv: send format=json, or leave it out.", None),
    ("shape=envelope&format=ndjson", "shape", "the format ndjson: send format=json, or", None),
    ("csv=excel", "csv", "the format json: send format=csv, or leave it out.", None),
    ("pii=none", "pii", "must be one of mask, clear", None),
    ("download=0", "download", "must be 1.", None),
    ("download=true", "download", "must be 1.", None),
    ("attribute-value=1", "attribute-value", UNKNOWN, "attr"),
    ("start=now", "start", UNKNOWN, "from"),
    ("END=now", "END", UNKNOWN, "to"),
    ("hookSubType=ticket", "hookSubType", UNKNOWN, "hook_subtype"),
    ("page=2", "page", UNKNOWN, "offset"),
    ("chanel_type=sms", "chanel_type", UNKNOWN, "channel_type"),
    ("zzz=1", "zzz", UNKNOWN, None),
    ("=1", "", UNKNOWN, None),
    ("%C3%A9t%C3%A9=1", "été", UNKNOWN, None),
]


@pytest.mark.threat("T17")
@pytest.mark.parametrize(("text", "parameter", "words", "did_you_mean"), REFUSED)
def test_each_fault_names_its_parameter_and_says_what_to_do(
    text: str, parameter: str, words: str, did_you_mean: str | None
) -> None:
    found = fault(text)
    assert found.parameter == parameter
    assert words in found.detail
    assert found.detail.endswith((".", "?"))
    assert found.did_you_mean == did_you_mean
    assert did_you_mean is None or not found.allowed or did_you_mean in found.allowed


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("zzz=1", "unknown-parameter"),
        ("limit=1&limit=2", "duplicate-parameter"),
        ("limit=x", "invalid-parameter"),
        ("&".join(["attr=1"] * (MOST_VALUES + 1)), "invalid-parameter"),
    ],
)
def test_a_fault_has_the_code_of_its_kind(text: str, code: str) -> None:
    assert fault(text).code == code


def test_all_faults_are_told_at_once_in_the_order_they_stand() -> None:
    found = faults(f"limit=x&attribute-value=1&from=soon&cursor={CURSOR_TEXT}&offset=1&limit=2&csv=excel")
    assert [(one.parameter, one.code) for one in found] == [
        ("limit", "invalid-parameter"),
        ("attribute-value", "unknown-parameter"),
        ("from", "invalid-parameter"),
        ("limit", "duplicate-parameter"),
        ("offset", "invalid-parameter"),
        ("csv", "invalid-parameter"),
    ]


def test_a_list_tells_every_name_in_it_that_is_not_known() -> None:
    found = faults("fields=duration,direction,flow_id,quue_name,a%22b&include=note,agents,talk_time&limit=x")
    assert [(one.parameter, one.did_you_mean) for one in found] == [
        ("fields", "duration_seconds"),
        ("fields", "last_queue_name"),
        ("fields", None),
        ("include", "notes"),
        ("include", "talk_times"),
        ("limit", None),
    ]
    assert found[1].detail == "fields names no column of /schema/interactions in place 4. Did you mean last_queue_name?"
    assert found[4].detail.endswith("in place 3 is another. Did you mean talk_times?")


def test_each_unknown_column_is_told_with_its_hint_however_many_there_are() -> None:
    found = faults("fields=" + ",".join(f"{name}x" for name in SCENE.grain.columns))
    assert [one.did_you_mean for one in found] == list(SCENE.grain.columns)


def test_brackets_behind_a_name_that_may_be_repeated_change_nothing() -> None:
    plain = "attr=a&attr=b&attr_pair=n=1&attr.x=2&queue_name=c&is_final=true"
    for brackets in ("[]", "%5B%5D", "%5b]"):
        names = ("attr=", "attr_pair=", "attr.x=", "queue_name=", "is_final=")
        marked = plain
        for name in names:
            marked = marked.replace(f"&{name}", f"&{name[:-1]}{brackets}=")
        assert marked.count(brackets) == len(names)
        assert asked(marked) == asked(plain)
        assert asked(marked).identity() == asked(plain).identity()
    for name, row in BY_NAME.items():
        if not row.repeatable:
            assert fault(f"{name}[]=1").code == "unknown-parameter"


def test_a_pair_and_its_shorthand_ask_the_same() -> None:
    assert asked("attr_pair=a=1&attr.b=2").search == asked("attr.a=1&attr_pair=b=2").search


def test_the_same_fault_is_told_once() -> None:
    assert len(faults("limit=x&limit=x&limit=x&zzz=1&zzz=2")) == 3


@pytest.mark.threat("T17")
def test_an_unknown_name_is_answered_with_all_known_ones() -> None:
    allowed = [name.replace("<name>", "") for name in fault("zzz=1").allowed]
    assert allowed[: len(BY_NAME)] == list(BY_NAME)
    assert allowed[len(BY_NAME) :] == ["<column>", *(f"<column>.{suffix}" for suffix in OPERATORS if suffix)]


@pytest.mark.parametrize(
    ("name", "operators", "did_you_mean"),
    [
        ("queue_name.like", "ne gt gte lt lte prefix null", "queue_name.prefix"),
        ("duration_seconds.prefix", "ne gt gte lt lte null", "duration_seconds"),
        ("is_final.gt", "ne null", "is_final"),
    ],
)
def test_an_unknown_operator_is_answered_with_those_of_its_column(
    name: str, operators: str, did_you_mean: str | None
) -> None:
    column, found = name.partition(".")[0], fault(f"{name}=1")
    assert found.allowed == (column, *(f"{column}.{suffix}" for suffix in operators.split()))
    assert f" {column} has {', '.join(found.allowed[1:])}." in found.detail
    assert (found.code, found.did_you_mean) == ("unknown-parameter", did_you_mean)


def test_what_a_client_sent_is_not_repeated_but_for_a_plain_name() -> None:
    for name in ("limit", "from", "fields", "fields=direction,a:", "cursor", "%3Cb%3ECANARY", "include", "attr_pair"):
        assert "CANARY" not in fault(f"{name}=CANARY").detail
    for text in ("sort=CANARY", "fields=CANARY%22:direction"):
        assert "CANARY" not in fault(text).detail
    assert "some-name" in fault("some-name=1").detail
    long = fault("x" * 500 + "=1")
    assert len(long.parameter) < 70
    assert len(long.detail) < 150


@pytest.mark.parametrize("name", [name for name, row in BY_NAME.items() if row.repeatable])
def test_repeats_have_a_bound(name: str) -> None:
    value = {"attr_pair": "n=x"}.get(name, "true" if name.startswith("is_") else "x")
    full_name = name + "n" if name.endswith(".") else name
    assert faults("&".join(f"{full_name}={value}" for _ in range(MOST_VALUES))) == []
    assert f"{MOST_VALUES} times" in fault("&".join(f"{full_name}={value}" for _ in range(MOST_VALUES + 1))).detail


def test_all_named_attributes_together_have_the_same_bound() -> None:
    assert f"{MOST_VALUES} times" in fault("&".join(f"attr.{number}=x" for number in range(MOST_VALUES + 1))).detail


def test_names_that_begin_with_an_underscore_are_ignored_and_in_no_key() -> None:
    plain, marked = asked("attr=1"), asked("_=1&attr=1&_t=%20&_limit=x")
    assert marked == plain
    assert marked.key_parts() == plain.key_parts()


def test_a_walk_may_cross_its_own_relative_range() -> None:
    assert asked(f"from=now&to=2026-11-20&cursor={CURSOR_TEXT}").cursor == CURSOR
    assert fault("from=now&to=2026-11-20").parameter == "to"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("attr=a&attr=b", "attr=b&attr=a&attr=a"),
        ("attr=a&limit=5", "limit=5&attr=a"),
        ("attr.x=1&attr.y=2", "attr.y=2&attr.x=1"),
        ("queue_id=a&queue_id=b&direction=inbound", "direction=inbound&queue_id=b&queue_id=a"),
        ("attr=%41", "attr=A"),
    ],
)
def test_equal_questions_are_equal_queries(one: str, other: str) -> None:
    assert asked(one) == asked(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"contact_id={UUID}", f"contact_id={UUID.upper()}"),
        ("from=2026-11-01T08:00:00Z", "from=1793520000000"),
        ("attr=1", "attr=1&format=csv&fields=direction&limit=3"),
        ("attr=1", "attr=1&sort=-started_at"),
        ("attr=1", "attr=1&direction=inbound"),
    ],
)
def test_questions_that_mean_the_same_rows_share_a_report(one: str, other: str) -> None:
    assert asked(one).search.key("t") == asked(other).search.key("t")


def test_a_link_keeps_everything_but_the_place() -> None:
    query = asked(f"attr=b&attr=a&format=csv&_x=1&limit=5&from=now-7d&cursor={CURSOR_TEXT}")
    assert query.given == (("attr", "a"), ("attr", "b"), ("format", "csv"), ("from", "now-7d"), ("limit", "5"))
    assert query.asked == (("attr", "a"), ("attr", "b"), ("from", "now-7d"))
    assert asked(encoded(*query.given)).identity() == query.identity()


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("from=2026-11-01", True),
        ("to=now/d", True),
        ("from=now-7d", True),
        ("from=now-168h", False),
        ("attr=2026-11-01", False),
        ("from=x", False),
    ],
)
def test_the_time_zone_is_needed_for_dates_and_local_steps_alone(text: str, needs: bool) -> None:
    assert needs_time_zone(pairs_of(text.encode()), SCENE.grain) is needs


def test_one_interaction_takes_few_parameters() -> None:
    view = viewed("fields=a:direction&include=notes&pii=clear", TRUSTED)
    assert view.columns == (("a", "direction"),)
    assert view.include == ("notes",)
    assert view.audience == Audience(clear=True, notes=True)
    assert viewed().columns == asked().view.columns


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - set(ITEM_PARAMETERS)))
def test_one_interaction_refuses_the_parameters_of_lists(name: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        viewed(f"{name}n=1" if name.endswith(".") else f"{name}=1")
    (only,) = caught.value.faults
    assert (only.code, only.allowed) == ("unknown-parameter", tuple(ITEM_PARAMETERS))


def test_one_interaction_tells_its_faults_and_refusals_alike() -> None:
    with pytest.raises(InvalidParameters):
        viewed("fields=notes:direction&include=notes")
    with pytest.raises(Forbidden):
        viewed("pii=clear")


def test_one_interaction_may_be_seen_as_upstream_sent_it() -> None:
    asked_so, shows_raw = pairs_of(b"include=raw,notes&pii=clear"), replace(SCENE, shows_raw=True)
    view = parse_view(asked_so, shows_raw, TRUSTED)
    assert (view.raw, view.include, view.audience) == (True, ("notes",), Audience(clear=True, notes=True))
    assert not viewed("include=notes&pii=clear", TRUSTED).raw
    for scene, scopes in ((SCENE, TRUSTED.scopes), *((shows_raw, TRUSTED.scopes - {one}) for one in RAW_SCOPES)):
        with pytest.raises(Forbidden):
            parse_view(asked_so, scene, Viewer("another", scopes))


@pytest.mark.parametrize(
    ("query", "parameter"), [("include=raw", "pii"), ("include=raw&pii=clear&fields=raw:direction", "fields")]
)
def test_a_raw_record_is_refused_where_the_rest_does_not_fit(query: str, parameter: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        viewed(query, TRUSTED)
    assert [one.parameter for one in caught.value.faults] == [parameter]


def test_a_resource_without_parameters_refuses_all() -> None:
    refuse_all(pairs_of(b"_=1"))
    with pytest.raises(InvalidParameters) as caught:
        refuse_all(pairs_of(b"limit=1&x=2&x=3"))
    assert [one.parameter for one in caught.value.faults] == ["limit", "x"]
    assert all(one.did_you_mean is None for one in caught.value.faults)


NAMES = st.sampled_from(
    [*BY_NAME, "attr.x", "attr.x[]", "attr_pair[]", "attr.", "zzz", "_x", "Limit", "limit[]", "start"]
) | st.text(max_size=5)
VALUES = st.text(max_size=10) | st.sampled_from(
    ["1", "0", "now", "now-7d/d", "2026-11-01", "csv", "true", "direction", "notes", "-started_at", CURSOR_TEXT, UUID]
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.sampled_from([READER, TRUSTED]))
def test_any_parameters_make_a_query_or_are_refused(pairs: list[tuple[str, str]], viewer: Any) -> None:
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    _answered_or_refused(text.encode("utf-8"), viewer)


@given(st.binary(max_size=60) | st.text("attr=&%.;+_20limfoc[]", max_size=60).map(str.encode))
def test_any_bytes_make_a_query_or_are_refused(raw: bytes) -> None:
    _answered_or_refused(raw, READER)


def _answered_or_refused(raw: bytes, viewer: Any) -> None:
    with suppress(KeyInQuery, Forbidden):
        found = faults(raw, viewer=viewer)
        assert all(one.detail for one in found)
        if not found:
            query = asked(raw, viewer)
            assert query.limit <= SCENE.max_rows or query.view.format in {"ndjson", "csv"}
            assert "" not in query.search.values()
            assert digest(query.key_parts())


def test_the_lists_that_can_be_included_are_those_there_are() -> None:
    everything = ",".join(include.name for include in INCLUDES)
    assert asked(f"include={everything}").view.include == tuple(include.name for include in INCLUDES)


@pytest.mark.parametrize("name", sorted(KEY_NAMES | {"API_KEY", "Token", "X-API-Key"}))
def test_a_credential_in_the_query_is_refused_before_anything_else_and_never_repeated(name: str) -> None:
    with pytest.raises(KeyInQuery) as caught:
        asked(f"limit=x&{name}=cxf_demo_CANARY")
    assert "CANARY" not in caught.value.detail


MALFORMED = [b"attr=%FF", b"attr=%C3", b"%FF=1", b"attr=\xff", b"%ED%A0%80=1"]
MALFORMED += [b"attr=%", b"attr=%2", b"attr=100%", b"attr=%zz"]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_query_string_that_is_not_percent_encoded_utf_8_is_refused(text: bytes) -> None:
    assert "percent-encoded" in fault(text).detail


def test_the_number_of_parameters_has_a_bound() -> None:
    assert faults("&".join(["_=1"] * MOST_PARAMETERS)) == []
    assert str(MOST_PARAMETERS) in fault("&".join(["_=1"] * (MOST_PARAMETERS + 1))).detail


def test_empty_places_between_separators_are_nothing() -> None:
    assert asked("&&attr=1&") == asked("attr=1")


EVIL = ["a" * 8000, "%" * 3000, "%41" * 2600, "&" * 8000, "=" * 8000, "a=" * 4000, "[" * 8000, "fields=" + "a:" * 4000]
EVIL += [f"{name}=" + "-" * 7000 for name in ("from", "limit", "cursor", "sort", "contact_id", "include", "format")]
EVIL += ["&".join(f"{letter * 70}{number}=1" for number in range(99)) for letter in "aeilmnorst"]
EVIL += ["fields=" + ",".join(f"{letter}x" * 3 for _ in range(900)) for letter in "aeilmnorst"]
EVIL += ["include=" + ",".join(f"{letter}{number}" for number in range(1000)) for letter in "aeilmnorst"]
EVIL += ["from=now-" + "9" * count for count in (5, 50, 500, 5000, 7900)]


def test_evil_strings_are_refused() -> None:
    assert len(EVIL) == 50
    assert all(faults(text) for text in EVIL)
