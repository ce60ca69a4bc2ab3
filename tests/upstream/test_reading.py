"""Boundaries, gaps and merging: the arithmetic of a reading."""

import pytest

from app.interactions.records import Interaction
from app.upstream.reading import Block, Record, Row, Span, around, blocks, boundary_after, merge


def record(interaction_id: str, content: bytes = b"{}") -> Row:
    return Row(interaction_id, Record(content, Interaction(interaction_id=interaction_id)))


@pytest.mark.parametrize(
    ("offset", "goal", "boundary"),
    [
        (0, 1, 100),
        (0, 100, 100),
        (60, 100, 100),
        (0, 101, 1000),
        (60, 101, 1000),
        (100, 101, 1000),
        (999, 1000, 1000),
        (1000, 1001, 2000),
        (1999, 9000, 2000),
        (31_000, 31_001, 32_000),
    ],
)
def test_boundaries_stand_at_every_thousand_and_at_100_where_no_more_is_wanted(
    offset: int, goal: int, boundary: int
) -> None:
    assert boundary_after(offset, goal) == boundary


def test_blocks_are_whole_until_the_goal_is_covered() -> None:
    assert blocks(0, 1, 10_000) == [Span(0, 100)]
    assert blocks(0, 2_500, 10_000) == [Span(0, 1000), Span(1000, 1000), Span(2000, 1000)]
    assert blocks(100, 2_500, 10_000) == [Span(100, 900), Span(1000, 1000), Span(2000, 1000)]
    assert blocks(250, 1_001, 10_000) == [Span(250, 750), Span(1000, 1000)]
    assert blocks(100, 100, 10_000) == []


def test_no_block_reaches_past_the_most() -> None:
    assert blocks(0, 2_500, 1_500) == [Span(0, 1000), Span(1000, 500)]
    assert blocks(0, 50, 30) == [Span(0, 30)]
    assert blocks(1_500, 2_500, 1_500) == []


def test_what_is_read_again_lies_on_both_sides_of_the_boundary() -> None:
    assert around(1000, 3) == Span(997, 6)
    assert around(100, 200) == Span(0, 300)
    assert around(5000, 500) == Span(4500, 1000)


def test_too_large_a_shift_is_not_read_again() -> None:
    assert around(5000, 501) is None


def test_an_id_keeps_its_first_place_and_its_last_content() -> None:
    first = Block(0, (record("a", b"old"), record("b")), 3, arrival=1)
    later = Block(1, (record("a", b"new"), record("c")), 3, arrival=2)
    assert [held.raw for held in merge([first, later], frozenset()).records] == [b"new", b"{}", b"{}"]
    assert [held.raw for held in merge([later, first], frozenset()).records] == [b"new", b"{}", b"{}"]


def test_ids_already_held_are_skipped() -> None:
    merged = merge([Block(0, (record("a"), record("b"), Row("c", None)), 3)], frozenset({"a", "c"}))
    assert [held.interaction.interaction_id for held in merged.records] == ["b"]
    assert merged.mismatched == frozenset()


def test_the_ids_of_rows_that_do_not_match_are_told_once() -> None:
    merged = merge([Block(0, (record("a"), Row("b", None), Row("b", None), Row(None, None)), 4)], frozenset())
    assert (len(merged.records), merged.mismatched) == (1, frozenset({"b"}))


def test_a_row_whose_last_answer_no_longer_matches_is_gone() -> None:
    blocks_read = [Block(0, (record("a"),), 1, arrival=1), Block(0, (Row("a", None),), 1, arrival=2)]
    assert merge(blocks_read, frozenset()).records == ()
