"""Values of the shared tier: which extents are newer than what is held, and which of several count."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from app import cooperative
from app.holdings import shared
from app.holdings.collection import Coverage, Interval, Span
from app.holdings.packing import microseconds
from app.holdings.partition import EVERYTHING as WHOLE
from app.holdings.shared import TAIL, Catalogue, Extent, Part
from app.upstream.query import EVERYTHING
from tests.holdings.support import NOW, day, place

HOUR = timedelta(hours=1)
A_DAY = [
    Part(microseconds(NOW) + at * 3_600_000_000, microseconds(NOW) + (at + 6) * 3_600_000_000, 0, b"") for at in (0, 6)
]


def span(start: float, end: float) -> Span:
    return Span(NOW + start * HOUR, NOW + end * HOUR)


def extent(
    start: float, end: float, compared_at: float, parts: Sequence[Part] = (), *, has_tail: bool = False
) -> Extent:
    low, high = map(microseconds, span(start, end))
    return Extent(low, high, compared_at, has_tail, tuple(parts))


@pytest.mark.parametrize(
    ("held", "asked", "found"),
    [
        ([], (0, 12), [(0, 10)]),
        ([], (4, 6), [(4, 6)]),
        ([], (10, 12), []),
        ([(0, 10, 100.0)], (0, 10), []),
        ([(0, 10, 99.995)], (0, 10), []),
        ([(0, 10, 99.0)], (0, 10), [(0, 10)]),
        ([(2, 4, 101.0), (6, 8, 1.0)], (0, 10), [(0, 2), (4, 10)]),
    ],
)
def test_parts_of_an_extent_are_wanted_that_are_not_held_as_new(
    held: list[tuple[float, float, float]], asked: tuple[float, float], found: list[tuple[float, float]]
) -> None:
    coverage = Coverage(tuple(Interval(span(start, end), at) for start, end, at in held))
    newer = shared.newer(Catalogue((extent(0, 10, 100.0),)), coverage, span(*asked))
    assert [one.span for one in newer] == [span(*one) for one in found]


def test_of_what_others_have_told_only_that_is_kept_of_which_nothing_else_is_known() -> None:
    before = [extent(0, 10, 3.0), extent(20, 30, 0.5), extent(30, 40, 4.0)]
    known = Coverage((Interval(span(4, 6), 0.0), Interval(span(38, 50), 0.0)))
    joined = shared.joined([extent(4, 6, 1.0), extent(60, 61, 0.9)], before, known, 1.0)
    assert [(one.span, one.compared_at) for one in joined] == [
        (span(0, 4), 3.0),
        (span(4, 6), 1.0),
        (span(6, 10), 3.0),
        (span(30, 38), 4.0),
    ]


def test_a_part_of_an_extent_needs_only_the_chunks_that_it_meets() -> None:
    whole = extent(0, 12, 1.0, A_DAY, has_tail=True)
    assert whole.within(whole.span) == whole
    assert whole.within(span(7, 12)) == extent(7, 12, 1.0, A_DAY[1:])
    assert whole.within(span(0, 6)) == extent(0, 6, 1.0, A_DAY[:1], has_tail=True)
    assert extent(6, 12, 1.0, A_DAY, has_tail=True).within(span(6, 8)).parts == tuple(A_DAY)  # for its tail
    assert extent(6, 12, 1.0, A_DAY, has_tail=True).within(span(6, 8), has_tail=False).parts == tuple(A_DAY[1:])
    assert extent(6, 12, 1.0, has_tail=True).low == microseconds(NOW + 6 * HOUR) - TAIL


async def test_records_are_packed_in_chunks_and_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "CHUNK_BYTES", 200)
    at = place(day(300))
    await at.answer()
    [partition] = at.holdings.collection(EVERYTHING).partitions(WHOLE)
    start, end = NOW - 2 * HOUR, NOW - HOUR
    told = [*shared.parted(partition, microseconds(start))]
    assert [part.number for part, _ in told] == [*range(len(told))]
    assert len({part.name for part, _ in told}) == len(told) > 2
    chunks = [shared.decode_chunk(shared.chunk_of(part, runs, 5.0)) for part, runs in told]
    wanted = Extent(microseconds(start), microseconds(end), 0.0, False, ())
    records = await cooperative.run(shared.records_of(wanted, chunks))
    assert {one.record.interaction.interaction_id for one in records} == {*at.expected(start=start, end=end)}
    assert {one.checked for one in records} == {at.clock.monotonic + 5.0}
    assert {one.changed for one in records} == {0}
    final = {one.record.interaction.interaction_id for one in records if not one.is_pending}
    assert final == {*at.expected(start=start, end=NOW - HOUR - timedelta(minutes=1) + timedelta(microseconds=1))}


async def test_a_chunk_is_another_once_its_records_were_checked_again() -> None:
    at = place(day(10))
    await at.answer()
    collection = at.holdings.collection(EVERYTHING)
    [(before, _)] = shared.parted(collection.partitions(WHOLE)[0], 0)
    at.clock.advance(1_000)
    await at.answer()
    [(after, _)] = shared.parted(collection.partitions(WHOLE)[0], 0)
    assert before.place == after.place
    assert before.name != after.name
