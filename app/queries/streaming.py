"""Streams: every row of a query in order, a piece at a time, read on while the pieces are sent.

A stream begins with the question's snapshot, as any answer does. What lies below is read, or taken from what is held,
STEP_ROWS at a time, and let go of once it was sent: the memory of a stream does not grow with its length, and what
others ask for is not driven out. Where ranges cannot be trusted, it ends where one snapshot would.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from app import cooperative
from app.cooperative import let_go
from app.errors import NotStored, RateLimited, UpstreamBadAnswer, UpstreamBusy, UpstreamThrottled
from app.holdings.marks import span_of
from app.holdings.partition import moment_of
from app.holdings.reader import MILLISECOND, floored
from app.owners import Owners
from app.queries.fetching import Beyond
from app.queries.page import FetchResult, Lookup, page_of
from app.queries.query import NEWEST_FIRST, InteractionQuery, PageRange
from app.queries.select import Selection, select
from app.queries.service import Queries
from app.queries.snapshot import DecodedSnapshot
from app.upstream.query import UpstreamQuery

PIECE_ROWS = 1_000
STEP_ROWS = 950  # are read at once, by one call, which brings rows of the last millisecond again
STEP_SECONDS = 3_600.0  # for one step after the first; its calls have bounds of their own
MOST_PAUSES, USUAL_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 1.0, 20.0  # meanwhile the client is sent nothing

_serial = count()


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that has begun: how it was `found`, the number of rows in all where known, and its rows.

    `truncated`: rows are missing, or more match than are sent. Where rows turn out to be missing later, `further`
    raises UpstreamBadAnswer. A piece is good until the next one is asked for.
    """

    found: FetchResult
    total: int | None
    truncated: bool
    first: Selection
    further: AsyncGenerator[Selection, None]


@asynccontextmanager
async def stream(queries: Queries, query: InteractionQuery, lookup: Lookup) -> AsyncIterator[Stream]:
    """The stream of the rows that answer a query; the client's wait is for its first piece alone.

    Raises as `Queries.page`, and RateLimited or Overloaded where enough streams are under way. `further` raises as
    reading on does.
    """
    with queries.making.admission.streaming(lookup.owner):
        found = await queries.find(replace(query, limit=min(PIECE_ROWS, query.limit)), lookup)
        if lookup.only_if_cached and not found.snapshot.complete:
            raise NotStored()
        walk = _Walk(queries, query, lookup, found)
        async with aclosing(walk.pieces()) as pieces:
            first = await anext(pieces)
            total = page_of(query, lookup.plan, found, first, queries.rules, seconds=0.0).total
            is_longer = total is not None and not query.cursor and total > query.reach
            yield Stream(found, total, walk.lacks_rows or is_longer, first, pieces)


