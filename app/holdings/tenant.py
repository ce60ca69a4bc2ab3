"""The tenant as the probe sees it: two samples of its rows, and the ways to ask for others.

The samples are the newest rows, and rows a day older, which stand still. A record of the older sample is one of the
newest ROWS of its range, so that an answer of ROWS rows shows it wherever upstream's filter lets it through.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from app.interactions.parts import Interaction
from app.interactions.times import started_at
from app.upstream.client import UpstreamClient
from app.upstream.query import EVERYTHING, MOST_ROWS_PER_CALL, RowRange, UpstreamQuery

ROWS = 100
OLDER = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
LEAST_DURATION = timedelta(seconds=2)
BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)

Candidate = TypeVar("Candidate")


class NotKnownError(Exception):
    """The tenant has no record that could answer the question; the words say which."""


class Page(NamedTuple):
    """The rows of one call: the records by their ids, how many rows came, and how many match."""

    records: dict[str, Interaction]
    rows: int
    total: int

    def shows(self, record: Interaction) -> bool:
        """Whether the record is among the rows."""
        return record.interaction_id in self.records


class Tenant:
    """The tenant as the questions see it: two samples, and the ways to ask. `tested` is the time that ranges test."""

    def __init__(self, client: UpstreamClient) -> None:
        self._client = client
        self.tested: str | None = None

    async def sample(self) -> None:
        """Read the samples; an older one without rows leaves the questions that need it open."""
        self.newest = await self.page(EVERYTHING)
        starts = [started_at(record) for record in self.newest.records.values()]
        self._until = max(starts, default=BEFORE_ALL) - OLDER
        self.older = await self.matching()
        self.records = [*self.older.records.values()]

    async def page(self, query: UpstreamQuery, rows: int = ROWS, offset: int = 0) -> Page:
        """The rows of one call, as upstream sends them."""
        block = await self._client.block(query, RowRange(offset, rows))
        found = [row.record.interaction for row in block.rows if row.record]
        return Page({record.interaction_id: record for record in found}, len(block.rows), block.total)

    async def matching(self, **conditions: Any) -> Page:
        """The newest of the older rows that meet `conditions`."""
        return await self.page(UpstreamQuery(end=self._until, **conditions))

    async def between(self, start: datetime, end: datetime) -> Page:
        """The rows of a range."""
        return await self.page(UpstreamQuery(start=start, end=end), MOST_ROWS_PER_CALL)

    async def at(self, moment: datetime) -> Page:
        """The rows of a range of milliseconds around a moment."""
        return await self.between(moment - MILLISECOND, moment + 2 * MILLISECOND)

    def span(self) -> tuple[Interaction, datetime, datetime]:
        """The shortest record whose start and end can be told apart, and these; both in whole milliseconds."""
        times = [(record, record.start_timestamp, record.end_timestamp) for record in self.records]
        long = [(row, start, end) for row, start, end in times if start and end and end - start > LEAST_DURATION]
        whole = [span for span in long if not (span[1].microsecond % 1000 or span[2].microsecond % 1000)]
        return first(sorted(whole, key=lambda span: span[2] - span[1]), "that ended a day ago, after over 2 seconds")


def first(candidates: Iterable[Candidate], words: str) -> Candidate:
    """The first candidate. Raises NotKnownError where there is none."""
    for candidate in candidates:
        return candidate
    raise NotKnownError(f"no record {words}")
