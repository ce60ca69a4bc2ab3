"""Cursors as text."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.queries.cursor import Cursor, NotACursor, cursor_of, cursor_text
from app.queries.opaque import opaque

MOMENTS = st.none() | st.integers(0, 2**40).map(lambda seconds: datetime.fromtimestamp(seconds / 32, UTC))
CURSORS = st.builds(
    Cursor,
    version=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    position=st.integers(0, 2**31 - 1),
    identity=st.binary(max_size=8),
    start=MOMENTS,
    end=MOMENTS,
    skip=st.integers(0, 2**31 - 1),
    part=st.integers(0, 5000),
)
CURSOR = Cursor("0123456789abcdef", 100, bytes(8), datetime(2026, 11, 1, tzinfo=UTC), None)
TEXT = "qK67wJewMDEyMzQ1Njc4OWFiY2RlZmTECAAAAAAAAAAA1v9q5oEAwAAA"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(CURSORS)
def test_a_cursor_comes_back_from_its_text(cursor: Cursor) -> None:
    text = cursor_text(cursor)
    assert cursor_of(text) == cursor
    assert set(text) <= set(ALPHABET), "it needs no escaping in a URL"


def test_a_cursor_given_out_before_an_update_is_good_after_it() -> None:
    assert cursor_text(CURSOR) == TEXT


@given(
    st.text(max_size=80)
    | st.text(ALPHABET, max_size=80)
    | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1"))
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(NotACursor):
        cursor_of(text)


@given(st.data())
def test_a_cut_or_changed_cursor_is_refused(data: st.DataObject) -> None:
    text = cursor_text(CURSOR)
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.sampled_from(ALPHABET + "=+/ \n").filter(lambda other: other != text[place]))
    for wrong in (text[:place], text[:place] + character + text[place + 1 :], text[:place] + character + text[place:]):
        with pytest.raises(NotACursor):
            cursor_of(wrong)


@pytest.mark.parametrize("text", ["", "A", "AAAA", "AAAAAAAA", "A" * 46, "====", "%00", "é"])
def test_texts_of_nothing_are_refused(text: str) -> None:
    with pytest.raises(NotACursor):
        cursor_of(text)


@pytest.mark.parametrize(
    "forged",
    [
        replace(CURSOR, position=-1),
        replace(CURSOR, position=2**31),
        replace(CURSOR, start=datetime(2026, 11, 1)),  # noqa: DTZ001 - a naive time is the point
    ],
)
def test_a_forged_cursor_that_checks_out_is_refused_where_no_walk_could_have_made_it(forged: Cursor) -> None:
    with pytest.raises(NotACursor):
        cursor_of(cursor_text(forged))


def test_packed_things_that_are_no_cursor_are_refused() -> None:
    for thing in (None, 1, [], ["v", 0, b"", None], {"version": "v"}, ["v", "0", b"", None, None]):
        with pytest.raises(NotACursor):
            cursor_of(opaque(b"cursor", msgspec.msgpack.encode(thing)))


def test_the_zone_a_moment_is_written_in_is_no_part_of_it() -> None:
    moved = datetime(2026, 11, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert cursor_of(cursor_text(replace(CURSOR, start=moved))) == CURSOR
