"""Rows written run by run: those of a run stay as they were written until one of its records changes.

So a poll of many rows writes those of the runs that changed, and joins bytes.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from itertools import groupby
from typing import NamedTuple

from app.cache.store import Kept, digest
from app.cooperative import Turns
from app.holdings.packing import BLOCK_ROWS, Run, microseconds
from app.interactions.facts import Context
from app.interactions.grains import Grain
from app.queries.operators import conditions
from app.queries.query import NEWEST_FIRST, InteractionQuery, PageRange
from app.queries.select import Selection, Written, let_go, matching, past_offset, select, shape, shown_before, values_of
from app.queries.snapshot import DecodedSnapshot
from app.queries.tallying import TIMED
from app.queries.visible import Visibility, visibility_of

OVERHEAD_BYTES, ROW_BYTES = 1_000, 30  # of the objects around the rows of a run, and of the index of each

Write = Callable[[Selection], Turns[Written]]
"""Has the rows of a selection written."""


class RunRows(NamedTuple):
    """The rows of a run that match, as written: of each the place of its record in the run, and its own in that."""

    records: bytes
    parts: "array[int]"
    written: Written

    def left(self, position: int, part: int, shown: Mapping[int, int]) -> Sequence[int]:
        """The rows from that part of that record on, without the first of some records, by the records' places."""
        if not (position > 0 or part or shown):
            return range(self.written.rows)
        begins = (position, part)
        places = enumerate(zip(self.records, self.parts, strict=True))
        return [row for row, place in places if place >= begins and place[1] >= shown.get(place[0], 0)]

    def pieces(self, rows: Sequence[int]) -> Iterator[Written]:
        """These of the rows."""
        if len(rows) == self.written.rows:
            yield from [self.written] if rows else ()
            return
        for _, together in groupby(enumerate(rows), lambda one: one[1] - one[0]):
            places = [row for _, row in together]
            yield self.written.part(places[0], places[-1] + 1)


@dataclass(slots=True)
class Writing:
    """Writes the rows of a snapshot that answer a query, as a context shows them; `kept` holds those of whole runs."""

    opened: DecodedSnapshot
    query: InteractionQuery
    grains: Mapping[str, Grain]
    context: Context
    write: Write
    kept: Kept[RunRows]
    _grain: Grain = field(init=False)
    _visibility: Visibility = field(init=False)
    _is_timed: bool = field(init=False)

    def __post_init__(self) -> None:
        """See what a row is, and what decides how it is written."""
        view = self.query.view
        self._grain, self._visibility = self.grains[view.grain], visibility_of(self.query.search, self.context)
        names = {*(name for _, name in view.columns), *(one.name for one in self.query.filters)}
        self._is_timed = not names.isdisjoint(TIMED)

    def within(self, wanted: PageRange) -> Turns[Selection]:
        """As `select`, with the rows written. Raises CursorExpired."""
        if self.query.order != NEWEST_FIRST or wanted.limit < BLOCK_ROWS:
            selection = yield from select(self.opened, self.query, self.grains, self.context, wanted)
            return replace(selection, rows=[], written=((yield from self._written(selection)),))
        snapshot, view = self.opened.snapshot, self._view()
        shown = shown_before(snapshot, self.query)
        position, skip, limit, part = past_offset(snapshot, self.query, self._grain, self._visibility, wanted)
        written, following, end = list[Written](), None, 0
        for number, run in enumerate(snapshot.runs):
            first, end = end, end + run.count
            if end <= position:
                continue
            known = yield from self._of_run(number, view)
            over = {place: shown[one] for place, one in enumerate(run.ids) if one in shown} if shown else {}
            left = known.left(position - first, part, over)
            passed = min(skip, len(left))
            skip, left = skip - passed, left[passed:]
            written += known.pieces(left[:limit])
            if len(left) > limit:
                row = left[limit]
                following = first + known.records[row], known.parts[row]
                break
            limit -= len(left)
            yield
        return Selection(*shape(self.query.view, self._grain.columns), [], following, skip, written=tuple(written))

    def _of_run(self, number: int, view: bytes) -> Turns[RunRows]:
        """The rows of a run, by its place."""
        run = self.opened.snapshot.runs[number]
        key = view + run.digest + self._pending(run)
        known = self.kept.get(key)
        if known is None:
            known = yield from self._made(number)
            written, index = known.written, (OVERHEAD_BYTES + ROW_BYTES * known.written.rows)
            self.kept.keep(key, known, len(written.body) + index)
        return known

    def _made(self, number: int) -> Turns[RunRows]:
        candidates = ((facts, self._grain.rows(facts)) for facts in self.opened.of_run(number, self.context))
        values, rows = values_of(self.query.view, self._grain.columns), list[tuple[object, ...]]()
        records, parts = bytearray(), array("I")
        for found in matching(candidates, 0, 0, conditions(self.query.filters, self._grain), self._visibility.left):
            if found is None:
                yield
                continue
            (record, part), row = found
            records.append(record)
            parts.append(part)
            rows.append(values(row))
        selection = Selection(*shape(self.query.view, self._grain.columns), rows, None)
        return RunRows(bytes(records), parts, (yield from self._written(selection)))

    def _written(self, selection: Selection) -> Turns[Written]:
        written = yield from self.write(selection)
        yield from let_go(selection.rows, len(selection.rows))
        return written

    def _view(self) -> bytes:
        """The digest of everything that decides how a record is written, the settings aside: they never change."""
        return digest(
            "rows",
            *replace(self.query.view, download=False).key_parts(),
            str(self.context.zone),
            astuple(replace(self.query.search, start=None, end=None)),
            tuple(one.key_parts() for one in self.query.filters),
        )

    def _pending(self, run: Run) -> bytes:
        """The places of the ended records that are not final yet, where that is shown."""
        if run.sums.pending_since is None or not self._is_timed:
            return b""
        return bytes(run.ended_after(microseconds(self.context.as_of - self.context.settle)))
