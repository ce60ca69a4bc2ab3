"""Fetching: a new snapshot for a question, or more rows of the snapshot that is stored."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from app import cooperative
from app.cache.stored import PurgeToken
from app.clock import Clock
from app.cooperative import held_back, let_go
from app.errors import UpstreamError, UpstreamForbidden
from app.interactions.masking import MASKED
from app.observe.tracing import span
from app.owners import Owners
from app.queries.fetch_plan import FetchPlan, Terms
from app.queries.page import FetchResult
from app.queries.rules import Rules
from app.queries.snapshot import DecodedSnapshot, begun, extended
from app.queries.snapshot_store import SnapshotStore
from app.queries.successes import Successes
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading


class Cost(NamedTuple):
    """Calls to upstream, and the seconds during which one was under way."""

    calls: int
    seconds: float = 0.0


@dataclass
class Fetching:
    """The work of one flight: it looks into the store once more, asks upstream, and stores."""

    snapshots: SnapshotStore
    clock: Clock
    rules: Rules
    successes: Successes = field(default_factory=Successes, init=False)

    async def begin(
        self,
        plan: FetchPlan,
        rows: int,
        replaced: str | None,
        owners: Owners | None = None,
        *,
        background: bool = False,
    ) -> FetchResult:
        """A new snapshot in place of the version `replaced`, unless another flight has just landed with one."""
        stored = self.snapshots.current(plan)
        if stored and stored.value.version != replaced and stored.is_fresh(self.clock.monotonic()):
            return FetchResult(DecodedSnapshot(stored.value), stored)
        received, as_of, purge_token = self.clock.monotonic(), self.clock.wall(), self.snapshots.begun(plan)
        terms = Terms(self.rules.most_calls, owners, background)
        reading = await self._read(plan, plan.asked, Position(), min(rows, self.rules.step_rows), terms)
        context = self.rules.context_at(as_of, reading.time_zone, MASKED)
        opened = await begun(plan.key, plan.asked, reading, context)
        cost = Cost(reading.calls, reading.upstream_seconds)
        records, reading = [*reading.records], replace(reading, records=())
        await let_go(records)
        read_on = self._read_on(plan, opened, rows, cost, terms)
        del opened  # it lets go of its facts
        opened, cost = await read_on
        return self._keep(plan, opened, received, purge_token, cost)

    async def extend(self, plan: FetchPlan, rows: int, known: FetchResult, owners: Owners | None = None) -> FetchResult:
        """The snapshot read on where it ends, unless another flight has just done so; `known` cost calls already."""
        spent = Cost(known.upstream_calls)
        stored = self.snapshots.snapshot(plan, known.snapshot.version)
        if stored and stored.value.rows > known.snapshot.rows:
            known = FetchResult(DecodedSnapshot(stored.value), stored)
        if self.rules.is_enough(known.snapshot, rows):
            return known
        purge_token = self.snapshots.begun(plan, known.stored.purge_token)
        opened, cost = await self._read_on(plan, known.opened, rows, spent, Terms(self.rules.most_calls, owners))
        cost = Cost(cost.calls - spent.calls, cost.seconds)
        longer = self._keep(plan, opened, known.stored.stored_at, purge_token, cost)
        known.stored.purge_token.extended = True
        return longer

    async def _read_on(
        self, plan: FetchPlan, opened: DecodedSnapshot, rows: int, cost: Cost, terms: Terms
    ) -> tuple[DecodedSnapshot, Cost]:
        """The snapshot with at least `rows` rows, or as far as the calls of a request reach, and the cost of it all.

        Each step is packed, and its decoded records are let go of, before the next is read.
        """
        while not self.rules.is_enough(opened.snapshot, rows) and cost.calls < terms.most_calls:
            snapshot = opened.snapshot
            goal = snapshot.offset + min(rows - snapshot.rows, self.rules.step_rows)
            left = terms._replace(most_calls=terms.most_calls - cost.calls)
            reading = await self._read(plan, snapshot.asked, snapshot.place, goal, left)
            known = [one for facts in opened.at_hand.values() for one in facts]
            opened = await extended(opened, reading, self.rules.context_of(snapshot, MASKED))
            cost = Cost(cost.calls + reading.calls, cost.seconds + reading.upstream_seconds)
            records, reading = [*reading.records], replace(reading, records=())
            await let_go(records, known)
        return opened, cost

    async def _read(self, plan: FetchPlan, asked: UpstreamQuery, place: Position, rows: int, terms: Terms) -> Reading:
        """The reading that upstream gives; what it denies us is forgotten, however old it is (FAULTS 1.3).

        A search denied is the whole tenant denied; one interaction alone, since any client may send any id.
        """
        try:
            with span("fetch"), held_back(rows):
                reading = await plan.read(asked, place, rows, terms)
                await asyncio.sleep(0)
            self.successes.note(plan.key, self.clock.wall())
            return reading
        except UpstreamError as error:
            is_all = isinstance(error, UpstreamForbidden) and not plan.is_of_one
            if not error.stale_may_cover:
                await cooperative.run(self.snapshots.purging(lambda of, _report: is_all or of == plan.key))
            raise

    def _keep(
        self, plan: FetchPlan, opened: DecodedSnapshot, received: float, purge_token: PurgeToken, cost: Cost
    ) -> FetchResult:
        stored, kept = self.snapshots.keep(plan, opened.snapshot, received, purge_token)
        return FetchResult(
            opened, stored, fetched=True, kept=kept, upstream_seconds=cost.seconds, upstream_calls=cost.calls
        )
