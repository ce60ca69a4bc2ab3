"""The held window: the last days of the whole tenant (CXF_HOLD) are read in the background, and kept up to date."""

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.errors import CxfacadeError
from app.holdings.answering import Wanted
from app.holdings.collection import Span
from app.holdings.partition import FOREVER
from app.holdings.reader import floored
from app.holdings.store import Collection
from app.interactions.masking import MASKED
from app.interactions.times import written
from app.observe.lines import FETCH_BUG, HOLD_COMPLETE, HOLD_DISTRUSTED, HOLD_REFUSED, HOLD_SHORT, HOLD_UNPROVEN, Line
from app.owners import Owners
from app.queries.fetch_plan import FetchPlan, Terms, of_search
from app.queries.query import Search
from app.queries.service import Queries
from app.upstream.breaker import Gate
from app.upstream.query import EVERYTHING, UpstreamQuery

PIECE_ROWS, PIECE_CALLS = 900, 4  # one call of the longest, as a rule; more where many rows are of one millisecond
ALLOWANCE_SHARE = 0.5  # of the freshness of an open answer: so often it is compared, ahead of everybody who asks
LEAST_SECONDS, MOST_SECONDS = 1.0, 300.0  # between two turns; after failures twice as long each time

logger = logging.getLogger("cxfacade.hold")


@dataclass(eq=False)
class HeldWindow:
    """Keeps the interactions that started within the last `length`, up to now, held.

    A turn compares what is held, reads what is due again, and reads one piece of what is missing, the newest first.
    Where memory did not suffice for it, no more is read until there is room again. `usual` is the pause between two
    turns, in seconds.
    """

    queries: Queries
    length: timedelta
    plan: FetchPlan = field(init=False)
    usual: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin with what is held already."""
        self.plan = of_search(Search(), MASKED, None, self.queries.upstream, self.queries.rules)
        self.usual = max(LEAST_SECONDS, ALLOWANCE_SHARE * self.queries.rules.fresh_open_seconds)
        self._begin(self.queries.holdings.collection(EVERYTHING))

    def _begin(self, collection: Collection) -> None:
        """Hold the range in a new collection: nothing is known yet of memory, or of rows that cannot be trusted."""
        self._collection, self._low, self._losses, self._is_short = collection, FOREVER, 0, False
        self._gate = Gate(2 * self.usual, MOST_SECONDS, self.queries.clock.monotonic)
        self._told: Line | None = None

    @property
    def span(self) -> Span:
        """The range of starts that are to be held by now."""
        return Span(floored(self.queries.clock.wall() - self.length), FOREVER)

    def missing_seconds(self) -> float:
        """Seconds of the range, up to now, that are not held."""
        gaps = self._collection.coverage.gaps(self.span._replace(end=self.queries.clock.wall()))
        return sum((one.end - one.start).total_seconds() for one in gaps)

    async def run(self) -> None:
        """Take turn after turn, until it is cancelled."""
        while True:
            await self.queries.clock.sleep(await self.turn())

    async def turn(self) -> float:
        """Go one step on; the next is due in so many seconds."""
        if self.plan.is_blocked():
            return self.usual
        asked_pause = 0.0
        try:
            if await self._may_hold():
                await self._go_on()
                return 0.0 if self._next_gap() else self.usual
        except CxfacadeError as error:
            asked_pause = float(error.retry_after_seconds or 0)
        except Exception:
            logger.exception(FETCH_BUG)
        self.queries.holdings.supersets.counts_behind = False
        self._gate.close()
        return max(asked_pause, self._gate.left())

    async def _may_hold(self) -> bool:
        """Whether upstream's ranges were seen to be as holding needs them. Raises UpstreamError."""
        holdings = self.queries.holdings
        if holdings.is_to_be_probed or not holdings.is_probed:
            await holdings.probe(may_sample=True)
        if not holdings.is_probed and self._is_news(HOLD_UNPROVEN):
            logger.warning(HOLD_UNPROVEN)
        if holdings.is_probed and not holdings.is_trusted and self._is_news(HOLD_DISTRUSTED):
            logger.warning(HOLD_DISTRUSTED)
        return holdings.is_probed and holdings.is_trusted

    async def _go_on(self) -> None:
        """Compare what is held, and read a piece of what is missing. Raises UpstreamError."""
        holdings = self.queries.holdings
        collection = holdings.collection(EVERYTHING)
        if collection is not self._collection:  # it was purged
            self._begin(collection)
        if collection.coverage.within(self.span):
            await self._hold(self.span, 1, 0, self.usual / 2)
            self._look()
            await holdings.count_behind(self._wanted(1, 0, self.usual), self.queries.fetching.new_context())
        gap = self._next_gap()
        if gap:
            await self._hold(gap, PIECE_ROWS, PIECE_CALLS, self.usual)
        if collection.token.purged:
            return
        self.queries.zone.learn(collection.time_zone)
        if gap:
            self._look()
            self._note(gap, is_held=collection.newest_held(gap).start < gap.end)

    def _note(self, gap: Span, *, is_held: bool) -> None:
        """Have the gap wait, longer each time, where nothing of it is held now that it was read."""
        if is_held:
            self._gate.reset()
            return
        self._gate.close()
        if not self._is_short and self._is_news(HOLD_REFUSED):
            logger.warning(HOLD_REFUSED, written(min(gap.end, self.queries.clock.wall())))

    async def _hold(self, span: Span, rows: int, most_calls: int, most_age: float) -> None:
        asked = UpstreamQuery(start=span.start, end=None if span.end == FOREVER else span.end)
        wanted = replace(self._wanted(rows, most_calls, most_age), shown=0)
        await self.queries.fetching.held(self.plan, asked, wanted)

    def _wanted(self, rows: int, most_calls: int, most_age: float) -> Wanted:
        terms = Terms(most_calls, Owners(), background=True)
        return replace(self.queries.fetching.wanted(rows, terms, most_age), compares_all=False)

    def _next_gap(self) -> Span | None:
        """The newest part of the range that is not held, and may be read now."""
        may_read = self._gate.left() <= 0 and (not self._is_short or self.queries.holdings.store.has_room)
        gaps = self._collection.coverage.gaps(self.span) if may_read else ()
        return gaps[-1] if gaps else None

    def _look(self) -> None:
        """Note what is held. Memory does not suffice where some was let go of, and no more is held than before."""
        span = self.span
        losses, low = self._collection.changes.evicted_in(span), self._collection.newest_held(span).start
        is_whole = low <= span.start
        self._is_short = not is_whole and (self._is_short or (losses > self._losses and low >= self._low))
        self._losses, self._low = losses, low
        self.queries.holdings.supersets.counts_behind = is_whole
        if is_whole:
            self._gate.reset()
            if self._is_news(HOLD_COMPLETE):
                logger.info(HOLD_COMPLETE, written(span.start))
        elif self._is_short and self._is_news(HOLD_SHORT):
            logger.warning(HOLD_SHORT, written(min(low, self.queries.clock.wall())), written(span.start))

    def _is_news(self, told: Line) -> bool:
        """Whether it is not what was told last."""
        was_told, self._told = self._told is told, told
        return not was_told
