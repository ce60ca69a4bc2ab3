"""Making: rows, summaries and hints of a snapshot that was found, each once for all who ask at the same time."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from app import cooperative
from app.cache.keys import Part, digest
from app.cache.single_flight import SingleFlight
from app.clock import Clock
from app.errors import Overloaded
from app.interactions.grains import Grain
from app.owners import Owners
from app.queries.admission import Admission
from app.queries.hints import MOST_HINTS, Hint, of_question, of_rows
from app.queries.page import FetchResult, Lookup
from app.queries.query import NEWEST_FIRST, InteractionQuery, PageRange
from app.queries.rules import Rules
from app.queries.select import Selection, select
from app.queries.snapshot_store import SnapshotStore
from app.queries.summarising import SummaryTable, summarise
from app.queries.writing import Write, Writing

T = TypeVar("T")
Work = Callable[[Owners, Callable[[], None]], Awaitable[T]]
"""Makes something of a snapshot for these owners; it may ask whether somebody still waits, which raises Overloaded."""

LEAST_SECONDS = 1.0  # what is at hand at the end of a wait is made an answer of all the same


@dataclass
class Making:
    """Makes what answers are of; a few at a time are admitted."""

    snapshots: SnapshotStore
    flights: SingleFlight
    clock: Clock
    rules: Rules
    grains: Mapping[str, Grain]
    attribute_names: Callable[[], Collection[str]]
    admission: Admission = field(init=False)

    def __post_init__(self) -> None:
        self.admission = Admission(self.clock, self.rules.wait_seconds)

    async def selected(
        self,
        query: InteractionQuery,
        lookup: Lookup,
        found: FetchResult,
        wanted: PageRange,
        write: Write | None,
    ) -> Selection:
        """The rows of the page within `wanted`, written where it is told how. Raises RateLimited, StillFetching."""
        context = self.rules.context_of(found.snapshot, query.view.audience)
        held = found.snapshot.rows_of(query.view.grain)
        rows = min(wanted.limit, held) if query.order == NEWEST_FIRST else held  # to order them takes all

        async def selecting(owners: Owners, require_waiter: Callable[[], None]) -> Selection:
            async with self.admission.selecting(query.view, rows, owners):
                require_waiter()
                if write is None:
                    return await cooperative.run(select(found.opened, query, self.grains, context, wanted))
                kept = self.snapshots.kept(found.stored, "rows")
                return await cooperative.run(
                    Writing(found.opened, query, self.grains, context, write, kept).within(wanted)
                )

        return await self.once(("select", write is not None, *wanted, *query.key_parts()), found, selecting, lookup)

    async def once(self, parts: tuple[Part, ...], found: FetchResult, work: Work[T], lookup: Lookup) -> T:
        """The result of `work` on a snapshot, which `parts` describe; simultaneous requests share it.

        It is not done where nobody waits for it any more. Raises StillFetching past the client's deadline, and not
        before LEAST_SECONDS are over, and RateLimited.
        """
        key, owners = digest(*parts, found.snapshot.version, found.snapshot.rows), Owners(lookup.owner)

        def require_waiter() -> None:
            if not self.flights.is_awaited(key):
                raise Overloaded("Nobody waits for it any more.")

        left = max(lookup.left(self.clock.monotonic()), LEAST_SECONDS)
        made = partial(work, owners, require_waiter)
        return (await self.flights.join(key, made, wait_seconds=left, owners=owners)).value

    async def summary(self, query: InteractionQuery, lookup: Lookup, found: FetchResult) -> SummaryTable:
        """The summary that the query asks of all rows `found`. Raises TooManyGroups, RateLimited, StillFetching."""
        grain = self.grains[query.view.grain]
        context = self.rules.context_of(found.snapshot, query.view.audience)

        async def summarising(owners: Owners, require_waiter: Callable[[], None]) -> SummaryTable:
            rows = min(found.snapshot.rows_of(grain.name), self.rules.max_rows)  # of the table: no others are kept
            async with self.admission.selecting(query.view, rows, owners):
                require_waiter()
                tallies, most = self.snapshots.kept(found.stored, "tally"), self.rules.max_rows
                work = summarise(found.opened, query, grain, context, most_groups=most, tallies=tallies)
                return await cooperative.run(work)

        return await self.once(("summary", *query.key_parts()), found, summarising, lookup)

    async def hints(self, query: InteractionQuery, lookup: Lookup, found: FetchResult) -> list[Hint]:
        """The hints for a question that found no rows. Raises RateLimited, StillFetching."""
        context, grain = self.rules.context_of(found.snapshot, query.view.audience), self.grains[query.view.grain]

        async def looking(owners: Owners, require_waiter: Callable[[], None]) -> list[Hint]:
            async with self.admission.selecting(query.view, found.snapshot.rows, owners):
                require_waiter()
                names = self.attribute_names()
                by_rows = await cooperative.run(of_rows(query, found.opened, grain, context, names))
            by_question = of_question(query, is_ahead=found.snapshot.is_ahead)
            return [*by_question, *by_rows][:MOST_HINTS]

        return await self.once(("hints", *query.key_parts()), found, looking, lookup)
