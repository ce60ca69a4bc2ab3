"""Reading where upstream's ranges test overlap: rows that start before a range come last in it, and are trimmed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.holdings.collection import EVER, Span
from app.holdings.packing import Run
from app.holdings.reader import MILLISECOND, Reader, floored
from app.interactions.times import started_at
from app.upstream.query import MOST_ROWS_PER_CALL, UpstreamQuery
from app.upstream.walk import Position, Reading

MOST_REMEMBERED = 64  # numbers of earlier rows, of one collection
MORE_ROWS = 3  # than are held of a span may have come
Earlier = dict[UpstreamQuery, int]
"""How many rows start before a time and end behind it, by the query that counts them."""


@dataclass(slots=True)
class OverlapReader(Reader):
    """Asks for ranges that begin a millisecond earlier: so those that begin alike list the same `earlier` rows.

    Such a number hardly ever changes, so that it is asked for once; or a reading that comes to its end tells it.
    """

    earlier: Earlier = field(default_factory=dict)

    async def count(self, span: Span, *, anew: bool = True) -> int:
        """How many rows that start within the span upstream has, by two calls, or mostly one unless `anew`."""
        if anew:
            self._forget(span)
        return max(0, await Reader.count(self, span) - await self._earlier(span))

    def limit_of(self, rows: int) -> int:
        """Enough for some rows more, and one earlier row, which shows that none lacks."""
        return min(rows + MORE_ROWS, MOST_ROWS_PER_CALL)

    async def newest(self, span: Span, limit: int, known: Sequence[Run] = ()) -> Reading:
        """The newest rows that start within the span, by one call, or two where there are more."""
        return await self._trimmed(span, await Reader.newest(self, span, limit, known))

    async def walk(self, span: Span, position: Position, rows: int) -> Reading:
        """The next rows that start within the span, as of any Reader."""
        if position.total is None:
            self._forget(span)
        else:
            position = replace(position, total=position.total + await self._earlier(span))
        return await self._trimmed(span, await Reader.walk(self, span, position, rows), position.held)

    def _asked(self, span: Span) -> UpstreamQuery:
        start = floored(span.start)
        return Reader._asked(self, span if start == EVER else Span(start - MILLISECOND, span.end))

    def _checked(self, span: Span) -> UpstreamQuery:
        return replace(self._asked(span), start=None)

    def _before(self, span: Span) -> UpstreamQuery:
        return replace(self._asked(span), end=floored(span.start))

    async def _earlier(self, span: Span) -> int:
        """How many rows that start before the span upstream lists with it."""
        asked = self._before(span)
        if asked.start is None:
            return 0
        known = self.earlier.pop(asked, None)
        if known is None:
            reading = await self.client.tenancy(asked, background=self.background, owners=self.owners)
            known = self._counted(reading).total
        self._remember(asked, known)
        return known

    def _forget(self, span: Span) -> None:
        self.earlier.pop(self._before(span), None)

    def _remember(self, asked: UpstreamQuery, count: int) -> None:
        self.earlier[asked] = count  # behind those that were needed longer ago
        if len(self.earlier) > MOST_REMEMBERED:
            del self.earlier[next(iter(self.earlier))]

    async def _trimmed(self, span: Span, reading: Reading, read: int = 0) -> Reading:
        """A reading that follows so many rows read, without those that start before the span.

        Rows come in the order of their starts: where one of those has come, all others had come before.
        """
        rows = len(reading.records)
        while rows and started_at(reading.records[rows - 1].interaction) < span.start:
            rows -= 1
        earlier, records = len(reading.records) - rows, reading.records[:rows]
        if reading.complete and not (reading.shifted or reading.dropped):
            self._forget(span)
            self._remember(self._before(span), earlier)
        if earlier or reading.complete:
            return replace(reading, records=records, complete=True, offset=read + rows, total=read + rows)
        return replace(reading, total=max(read + rows, reading.total - await self._earlier(span)))
