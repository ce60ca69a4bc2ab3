"""A small upstream with a list of any length, which may fail at any page, and a façade in front of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.upstream.query import timestamp
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.raw import Exchange, RawServer, raw_server
from tests.upstream.support import TENANT, attribute, envelope, row

NEWEST = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)


@dataclass
class Listing:
    """A small upstream with so many rows, a second apart; `before` a page, by its number, it may do anything."""

    rows: int
    text: str = "1"
    lost_in_ranges: int = 0  # rows that a question with an end does not find
    before: Callable[[int, Exchange], Awaitable[bool]] | None = None
    pages: list[tuple[int, int]] = field(default_factory=list)

    async def __call__(self, exchange: Exchange) -> None:
        """One page."""
        asked = dict(exchange.request.query)
        offset, limit = int(asked["offset"]), int(asked["limit"])
        self.pages.append((offset, limit))
        if self.before and await self.before(len(self.pages), exchange):
            return
        end = datetime.fromisoformat(asked["end"]) if "end" in asked else NEWEST + timedelta(seconds=1)
        first = max(0, int((NEWEST - end).total_seconds()) + 1)
        rows = self.rows - (self.lost_in_ranges if "end" in asked else 0)
        if "start" in asked:
            rows = min(
                rows, max(first, int((NEWEST - datetime.fromisoformat(asked["start"])).total_seconds() // 1) + 1)
            )
        page = range(first + offset, min(rows, first + offset + limit))
        await exchange.json(envelope([self._row(number) for number in page], rows - first))

    def _row(self, number: int) -> dict[str, Any]:
        started = timestamp(NEWEST - timedelta(seconds=number))
        return row(f"00000000-0000-4000-8000-{number:012d}", attribute("text", self.text), startTimestamp=started)


@asynccontextmanager
async def listed(listing: Listing, **settings: Any) -> AsyncIterator[tuple[Facade, RawServer]]:
    """A façade in front of it, whose snapshots hold a hundred rows."""
    async with (
        raw_server(listing) as server,
        running_facade(
            server.url, clock=HandClock(wall=NEWEST).clock, tenant_id=TENANT, max_rows=10, **settings
        ) as facade,
    ):
        yield facade, server


def failing_from(first: int) -> Callable[[int, Exchange], Awaitable[bool]]:
    """Answers 503 from this page on."""

    async def fail(page: int, exchange: Exchange) -> bool:
        if page >= first:
            await exchange.json({}, status=503)
        return page >= first

    return fail
