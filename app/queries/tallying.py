"""Records → groups, a partition at a time; what was counted of one is kept, and counted again where it has changed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from app.cache.keys import Part, digest
from app.cache.store import Kept
from app.cooperative import Turns
from app.holdings.packing import Run
from app.holdings.partition import partitioned
from app.interactions.facts import Context, Facts
from app.interactions.grains import Grain
from app.queries.operators import conditions, passes
from app.queries.query import InteractionQuery, Search
from app.queries.snapshot import DecodedSnapshot
from app.queries.visible import meets, visibility_of
from app.summaries.grouping import Grouping
from app.summaries.summary import Summary
from app.summaries.tally import Packing, Tally

RECORDS_AT_ONCE = 4  # looked through in 10 µs; of the largest ones in 10 ms
ROWS_AT_ONCE = 200  # added in about 1 ms
GROUPS_AT_ONCE = 500  # merged in about 2 ms
LEAST_GAIN = 4  # times as many bytes as its tally has a part of the records: else little is saved by it
TIMED = frozenset({"is_final"})
"""The columns whose values change with time alone, as long as they are not true."""


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts the rows of a snapshot that match a query, as a context shows them; what it counts may be kept."""

    opened: DecodedSnapshot
    query: InteractionQuery
    grain: Grain
    context: Context
    tallies: Kept[bytes] | None = None

    def into(self, grouping: Grouping) -> Turns[int]:
        """Count all of them into the grouping; their number. Raises TooManyGroups."""
        packing, view = Packing(grouping), self._view(grouping)
        is_timed = not TIMED.isdisjoint(self._names(grouping))
        counted, first = 0, 0
        for runs in partitioned(self.opened.snapshot.runs):
            tallies = None if is_timed and _is_pending(runs) else self.tallies
            key = digest(view, *(run.digest for run in runs))
            packed = tallies.get(key) if tallies else None
            if packed is None:
                tally = yield from self._counted(grouping.part(), range(first, first + len(runs)))
                packed = packing.pack(tally) if tallies else None
                if tallies and packed and len(packed) * LEAST_GAIN <= sum(run.size for run in runs):
                    tallies.keep(key, packed, len(packed))
            else:
                tally = packing.unpack(packed)
            for start in range(0, len(tally.groups), GROUPS_AT_ONCE):
                grouping.merge(tally.groups[start : start + GROUPS_AT_ONCE])
                yield
            counted, first = counted + tally.counted, first + len(runs)
        return counted

    def _view(self, grouping: Grouping) -> bytes:
        """The digest of everything that decides what is counted in a record, the settings aside: they never change."""
        summary = self.query.summary or Summary()
        return digest(
            "tally",
            self.grain.name,
            summary.by,
            summary.interval,
            summary.at,
            tuple((atom.kind, atom.of) for atom in grouping.atoms),
            *matched_by(self.query, self.context),
        )

    def _counted(self, part: Grouping, numbers: Iterable[int]) -> Turns[Tally]:
        """The tally of the records of these runs."""
        left = visibility_of(self.query.search, self.context).left
        spared = () if left.asks_of_hooks() else self.grain.spared(self._names(part))
        matching, rows, counted = self._matching(left), list[Any](), 0
        for number in numbers:
            for place, facts in enumerate(self.opened.of_run(number, self.context, spared)):
                if place % RECORDS_AT_ONCE == 0:
                    yield
                rows += matching(facts)
                if len(rows) >= ROWS_AT_ONCE:
                    counted += yield from _added(rows, part)
                    rows.clear()
        counted += yield from _added(rows, part)
        return Tally(counted, [*part.groups.items()])

    def _names(self, grouping: Grouping) -> tuple[str, ...]:
        """The columns that decide what is counted."""
        return (*grouping.columns, *(one.name for one in self.query.filters))

    def _matching(self, left: Search) -> Callable[[Facts], list[Any]]:
        """The rows of a record that match, with all that is `left` to check."""
        rows_of = self.grain.rows
        own, others = conditions(self.query.filters, self.grain)
        if not (left.asks_of_hooks() or own or others):
            return rows_of

        def matching(facts: Facts) -> list[Any]:
            if not (meets(facts, left) and passes(facts, others)):
                return []
            return [row for row in rows_of(facts) if passes(row, own)]

        return matching


def matched_by(query: InteractionQuery, context: Context) -> tuple[Part, ...]:
    """The parts of a key that tell which rows of a record match, and in which zone their times are shown, to whom."""
    search = astuple(replace(query.search, start=None, end=None))
    return (str(context.zone), context.audience.name, search, tuple(one.key_parts() for one in query.filters))


def _added(rows: Sequence[Any], part: Grouping) -> Turns[int]:
    """Add the rows to a part; their number."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield
        part.add(rows[start : start + ROWS_AT_ONCE])
    return len(rows)


def _is_pending(runs: Iterable[Run]) -> bool:
    """Whether some record is not final yet."""
    return not all(run.sums.all_final for run in runs)
