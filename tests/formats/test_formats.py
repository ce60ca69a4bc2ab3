"""What the formats hold in common, and what each promises alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats import FORMATS, FORMATS_BY_NAME, Envelope, Format, Table
from app.formats.json import COLUMN_BYTES, TYPE_BYTES, RowTypes
from app.formats.table import PART_ROWS
from app.interactions.columns import ListType

ENVELOPE = Envelope(next=None, next_cursor=None, meta={"count": 1, "masked": ("customer",)})
NOTHING = Table(("interaction_id", "talk_seconds"), (), ("uuid", "float"))
LIVE_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0", "＝", "＋", "－", "＠")

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TRICKY_TEXT = TEXT | st.sampled_from(
    ["", ",", '"', '""', "\r\n", "a\nb", "=1+1", "+15550100", " =x", "\ufeff@x", "'", "null"]
)
ZONES = (UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=9, minutes=30)), ZoneInfo("US/Eastern"))
VALUES = {
    "string": st.none() | TRICKY_TEXT,
    "int": st.none() | st.integers(-(2**53), 2**53),
    "float": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.none() | st.booleans(),
    "time": st.none() | st.datetimes(timezones=st.sampled_from(ZONES)).filter(lambda moment: 1 < moment.year < 9999),
    "date": st.none() | st.dates(),
}


@st.composite
def tables(draw: st.DrawFn, min_columns: int = 1) -> Table:
    names = draw(st.lists(TRICKY_TEXT.filter(bool), min_size=min_columns, max_size=5, unique=True))
    types = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=len(names), max_size=len(names)))
    rows = draw(st.lists(st.tuples(*(VALUES[kind] for kind in types)), max_size=6))
    return Table(tuple(names), rows, tuple(types))


def encoded(name: str, table: Table, variant: str | None = None) -> bytes:
    chosen = FORMATS_BY_NAME[name]
    return chosen.encode(table, ENVELOPE, variant or chosen.variants[0])


def csv_records(text: str) -> list[list[str | None]]:
    """RFC 4180 read back by its grammar; a bare empty field is None, a quoted one the empty string."""
    records: list[list[str | None]] = [[]]
    position = 0
    while position < len(text):
        value, position = quoted_field(text, position) if text[position] == '"' else bare_field(text, position)
        records[-1].append(value)
        if text[position] == ",":
            position += 1
            if text[position] == "\r":
                records[-1].append(None)
        if text[position] == "\r":
            assert text[position + 1] == "\n"
            records.append([])
            position += 2
    assert records.pop() == [], "the last line is not ended"
    return records


def quoted_field(text: str, position: int) -> tuple[str, int]:
    value, position = "", position + 1
    while text[position] != '"' or text[position + 1] == '"':
        value += text[position]
        position += 2 if text[position] == '"' else 1
    return value, position + 1


def bare_field(text: str, position: int) -> tuple[str | None, int]:
    start = position
    while text[position] not in ",\r":
        assert text[position] not in '"\n', "a character that must be quoted stands bare"
        position += 1
    return text[start:position] or None, position


def written(value: object) -> object:
    """A value as text formats show it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return value.isoformat() if isinstance(value, date) else value


def typed(cell: str | None, kind: str | ListType) -> object:
    if cell is None or kind in {"string", "time", "date"}:
        return cell
    if kind == "bool":
        return {"true": True, "false": False}[cell]
    return int(cell) if kind == "int" else float(cell)


@given(tables(min_columns=2))
def test_json_ndjson_and_csv_of_one_table_hold_the_same_values(table: Table) -> None:
    rows = [dict(zip(table.names, map(written, row), strict=True)) for row in table.rows]
    header, *records = csv_records(encoded("csv", table).decode())
    from_csv = [
        {name: typed(cell, kind) for name, cell, kind in zip(table.names, record, table.types, strict=True)}
        for record in records
    ]

    assert msgspec.json.decode(encoded("json", table))["items"] == rows
    assert msgspec.json.decode(encoded("json", table, "records")) == rows
    assert [msgspec.json.decode(line) for line in encoded("ndjson", table).split(b"\n")[:-1]] == rows
    assert header == list(table.names)
    assert from_csv == rows


