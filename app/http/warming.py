"""Warm questions: each is refreshed in the background before its snapshot goes stale, or its relative times move on.

A refresh takes the slots that no caller wants. Where upstream fails, or is left alone, the next one waits for longer.
"""

import asyncio
from dataclasses import dataclass
from functools import partial

from app.cache.stored import Stored
from app.errors import CxfacadeError, UpstreamCircuitOpen
from app.http.parse import changes_in, pairs_of, parse
from app.http.questions import READER, Question
from app.http.response_cache import early_seconds
from app.http.routing import Services
from app.owners import Owners
from app.queries.fetch_plan import FetchPlan
from app.queries.query import NEWEST_FIRST, InteractionQuery
from app.queries.snapshot import Snapshot

LEAST_SECONDS = 1.0  # between two refreshes of one question
LEAST_LEAD_SECONDS = 2.0  # more than that: a refresh begins ahead of the end it is for
EARLIER = 1.25  # times what ends replays early: by then the refresh has its answer
BACK_OFF_SECONDS, MOST_BACK_OFF_SECONDS = 5.0, 60.0


class Warmth:
    """The tasks that keep the warm questions in force warm."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Keep the questions warm that are in force now, and none that were before."""
        self.stop()
        warm = [one for one in self._services.questions.in_force.values() if one.warm]
        self._tasks = [asyncio.create_task(Warming(one, self._services).run()) for one in warm]

    def stop(self) -> None:
        """Refresh nothing more."""
        for task in self._tasks:
            task.cancel()


@dataclass
class Warming:
    """The refreshes of one question, each `lead` seconds ahead; `failures` is how many failed in a row."""

    question: Question
    services: Services
    lead: float = 0.0
    failures: int = 0
    plan: FetchPlan | None = None

    async def run(self) -> None:
        """Refresh it again and again, until cancelled."""
        while True:
            try:
                seconds = await self.refresh()
                self.failures = 0
            except CxfacadeError:
                seconds = self._back_off()
            await self.services.clock.sleep(seconds)

    async def refresh(self) -> float:
        """Have the question that is asked `lead` seconds from now fresh; seconds until that is to be looked at again.

        Raises UpstreamError and whatever else keeps it from being answered.
        """
        queries, clock = self.services.queries, self.services.clock
        query, moves_in = await self._asked()
        before = queries.snapshots.current(self.plan) if self.plan else None
        self.plan = plan = queries.planner.plan(query)
        stored, now = queries.snapshots.current(plan), clock.monotonic()
        if stored is None or not stored.is_current(now) or stored.time_left(now) <= self.lead:
            stored = await self._fetched(plan, self._rows(query, before.value if before else None), stored)
        self.lead = min(max(EARLIER * early_seconds(stored), LEAST_LEAD_SECONDS), stored.fresh_for / 2)
        seconds = stored.time_left(clock.monotonic()) - self.lead
        return max(LEAST_SECONDS, seconds if moves_in is None else min(seconds, moves_in))

    async def _asked(self) -> tuple[InteractionQuery, float | None]:
        """The query that the question means `lead` seconds from now, and in how many seconds it may mean another."""
        services, pairs = self.services, pairs_of(self.question.query.encode())
        grain, of_summary = self.question.grain, self.question.of_summary
        deadline = services.queries.deadline()
        scene = await services.context_of(pairs, grain, deadline, of_summary=of_summary, ahead=self.lead)
        return parse(pairs, scene, READER, of_summary=of_summary), changes_in(pairs, scene)

    def _rows(self, query: InteractionQuery, before: Snapshot | None) -> int:
        """How many rows to read: all where all are needed, else as many as had to be read `before` to find the page."""
        most = self.services.settings.max_rows
        if query.summary or query.order != NEWEST_FIRST:
            is_in_vain = before is not None and before.total > most and not before.complete
            return min(most, self.services.queries.rules.scan_rows) if is_in_vain else most
        is_as_read = not query.is_filtered_here() and not self.services.grains[self.question.grain].is_of_parts
        return query.reach if is_as_read or before is None else max(query.reach, min(before.rows, most))

    async def _fetched(self, plan: FetchPlan, rows: int, stored: Stored[Snapshot] | None) -> Stored[Snapshot]:
        """A snapshot in place of the one that is stored, fetched in the background. Raises as `SingleFlight.join`."""
        if plan.is_blocked():
            raise UpstreamCircuitOpen("The upstream is left alone.")
        queries, owners = self.services.queries, Owners()
        replaced = stored.stored_at if stored else None
        fetch = partial(queries.fetching.begin, plan, rows, replaced, owners, background=True)
        wait_seconds = self.services.settings.fetch_seconds
        joined = await queries.flights.join(plan.key, fetch, wait_seconds=wait_seconds, owners=owners)
        return joined.value.stored

    def _back_off(self) -> float:
        """Seconds to wait after a failure, longer after each in a row; a random half keeps questions from beating."""
        seconds = min(MOST_BACK_OFF_SECONDS, BACK_OFF_SECONDS * 2.0 ** min(self.failures, 4))
        self.failures += 1
        return seconds * (1 + self.services.queries.random()) / 2
