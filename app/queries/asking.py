"""Asking: a whole answer of upstream becomes a snapshot, step by step; what upstream denies us is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from app import cooperative
from app.cache.stored import PurgeToken
from app.clock import Clock
from app.cooperative import let_go
from app.errors import UpstreamError, UpstreamForbidden
from app.holdings.holdings import Holdings
from app.interactions.masking import MASKED
from app.observe import tracing
from app.queries.fetch_plan import FetchPlan, Terms
from app.queries.page import FetchResult
from app.queries.rules import Rules
from app.queries.snapshot import DecodedSnapshot, Snapshot
from app.queries.snapshot_building import begun, extended
from app.queries.snapshot_store import SnapshotStore
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading
from app.workers import PurgeOrders

MOST_SUCCESSES = 1_000  # ten times as many took 1.6 MiB beside the store


class Successes:
    """When upstream last answered each question, by its key; of too many the oldest is forgotten.

    It is kept after the answer itself is too old, to be told with a failure.
    """

    def __init__(self, most: int = MOST_SUCCESSES) -> None:
        self._most = most
        self._moments: dict[bytes, datetime] = {}

    def note(self, key: bytes, moment: datetime) -> None:
        """Upstream answered the question at this wall time."""
        self._moments.pop(key, None)
        self._moments[key] = moment
        if len(self._moments) > self._most:
            del self._moments[next(iter(self._moments))]

    def last(self, key: bytes) -> datetime | None:
        """When it last did, if that is known."""
        return self._moments.get(key)


class Read(NamedTuple):
    """A snapshot as far as it was read, the calls that took, and the seconds during which one was under way."""

    opened: DecodedSnapshot
    calls: int
    seconds: float


@dataclass
class Asking:
    """Asks upstream the question of a plan, reads its answer on, and stores the snapshot of it."""

    snapshots: SnapshotStore
    holdings: Holdings
    clock: Clock
    rules: Rules
    orders: PurgeOrders = field(default_factory=PurgeOrders)
    successes: Successes = field(default_factory=Successes, init=False)

    def _keep(self, plan: FetchPlan, read: Read, received: float, purge_token: PurgeToken) -> FetchResult:
        opened, calls, seconds = read
        stored, kept = self.snapshots.keep(plan, opened.snapshot, received, purge_token)
        return FetchResult(opened, stored, fetched=calls > 0, kept=kept, upstream_seconds=seconds, upstream_calls=calls)

    async def _read_on(
        self,
        plan: FetchPlan,
        opened: DecodedSnapshot | None,
        rows: int,
        terms: Terms,
        earlier: Snapshot | None = None,
        *,
        first: list[Reading] | None = None,
    ) -> Read:
        """The snapshot with at least `rows` rows, or as far as the calls of `terms` reach; `earlier` is what it renews.

        A `first` reading that has been made already is taken out of the list.
        Each step is packed, and its decoded records are let go of, before the next is read.
        """
        as_of, calls, seconds = self.clock.wall(), 0, 0.0
        while opened is None or not (plan.is_enough(opened.snapshot, rows) or calls >= terms.most_calls):
            asked, place, held = plan.asked, Position(), 0
            if opened:
                asked, place, held = opened.snapshot.asked, opened.snapshot.place, opened.snapshot.rows
            goal = place.offset + min(rows - held, self.rules.step_rows)
            left = terms._replace(most_calls=terms.most_calls - calls)
            reading = first.pop() if first else await self._read(plan, asked, place, goal, left)
            known = [one for facts in opened.at_hand.values() for one in facts] if opened else []
            if opened:
                opened = await extended(opened, reading, self.rules.context_of(opened.snapshot, MASKED))
            else:
                context = self.rules.context_at(as_of, reading.time_zone, MASKED)
                opened = await begun(plan.key, asked, reading, context, earlier=earlier, keeps_raw=plan.is_of_one)
            calls, seconds = calls + reading.calls, seconds + reading.upstream_seconds
            records, reading = [*reading.records], replace(reading, records=())
            await let_go(records, known)
        return Read(opened, calls, seconds)

    async def _read(self, plan: FetchPlan, asked: UpstreamQuery, place: Position, rows: int, terms: Terms) -> Reading:
        async with self._asking(plan):
            reading = await plan.read(asked, place, rows, terms)
            await asyncio.sleep(0)
            return reading

    @asynccontextmanager
    async def _asking(self, plan: FetchPlan) -> AsyncIterator[None]:
        """Where upstream may be asked; what it denies us is forgotten, however old it is (FAULTS 1.3).

        A search denied is the whole tenant denied; one interaction alone, since any client may send any id.
        """
        try:
            with tracing.span("fetch"):
                yield
            self.successes.note(plan.key, self.clock.wall())
        except UpstreamError as error:
            is_all = isinstance(error, UpstreamForbidden) and not plan.is_of_one
            if not error.stale_may_cover:
                async with self.holdings.purging() if is_all else nullcontext():
                    if is_all:
                        self.orders.tell()
                        self.holdings.purge()
                    await cooperative.run(self.snapshots.purging(lambda of, _snapshot: is_all or of == plan.key))
            raise
