"""Supersets: a question is answered from a wider collection, whose records are checked here against its conditions."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import inf

from app import cooperative
from app.cooperative import Turns
from app.holdings.collection import Span
from app.holdings.composition import Composition, Piece
from app.holdings.index import Wanted
from app.holdings.packing import Entry, Run, pack
from app.holdings.store import Collection
from app.interactions.facts import Context, Facts
from app.observe.lines import CONDITION_DISTRUSTED
from app.upstream.query import Check, UpstreamQuery, alternatives, checker

COUNTED_AT_ONCE = 8
MOST_SELECTIONS = 8  # kept with a run: of so many sets of conditions
CHECKED_ONE_IN = 200  # answers, with a count by upstream
LEAST_PART = timedelta(hours=6)  # of a longer span: the rest is compared every half hour, or less often
MOST_DOUBTS = 2  # in a row: a row may have joined late, or been erased
MOST_REMEMBERED = 1_000  # sets of conditions
VERIFIED_SECONDS, REFUSED_SECONDS = 86_400.0, 600.0

logger = logging.getLogger("cxfacade.holdings")


@dataclass(frozen=True, slots=True)
class Selection:
    """The records of a run that meet some conditions: their places, and a run of their own, None without any."""

    places: tuple[int, ...]
    run: Run | None


@dataclass(eq=False)
class Supersets:
    """Which conditions are answered from a wider collection: those that upstream counted as many rows for.

    Of some kinds none are any more: `distrusted`. Times are monotonic seconds. With `counts_behind` an answer does not
    wait for upstream's count: that is `put_off`.
    """

    distrusted: set[str] = field(default_factory=set)
    counts_behind: bool = False
    put_off: dict[UpstreamQuery, Span] = field(default_factory=dict, init=False)
    _answers: int = 0
    _doubts: Counter[str] = field(default_factory=Counter)
    _verified: dict[UpstreamQuery, float] = field(default_factory=dict)
    _refused: dict[UpstreamQuery, float] = field(default_factory=dict)

    def may_answer(self, conditions: UpstreamQuery, wider: Collection, span: Span, part: Span, patience: float) -> bool:
        """Whether the wider collection answers about the newest part of the span without a call of its own.

        It holds all of it, or so much that the rest has settled; it is kept up to date; its rows can be checked here.
        """
        now = wider.clock.monotonic()
        compared_at = wider.coverage.compared_at(part) if part.start < part.end else None
        is_kept_up = compared_at is not None and now - compared_at < 2 * patience
        has_settled = part.start <= span.start or part.start < wider.clock.wall() - LEAST_PART
        is_refused = self._refused.get(conditions, 0.0) > now or not self.distrusted.isdisjoint(kinds_of(conditions))
        return is_kept_up and has_settled and not is_refused

    def is_to_be_verified(self, conditions: UpstreamQuery, part: Span, now: float) -> bool:
        """Whether this answer is to be compared with upstream's count: the first of a day, and one in many."""
        self._answers += 1
        is_due = self._verified.get(conditions, 0.0) <= now or self._answers % CHECKED_ONE_IN == 0
        if is_due and self.counts_behind and len(self.put_off) < MOST_REMEMBERED:
            self.put_off[conditions] = part
            return False
        return is_due

    def next_put_off(self) -> list[tuple[UpstreamQuery, Span]]:
        """Some of the conditions that are put off, each with the part to count: they are no longer."""
        return [(one, self.put_off.pop(one)) for one in [*self.put_off][:COUNTED_AT_ONCE]]

    def sample(self, conditions: UpstreamQuery) -> UpstreamQuery:
        """The conditions that upstream is to count: of alternatives one, another each time."""
        each = alternatives(conditions)
        return each[self._answers % len(each)]

    def verify(self, conditions: UpstreamQuery, now: float, *, is_equal: bool) -> None:
        """Note whether upstream counted as many rows."""
        kinds, was_verified = kinds_of(conditions), self._verified.pop(conditions, 0.0) > now
        if is_equal:
            _remember(self._verified, conditions, now + VERIFIED_SECONDS)
            self._doubts -= Counter(dict.fromkeys(kinds if was_verified else (), MOST_DOUBTS))
            return
        _remember(self._refused, conditions, now + REFUSED_SECONDS)
        if was_verified:
            self._doubts.update(kinds)
            self.distrusted |= {kind for kind in kinds if self._doubts[kind] >= MOST_DOUBTS}
            if not self.distrusted.isdisjoint(kinds):
                logger.error(CONDITION_DISTRUSTED, ", ".join(sorted(kinds)))


def _remember(known: dict[UpstreamQuery, float], conditions: UpstreamQuery, until: float) -> None:
    known.pop(conditions, None)
    known[conditions] = until
    if len(known) > MOST_REMEMBERED:
        del known[next(iter(known))]


def kinds_of(asked: UpstreamQuery) -> set[str]:
    """The names of the conditions that are asked for, ranges aside; upstream knows the value alone, not OR."""
    given = {name for name in UpstreamQuery.__dataclass_fields__ if getattr(asked, name)}
    return {"attribute_values" if name == "any_values" else name for name in given - {"start", "end"}}


async def narrowed(whole: Composition, conditions: UpstreamQuery, context: Context) -> Composition:
    """The records of a composition that meet the conditions; what was found in a run is kept with it."""
    check, found = checker(conditions), await cooperative.run(_known(whole, conditions))
    for number, (piece, selection) in enumerate(found):
        if selection is None:
            made = await _selected(piece.run, check, context)
            if len(piece.run.selections) >= MOST_SELECTIONS:
                del piece.run.selections[next(iter(piece.run.selections))]
            piece.run.selections[conditions] = made
            found[number] = piece, made
    return await cooperative.run(_narrowed(whole, found))


def _known(whole: Composition, conditions: UpstreamQuery) -> Turns[list[tuple[Piece, Selection | None]]]:
    """The pieces in whose runs records may meet the conditions, each with what was found in its run before."""
    wanted, found = Wanted(conditions), list[tuple[Piece, Selection | None]]()
    for piece in whole.pieces:
        if wanted.may_occur(piece.run.terms):
            found.append((piece, piece.run.selections.get(conditions)))
        yield
    return found


def _narrowed(whole: Composition, found: Iterable[tuple[Piece, Selection | None]]) -> Turns[Composition]:
    """Of the composition the records that are among those selected of their runs."""
    pieces, rows, due_at = list[Piece](), 0, inf
    for piece, selection in found:
        if selection and selection.run:
            known = {place: number for number, place in enumerate(selection.places)}
            wanted = [known[place] for place in piece.places if place in known]
            if wanted:
                pieces.append(Piece(piece.held.of(selection.run, selection.places), wanted))
                rows, due_at = rows + len(wanted), min(due_at, pieces[-1].due_at)
        yield
    return replace(whole, pieces=tuple(pieces), rows=rows, due_at=due_at)


async def _selected(run: Run, check: Check, context: Context) -> Selection:
    found = await cooperative.run(_matching(run, check, context))
    packed = await pack([entry for _, entry in found])
    return Selection(tuple(place for place, _ in found), next(iter(packed.runs), None))


def _matching(run: Run, check: Check, context: Context) -> Turns[list[tuple[int, Entry]]]:
    found = []
    for place, record in enumerate(run.block.records()):
        if check(record) is None:
            found.append((place, Entry(Facts(record, context), run.fingerprints[place])))
        yield
    return found
