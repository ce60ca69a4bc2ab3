"""A snapshot: the known parts of upstream's records for one search, in compressed blocks, with a small index."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, takewhile

import zstandard

from app.holdings.changes import Mark
from app.holdings.packing import Run, Sums, microseconds
from app.holdings.partition import moment_of
from app.holdings.reader import MILLISECOND, floored
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS
from app.interactions.parts import Interaction
from app.interactions.records import as_sent
from app.queries.query import ALL_ROWS
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position

_RUN_BYTES, _ID_BYTES, _INDEX_BYTES = 16, 60, 800  # what the objects cost beside their content


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of one search, newest first, as far as they were read.

    Rows of one reading stand in the order (start descending, id ascending). `version` names the snapshot they belong
    to, `as_of` is when the reading began that first showed them so, `seen_again_at` when the last one did that found
    nothing changed. `runs` hold the records, `rows` of them, and `sums` are theirs. `offset` counts upstream's rows
    read, `total` those it promised last and `least_total` the fewest it ever promised. `shifted`: rows may be missing.
    Of the `dropped` rows the `lost` ones could not be read, and those of the ids `mismatched` were sent though not
    asked for. `upstream_seconds` is what the first reading took. `compressed_raw` is the record as upstream sent it, of
    a single interaction alone. One that was composed of holdings is good for `fresh_seconds` after its oldest part was
    compared with upstream; `marks` are the states of the holdings that it shows, and at `content_as_of` upstream showed
    the record that it had not shown for longest. A list of changes has the ids that are `gone`.
    """

    version: str
    as_of: datetime
    asked: UpstreamQuery
    time_zone: str | None
    simulated: bool
    runs: tuple[Run, ...] = ()
    rows: int = 0
    sums: Sums = Sums()  # noqa: RUF009 - frozen
    offset: int = 0
    total: int = 0
    least_total: int = 0
    last_start: datetime | None = None
    complete: bool = False
    shifted: bool = False
    dropped: int = 0
    mismatched: frozenset[str] = frozenset()
    lost: int = 0
    upstream_seconds: float = 0.0
    compressed_raw: bytes = b""
    seen_again_at: datetime | None = None
    fresh_seconds: float | None = field(default=None, compare=False)
    marks: tuple[Mark, ...] = field(default=(), compare=False)
    content_as_of: datetime | None = field(default=None, compare=False)
    gone: tuple[str, ...] | None = None

    @property
    def checked_at(self) -> datetime:
        """When upstream last showed it as it is."""
        return self.seen_again_at or self.as_of

    @property
    def is_ahead(self) -> bool:
        """Whether its range had not begun when upstream last showed it."""
        return self.asked.start is not None and self.asked.start > self.checked_at

    @property
    def ids(self) -> Iterator[str]:
        """The ids of the records, in their order."""
        return chain.from_iterable(run.ids for run in self.runs)

    @property
    def is_held(self) -> bool:
        """Whether it was composed of holdings, rather than read whole."""
        return self.fresh_seconds is not None

    def rows_of(self, grain: str) -> int:
        """How many rows of that grain the records held have."""
        return self.sums.counts[[*GRAINS].index(grain)]

    @property
    def lacks_rows(self) -> bool:
        """Whether upstream has rows for this search, as far as it was read, that are not held."""
        return self.shifted or self.lost > 0

    @property
    def size(self) -> int:
        """Bytes held, without the runs: others may hold them too."""
        ids = sum(len(one) + _ID_BYTES for one in (*self.mismatched, *(self.gone or ())))
        return ids + len(self.compressed_raw) + _RUN_BYTES * len(self.runs) + _INDEX_BYTES

    @property
    def raw(self) -> bytes:
        """The record of a single interaction as upstream sent it."""
        return as_sent(zstandard.decompress(self.compressed_raw))

    @property
    def last_millisecond(self) -> datetime:
        """The millisecond in which the last record starts; there is one."""
        return floored(moment_of(self.runs[-1].starts[-1]))

    @property
    def place(self) -> Position:
        """Where reading goes on."""
        seen = self.mismatched.union(self.ids)
        return Position(self.offset, self.total, seen, self.lost, self.least_total, self.rows, self.last_start)


@dataclass(frozen=True, slots=True)
class DecodedSnapshot:
    """A snapshot with the facts of its newest blocks still at hand, so that a short miss decodes its records once."""

    snapshot: Snapshot
    at_hand: dict[int, list[Facts]] = field(default_factory=dict)

    def facts(self, position: int, context: Context, wanted: int = ALL_ROWS) -> Iterator[Facts]:
        """The facts of the records from `position` on; a record that is not at hand is decoded when it is reached.

        Those of a run are decoded together, but for those behind so many as will probably be `wanted`.
        """
        first = 0
        for number, run in enumerate(self.snapshot.runs):
            begins = min(max(0, position - first), run.count)
            ends = min(begins + wanted, run.count)
            for places in (range(begins, ends), range(ends, run.count)):
                if places:
                    yield from self.of_places(number, context, places)
            first, wanted = first + run.count, wanted - (ends - begins)

    def of_run(self, number: int, context: Context, spared: tuple[str, ...] = ()) -> Iterable[Facts]:
        """The facts of the records of a run, by its place; arrays that nobody reads may be `spared`."""
        known = self.at_hand.get(number)
        return _in(context, known) if known else _facts(context, self.snapshot.runs[number].block.records(spared))

    def of_places(self, number: int, context: Context, places: Sequence[int]) -> Iterable[Facts]:
        """The facts of the records in these places of a run."""
        known = self.at_hand.get(number)
        if known:
            return _in(context, [known[place] for place in places])
        return _facts(context, self.snapshot.runs[number].block.at(places))


def _in(context: Context, known: Sequence[Facts]) -> Iterable[Facts]:
    """The same facts as a context shows them."""
    is_shown = not known or known[0].context == context
    return known if is_shown else _facts(context, (facts.interaction for facts in known))


def _facts(context: Context, records: Iterable[Interaction]) -> Iterator[Facts]:
    return (Facts(record, context) for record in records)


def last_ids(snapshot: Snapshot) -> Iterator[str]:
    """The ids of the records that start within the millisecond of the last one."""
    for run in _last_runs(snapshot):
        end = microseconds(snapshot.last_millisecond + MILLISECOND)
        yield from (name for name, start in zip(run.ids, run.starts, strict=True) if start < end)


def end_of(snapshot: Snapshot) -> Snapshot:
    """The snapshot with its last runs alone: those of the records that start within the millisecond of the last one."""
    runs = (*_last_runs(snapshot),)[::-1]
    return replace(snapshot, runs=runs, rows=sum(run.count for run in runs), dropped=0, mismatched=frozenset())


def _last_runs(snapshot: Snapshot) -> Iterator[Run]:
    """Those that have records within the millisecond of the last one, from the end on."""
    return takewhile(
        lambda run: moment_of(run.starts[-1]) < snapshot.last_millisecond + MILLISECOND, reversed(snapshot.runs)
    )