@given(tables())
def test_the_columns_shape_holds_the_records_turned_on_their_side(table: Table) -> None:
    columns = msgspec.json.decode(encoded("json", table, "columns"))
    assert list(columns) == list(table.names)
    assert columns == {name: [written(row[place]) for row in table.rows] for place, name in enumerate(table.names)}


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_show_the_same_digits_in_json_and_csv(numbers: list[float | None]) -> None:
    table = Table(("talk_seconds", "row"), [(number, "x") for number in numbers], ("float", "string"))
    cells = [line.split(",")[0] for line in encoded("csv", table).decode().split("\r\n")[1:-1]]
    digits = msgspec.json.decode(encoded("json", table, "columns"), type=dict[str, list[msgspec.Raw]])["talk_seconds"]
    assert [cell or "null" for cell in cells] == [bytes(raw).decode() for raw in digits]
    assert [Decimal(cell) for cell in cells if cell] == [Decimal(repr(n)) for n in numbers if n is not None]


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 3, 2, 15, 0, 0, 954_999, UTC), "2026-03-02T15:00:00.954Z"),
        (datetime(2026, 3, 2, 15, 0, 0, 1, UTC), "2026-03-02T15:00:00.000Z"),
        (datetime(2026, 3, 2, 15, tzinfo=UTC), "2026-03-02T15:00:00.000Z"),
        (datetime(2026, 3, 2, 15, 0, 0, 954_000, ZONES[1]), "2026-03-02T13:00:00.954Z"),
        (datetime(2026, 3, 2, 15, tzinfo=ZONES[2]), "2026-03-03T00:30:00.000Z"),
        (datetime(1, 1, 1, tzinfo=ZONES[1]), "0001-01-01T00:00:00.000Z"),  # no such moment in UTC
        (datetime(9999, 12, 31, 23, 59, 59, 999_000, ZONES[2]), "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_text_in_utc_with_milliseconds(moment: datetime, shown: str) -> None:
    table = Table(("at", "again"), [(moment, None), (None, moment)], ("time", "time"))
    assert msgspec.json.decode(encoded("json", table, "columns")) == {"at": [shown, None], "again": [None, shown]}
    assert msgspec.json.decode(encoded("json", table, "records"))[0] == {"at": shown, "again": None}
    assert encoded("csv", table) == f"at,again\r\n{shown},\r\n,{shown}\r\n".encode()


@given(st.lists(st.none() | TRICKY_TEXT))
def test_a_single_csv_column_never_has_an_empty_line_that_readers_would_skip(texts: list[str | None]) -> None:
    written = encoded("csv", Table(("a",), [(text,) for text in texts], ("string",))).decode()
    assert csv_records(written) == [["a"], *([text or ""] for text in texts)]


@pytest.mark.threat("T53")
@given(tables(min_columns=2))
def test_no_cell_of_the_excel_dialect_is_live(table: Table) -> None:
    written = encoded("csv", table, "excel").decode()
    assert written.startswith("\ufeff")
    header, *records = csv_records(written[1:])
    for record in (header, *records):
        for cell, kind in zip(record, table.types, strict=True):
            if cell and (kind == "string" or record is header):
                assert not cell.lstrip(" \ufeff").startswith(LIVE_STARTS)


@pytest.mark.threat("T53")
@given(tables(min_columns=2))
def test_the_excel_dialect_changes_nothing_but_live_text(table: Table) -> None:
    plain = csv_records(encoded("csv", table).decode())
    excel = csv_records(encoded("csv", table, "excel").decode()[1:])
    for before, after in zip(plain, excel, strict=True):
        for was, now in zip(before, after, strict=True):
            assert now == was or now == "'" + cast("str", was)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("+15550100", "'+15550100"),
        ("=1+1", "'=1+1"),
        ("-1", "'-1"),
        ("@SUM", "'@SUM"),
        ("\tx", "'\tx"),
        ("\rx", '"\'\rx"'),
        ("\0x", "'\0x"),
        ("＝x", "'＝x"),
        ("  =x", "'  =x"),
        ("\ufeff +x", "'\ufeff +x"),
        ("a=b", "a=b"),
        ("'=x", "'=x"),
        (" ", " "),
        ("", '""'),
    ],
)
def test_the_formula_guard_puts_an_apostrophe_before_live_text_only(text: str, cell: str) -> None:
    table = Table(("text", "number"), [(text, -1.5)], ("string", "float"))
    assert encoded("csv", table, "excel").decode() == f"\ufefftext,number\r\n{cell},-1.5\r\n"


def test_the_envelope_has_its_keys_in_the_published_order() -> None:
    facts = Envelope("http://localhost:8080/interactions?cursor=c", "c", {"count": 1, "limit": 1, "as_of": "now"})
    table = Table(("interaction_id", "is_final"), [("i", True)], ("uuid", "bool"))
    assert FORMATS_BY_NAME["json"].encode(table, facts, "envelope") == (
        b'{"items":[{"interaction_id":"i","is_final":true}],'
        b'"next":"http://localhost:8080/interactions?cursor=c","next_cursor":"c",'
        b'"meta":{"count":1,"limit":1,"as_of":"now"}}'
    )


@pytest.mark.parametrize(
    ("name", "variant", "body"),
    [
        ("json", "records", b"[]"),
        ("json", "columns", b'{"interaction_id":[],"talk_seconds":[]}'),
        ("ndjson", "rows", b""),
        ("csv", "rfc4180", b"interaction_id,talk_seconds\r\n"),
        ("csv", "excel", b"\xef\xbb\xbfinteraction_id,talk_seconds\r\n"),
    ],
)
def test_no_rows_still_name_the_columns_where_the_format_has_a_place_for_them(
    name: str, variant: str, body: bytes
) -> None:
    assert encoded(name, NOTHING, variant) == body


