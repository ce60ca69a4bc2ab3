"""Reading a collection: its rows and counts, asked of upstream for one caller, with the calls that took."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from app.holdings.collection import EVER, Span
from app.holdings.packing import Run
from app.holdings.partition import FOREVER
from app.holdings.recalled import Recalled
from app.owners import Owners
from app.upstream.client import UpstreamClient
from app.upstream.query import MOST_ROWS_PER_CALL, RowRange, UpstreamQuery
from app.upstream.rows import Record
from app.upstream.walk import Position, Reading

MOST_OFFSET = 1_000_000  # upstream's deepest, as far as anybody knows
MILLISECOND = timedelta(milliseconds=1)
"""The finest step of a range that upstream can be asked for."""


@dataclass(slots=True)
class Reader:
    """Asks upstream for rows of one collection, by `most_calls` calls at most.

    `calls` and `seconds` are what it took until now. Methods raise UpstreamError.
    """

    client: UpstreamClient
    conditions: UpstreamQuery
    most_calls: int
    owners: Owners | None = None
    background: bool = False
    calls: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)

    @property
    def left(self) -> int:
        """How many calls it may still make."""
        return self.most_calls - self.calls

    async def count(self, span: Span, *, anew: bool = True) -> int:
        """How many rows upstream has in the span; unless `anew`, what hardly ever changes of it is remembered."""
        del anew  # nothing is remembered here
        reading = await self.client.tenancy(self._asked(span), background=self.background, owners=self.owners)
        return self._counted(reading).total

    def again(self) -> "Reader":
        """Another that may make as many calls as this one at first."""
        return replace(self)

    def limit_of(self, rows: int) -> int:
        """The limit of a call for all of a span that has about so many rows."""
        del rows  # nothing else is listed
        return MOST_ROWS_PER_CALL

    async def newest(self, span: Span, limit: int, known: Sequence[Run] = ()) -> Reading:
        """The newest rows of the span, by one call; records in `known` runs are not decoded."""
        recall = Recalled(known) if known else None
        return self._counted(
            await self.client.newest(
                self._asked(span),
                min(limit, MOST_ROWS_PER_CALL),
                background=self.background,
                owners=self.owners,
                recall=recall,
                checked=self._checked(span),
            )
        )

    async def listed(self, span: Span) -> set[str]:
        """The ids of the rows that upstream sends for the span, whether they are in it or not."""
        block = await self.client.block(self._asked(span), RowRange(0, MOST_ROWS_PER_CALL))
        self.calls += 1
        return block.ids()

    async def walk(self, span: Span, position: Position, rows: int) -> Reading:
        """The next rows of the span from a position on, in whole blocks, until there are `rows` more."""
        reading = await self.client.interactions(
            self._asked(span),
            position,
            rows=position.offset + rows,
            most=MOST_OFFSET,
            most_calls=max(1, self.left),
            background=self.background,
            owners=self.owners,
            checked=self._checked(span),
        )
        return self._counted(reading)

    def _asked(self, span: Span) -> UpstreamQuery:
        start = None if span.start == EVER else span.start
        end = None if span.end == FOREVER else span.end
        return replace(self.conditions, start=start, end=end)

    def _checked(self, span: Span) -> UpstreamQuery:
        """The query that each row must meet."""
        return self._asked(span)

    def _counted(self, reading: Reading) -> Reading:
        self.calls += reading.calls
        self.seconds += reading.upstream_seconds
        return reading


def is_trusted(reading: Reading) -> bool:
    """Whether the rows read are all that upstream has in their span: none lost, dropped, moved or out of order."""
    if reading.shifted or reading.lost or reading.dropped:
        return False
    starts = [one.interaction.start_timestamp for one in reading.records if isinstance(one, Record)]
    dated = [start for start in starts if start is not None]
    return len(dated) == len(starts) and all(one >= following for one, following in pairwise(dated))


def floored(moment: datetime) -> datetime:
    """The whole millisecond at or before the moment."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def raised(moment: datetime) -> datetime:
    """The whole millisecond at or behind the moment."""
    down = floored(moment)
    return moment if down == moment or moment > FOREVER - MILLISECOND else down + MILLISECOND
