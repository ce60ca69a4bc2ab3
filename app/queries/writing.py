"""Rows written run by run, which stay as they were written until their records change.

So a poll of many rows writes those of the records that changed, and joins bytes.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from app.cache.keys import digest
from app.cache.store import Kept
from app.cooperative import Turns
from app.holdings.packing import BLOCK_ROWS, Run, microseconds
from app.interactions.facts import Context
from app.interactions.grains import Grain
from app.queries.operators import conditions
from app.queries.query import NEWEST_FIRST, InteractionQuery, PageRange
from app.queries.select import (
    Place,
    Selection,
    Written,
    WrittenRow,
    let_go,
    matching,
    past_offset,
    select,
    shape,
    shown_before,
    values_of,
    written,
)
from app.queries.snapshot import DecodedSnapshot
from app.queries.tallying import TIMED, matched_by
from app.queries.visible import Visibility, visibility_of

OVERHEAD_BYTES, ROW_BYTES = 1_000, 30  # of the objects around the rows of a run, and of the index of each

ALWAYS = 2**63  # microseconds: no moment is so far from 1970
PIECE_ROWS = 100  # joined in less than 0.1 ms

Write = Callable[[Selection], Turns[list[WrittenRow]]]
"""Has the rows of a selection written."""


class Pending(NamedTuple):
    """The places in a run of the ended records that are not final, the same at any moment in `[since, until)`.

    Moments are microseconds since 1970, and lie before `as_of` by the time to settle: from the moment of its last event
    on, a record is final.
    """

    places: bytes = b""
    since: int = -ALWAYS
    until: int = ALWAYS

    def is_at(self, moment: int) -> bool:
        """Whether it is these at that moment, too."""
        return self.since <= moment < self.until


def pending_at(run: Run, moment: int) -> Pending:
    """The ended records of a run that are not final at a moment, microseconds since 1970."""
    events = run.ended_after(-ALWAYS)
    later = {place: event for place, event in events.items() if event > moment}
    since = max((event for event in events.values() if event <= moment), default=-ALWAYS)
    return Pending(bytes(later), since, min(later.values(), default=ALWAYS))


class RunRows(NamedTuple):
    """The rows of a run that match, as written: of each the place of its record in the run, and its own in that.

    The run had these `ids`, `fingerprints` and `digest`; the `pending` records were not shown as final.
    """

    ids: tuple[str, ...]
    fingerprints: "array[int]"
    digest: bytes
    pending: Pending
    records: bytes
    parts: "array[int]"
    written: Written

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.written.body) + ROW_BYTES * self.written.rows + OVERHEAD_BYTES

    def unchanged(self, run: Run, pending: Pending) -> dict[int, list[tuple[int, WrittenRow]]]:
        """The rows of the records of a later run that are shown as they were, with their parts, by places there."""
        known = {one: place for place, one in enumerate(self.ids)}
        found = {}
        for place, (name, fingerprint) in enumerate(zip(run.ids, run.fingerprints, strict=True)):
            before = known.get(name)
            if before is None or self.fingerprints[before] != fingerprint:
                continue
            if (before in self.pending.places) == (place in pending.places):
                at = slice(bisect_left(self.records, before), bisect_right(self.records, before))
                found[place] = [(self.parts[row], self.written.row(row)) for row in range(at.start, at.stop)]
        return found

    def left(self, position: int, part: int, shown: Mapping[int, int]) -> Sequence[int]:
        """The numbers of the rows from a part of a record on, without those `shown`: the first so many, by record."""
        if not (position > 0 or part or shown):
            return range(self.written.rows)
        begins = (position, part)
        places = enumerate(zip(self.records, self.parts, strict=True))
        return [row for row, place in places if place >= begins and place[1] >= shown.get(place[0], 0)]


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
    _moment: int = field(init=False)

    def __post_init__(self) -> None:
        """Look up the grain and the visibility, and whether time alone may change how a row is written."""
        view = self.query.view
        self._grain, self._visibility = self.grains[view.grain], visibility_of(self.query.search, self.context)
        names = {*(name for _, name in view.columns), *(one.name for one in self.query.filters)}
        self._is_timed = not names.isdisjoint(TIMED)
        self._moment = microseconds(self.context.as_of - self.context.settle)

    def within(self, wanted: PageRange) -> Turns[Selection]:
        """The page of rows within `wanted`, each written, and where the next one begins. Raises CursorExpired.

        Rows are kept for pages of BLOCK_ROWS or more in upstream's order; others are written anew.
        """
        if self.query.order != NEWEST_FIRST or wanted.limit < BLOCK_ROWS:
            selection = yield from select(self.opened, self.query, self.grains, self.context, wanted)
            return replace(selection, rows=[], written=(yield from _pieces((yield from self._written(selection)))))
        snapshot, view = self.opened.snapshot, self._view()
        shown = shown_before(snapshot, self.query)
        position, skip, limit, part = past_offset(snapshot, self.query, self._grain, self._visibility, wanted)
        pieces, following, end = list[Written](), None, 0
        for number, run in enumerate(snapshot.runs):
            first, end = end, end + run.count
            if end <= position:
                continue
            known = yield from self._of_run(number, view)
            over = {place: shown[one] for place, one in enumerate(run.ids) if one in shown} if shown else {}
            left = known.left(position - first, part, over)
            passed = min(skip, len(left))
            skip, left = skip - passed, left[passed:]
            if left[:limit]:
                pieces.append(known.written.of(left[:limit]))
            if len(left) > limit:
                row = left[limit]
                following = first + known.records[row], known.parts[row]
                break
            limit -= len(left)
            yield
        return Selection(*shape(self.query.view, self._grain.columns), [], following, skip, written=pieces)

    def _of_run(self, number: int, view: bytes) -> Turns[RunRows]:
        """The rows of a run, by its place; those that the run with the same last record had are taken from it."""
        run = self.opened.snapshot.runs[number]
        key = view + run.ids[-1].encode()
        known = self.kept.get(key)
        if known is None or known.digest != run.digest or not known.pending.is_at(self._moment):
            known = yield from self._made(number, known)
            self.kept.keep(key, known, known.size)
        return known

    def _made(self, number: int, before: RunRows | None) -> Turns[RunRows]:
        run, grain = self.opened.snapshot.runs[number], self._grain
        pending = pending_at(run, self._moment) if self._is_timed else Pending()
        same = before.unchanged(run, pending) if before else {}
        changed = [place for place in range(run.count) if place not in same]
        facts = self.opened.of_places(number, self.context, changed) if changed else ()
        candidates = ((one, grain.rows(one)) for one in facts)
        values, rows, places = values_of(self.query.view, grain.columns), list[tuple[object, ...]](), list[Place]()
        for found in matching(candidates, 0, 0, conditions(self.query.filters, grain), self._visibility.left):
            if found is None:
                yield
                continue
            (place, part), row = found
            places.append((changed[place], part))
            rows.append(values(row))
        fresh = yield from self._written(Selection(*shape(self.query.view, grain.columns), rows, None))
        known = [*zip(places, fresh, strict=True)]
        known += [((place, part), row) for place, rows_of_one in same.items() for part, row in rows_of_one]
        known.sort(key=lambda one: one[0])
        records, parts = bytes(place for (place, _), _ in known), array("I", [part for (_, part), _ in known])
        rows_joined = written(row for _, row in known)
        return RunRows(run.ids, run.fingerprints, run.digest, pending, records, parts, rows_joined)

    def _written(self, selection: Selection) -> Turns[list[WrittenRow]]:
        rows = yield from self.write(selection)
        yield from let_go(selection.rows, len(selection.rows))
        return rows

    def _view(self) -> bytes:
        """The digest of everything that decides how a record is written, the settings aside: they never change."""
        return digest(
            "rows",
            *replace(self.query.view, download=False).key_parts(),
            *matched_by(self.query, self.context),
        )


def _pieces(rows: list[WrittenRow]) -> Turns[list[Written]]:
    """The rows in pieces of PIECE_ROWS; the list is emptied, as they would be held twice."""
    pieces = []
    rows.reverse()
    while rows:
        pieces.append(written(reversed(rows[-PIECE_ROWS:])))
        del rows[-PIECE_ROWS:]
        yield
    return pieces