@dataclass
class _Walk:
    """The way down from the snapshot that was `found`; `opened` is the part that is being sent.

    `passed` records were read in all. `is_unbounded`: ranges were trusted when it began. Where it `lacks_rows`, which
    was told, no further loss ends it.
    """

    queries: Queries
    query: InteractionQuery
    lookup: Lookup
    found: FetchResult
    opened: DecodedSnapshot = field(init=False)
    passed: int = field(init=False)
    is_unbounded: bool = field(init=False)
    lacks_rows: bool = field(init=False)

    def __post_init__(self) -> None:
        snapshot = self.found.snapshot
        self.opened, self.passed = self.found.opened, snapshot.rows + snapshot.dropped
        self.is_unbounded = self._trusts_ranges()
        is_beyond_reach = not self.is_unbounded and snapshot.total > self.queries.rules.most_rows
        self.lacks_rows = snapshot.lacks_rows or is_beyond_reach

    async def pieces(self) -> AsyncGenerator[Selection, None]:
        """The rows in order; the first piece is made of what was found, and there may be empty ones."""
        left, wanted = self.query.limit, self.queries.planner.page_range(self.query, self.lookup.plan)
        while left:
            selection = await self._selected(wanted._replace(limit=min(self._most_rows(), left)))
            left -= len(selection.rows)
            yield selection
            await let_go(selection.rows)
            if selection.following:
                place, part = selection.following
                wanted = PageRange(place, selection.skip, left, part)
            elif left and (position := await self._go_on()) is not None:
                wanted = PageRange(position, selection.skip, left)
            else:
                break

    def _most_rows(self) -> int:
        """The rows of a piece: another order than upstream's is made once, for all of them."""
        return PIECE_ROWS if self.query.order == NEWEST_FIRST else self.query.limit

    async def _selected(self, wanted: PageRange) -> Selection:
        """The rows within `wanted`."""
        queries, snapshot, view = self.queries, self.opened.snapshot, self.query.view
        context, owners = queries.rules.context_of(snapshot, view.audience), Owners(self.lookup.owner)
        async with queries.making.admission.selecting(view, min(wanted.limit, snapshot.rows_of(view.grain)), owners):
            return await cooperative.run(select(self.opened, self.query, queries.grains, context, wanted))

    def _trusts_ranges(self) -> bool:
        return self.queries.fetching.holds(self.lookup.plan)

    async def _go_on(self) -> int | None:
        """Read a step further: the position of the first record that was read, None at the end.

        Raises UpstreamBadAnswer where rows are missing, and that was not told.
        """
        sent, facts = self.opened.snapshot, [one for block in self.opened.at_hand.values() for one in block]
        may_go_on = self._trusts_ranges() if self.is_unbounded else self.lookup.plan.is_readable(sent)
        if sent.complete or not may_go_on:
            self._require(is_whole=sent.complete)
            return None
        self.opened = DecodedSnapshot(sent)
        await let_go(facts)
        self.opened, position = await self._beyond()
        longer = self.opened.snapshot
        self.passed += longer.rows - position + longer.dropped
        is_longer = longer.complete or longer.rows > position or longer.offset > sent.offset
        self._require(is_whole=is_longer and not longer.lacks_rows)
        if longer.complete and self.is_unbounded and self.passed < self.found.snapshot.total:
            self._require(is_whole=self.passed >= await self._total_now())
        return position if is_longer else None

    async def _beyond(self) -> Beyond:
        """The next step; a short pause that is asked for is waited out, some times."""
        for _ in range(MOST_PAUSES):
            try:
                return await self._read()
            except (UpstreamThrottled, UpstreamBusy, RateLimited) as error:
                pause = error.retry_after_seconds or USUAL_PAUSE_SECONDS
                if pause > LONGEST_PAUSE_SECONDS:
                    raise
            await self.queries.clock.sleep(pause)
        return await self._read()

    async def _read(self) -> Beyond:
        """The next step, which is made to its end though the client leaves: what is held stays whole."""
        queries, owners = self.queries, Owners(self.lookup.owner)
        read = partial(queries.fetching.beyond, self.lookup.plan, self.opened.snapshot, STEP_ROWS, owners)
        key = b"stream %d" % next(_serial)
        return (await queries.flights.join(key, read, wait_seconds=STEP_SECONDS, owners=owners)).value

    async def _total_now(self) -> int:
        """How many records upstream counts now, without those that began after the first one sent."""
        snapshot = self.found.snapshot
        total = await self._count(snapshot.asked)
        if not snapshot.runs:
            return total
        later = floored(moment_of(snapshot.runs[0].starts[0])) + MILLISECOND
        is_over = snapshot.asked.end is not None and snapshot.asked.end <= later
        return total if is_over else total - await self._count(replace(snapshot.asked, start=later))

    async def _count(self, asked: UpstreamQuery) -> int:
        collection, owners = self.queries.holdings.collection(asked), Owners(self.lookup.owner)
        return await collection.reader(self.queries.upstream, 1, owners, background=False).count(span_of(asked))

    def _require(self, *, is_whole: bool) -> None:
        if not (is_whole or self.lacks_rows):
            raise UpstreamBadAnswer("Rows are missing from upstream's list.")