def test_csv_leaves_null_empty_quotes_the_empty_string_and_spells_booleans_small() -> None:
    table = Table(
        ("a", "b", "c"),
        [(None, "", True), ("x", None, False), ('say "hi", you', "é", None)],
        ("string", "string", "bool"),
    )
    assert encoded("csv", table).decode() == 'a,b,c\r\n,"",true\r\nx,,false\r\n"say ""hi"", you",é,\r\n'


@pytest.mark.parametrize("chosen", [known for known in FORMATS if known.allows_include], ids=lambda known: known.name)
def test_a_format_that_allows_include_nests_lists(chosen: Format) -> None:
    kind = ListType(("name", "set_at"), ("string", "time"))
    table = Table(
        ("interaction_id", "attributes"),
        [
            ("i", [("accountNumber", datetime(2026, 3, 2, 15, tzinfo=UTC)), ("VIP", None)]),
            ("j", []),
            ("k", [("a", None)]),
        ],
        ("uuid", kind),
    )
    lists = [
        '"i","attributes":[{"name":"accountNumber","set_at":"2026-03-02T15:00:00.000Z"},{"name":"VIP","set_at":null}]',
        '"j","attributes":[]',
        '"k","attributes":[{"name":"a","set_at":null}]',
    ]
    separator = {"json": ",", "ndjson": "\n"}[chosen.name]
    assert separator.join(f'{{"interaction_id":{one}}}' for one in lists).encode() in encoded(chosen.name, table)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda known: known.name)
def test_a_renamed_column_may_hold_characters_that_must_be_escaped(chosen: Format) -> None:
    body = encoded(chosen.name, Table(('a"b', "c"), [("x", 1)], ("string", "int")))
    escaped = {
        "csv": b'"a""b",c',
    }
    assert escaped.get(chosen.name, b'{"a\\"b":"x","c":1}') in body


@pytest.mark.parametrize("character", ["\u0085", "\u2028", "\u2029"])
def test_no_line_of_ndjson_holds_a_character_that_readers_end_a_line_at(character: str) -> None:
    of_names = ListType(("name",), ("string",))
    table = Table(("text", "lists"), [(f"a{character}b", [(character,)])] * 2, ("string", of_names))
    written = encoded("ndjson", table).decode()
    assert written.splitlines() == written.split("\n")[:-1]
    assert [msgspec.json.decode(line)["text"] for line in written.splitlines()] == [f"a{character}b"] * 2
    assert character in encoded("json", table).decode()


def test_row_types_are_kept_within_a_bound_of_bytes_and_the_newest_used_of_them() -> None:
    wide, narrow = tuple(f"column_{number}" for number in range(61)), ("a",)
    kept = RowTypes(TYPE_BYTES + COLUMN_BYTES * 61 + TYPE_BYTES + COLUMN_BYTES)
    first = kept.of(narrow)
    kept.of(wide)
    assert kept.of(narrow) is first
    for number in range(100):
        kept.of((*wide[1:], f"alias_{number}"))
        assert kept.of(narrow) is first, "a view in use stays"
        assert kept.bytes_held == 2 * TYPE_BYTES + 62 * COLUMN_BYTES


def test_a_row_wider_than_all_row_types_together_is_encoded_all_the_same() -> None:
    kept = RowTypes(1)
    assert msgspec.json.encode(kept.of(("a", "b"))(1, 2)) == b'{"a":1,"b":2}'
    assert kept.bytes_held == 0


def test_names_extensions_and_media_types_are_each_used_once() -> None:
    for column in ("name", "extension", "media_type", "content_type"):
        values = [getattr(known, column) for known in FORMATS]
        assert len(set(values)) == len(values), column


def test_a_format_is_available_where_what_it_requires_is_installed() -> None:
    assert all(known.is_available for known in FORMATS)
    assert replace(FORMATS[0], requires="msgspec").is_available
    assert not replace(FORMATS[0], requires="not_installed_here").is_available


@pytest.mark.threat("T47")
@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [
        ([], []),
        ([0] * PART_ROWS, [PART_ROWS]),
        ([0] * (PART_ROWS + 1), [PART_ROWS, 1]),
        ([1] * PART_ROWS, [PART_ROWS // 2] * 2),
        ([5_000, 5_000, 0, 1, 5_000], [1, 1, 3]),
        ([1, 5_000], [2]),
    ],
)
def test_the_elements_of_lists_count_in_a_part(lengths: list[int], sizes: list[int]) -> None:
    """A part is encoded in one turn, and ten rows may hold fifty thousand of them."""
    kind = ListType(("name",), ("string",))
    table = Table(("a", "l"), [("x", [("n",)] * length) for length in lengths], ("string", kind))
    assert [len(part.rows) for part in table.parts()] == sizes
    assert [row for part in table.parts() for row in part.rows] == table.rows
    plain = Table(("a",), [("x",)] * len(lengths), ("string",))
    assert sum(len(part.rows) for part in plain.parts()) == len(lengths)
