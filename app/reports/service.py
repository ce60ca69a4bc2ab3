"""The spine: query → key → cache → fetch → report → rows. Read this first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.cache.flight import Flights
from app.cache.keys import Part, digest
from app.cache.reuse import UNDIRECTED, Action, Directives, refresh_early
from app.cache.stored import Stored, Validity
from app.clock import Clock
from app.errors import (
    CursorExpired,
    CursorMismatch,
    NotFound,
    NotStored,
    SortNeedsCompleteResult,
    StillFetching,
    UpstreamError,
    UpstreamForbidden,
)
from app.interactions.columns import Column
from app.interactions.facts import Context, Facts
from app.interactions.masking import MASKED, Audience
from app.reports import question as questions
from app.reports.page import Found, Page, Standing, page_of, standing_of
from app.reports.query import NEWEST_FIRST, InteractionQuery
from app.reports.question import Question
from app.reports.report import Opened, Report, begun, extended
from app.reports.rules import Rules
from app.reports.select import Selection, select
from app.reports.snapshots import Snapshots
from app.reports.turns import Turns, in_turns
from app.reports.zones import zone_of
from app.upstream.client import UpstreamClient
from app.upstream.query import UpstreamQuery
from app.upstream.reading import Position, Reading

T = TypeVar("T")


@dataclass
class Reports:
    """Answers questions about interactions, asking upstream only for what is not stored."""

    upstream: UpstreamClient
    snapshots: Snapshots
    flights: Flights
    clock: Clock
    rules: Rules
    columns: Mapping[str, Column]
    random: Callable[[], float]
    tenant_zone: ZoneInfo | None = field(default=None, init=False)

    def look(self, query: InteractionQuery, directives: Directives = UNDIRECTED) -> Standing:
        """What is stored for the query; what is stale, or soon will be, is refreshed behind. Raises CursorMismatch."""
        return self._look(self.question(query), query.reach, directives)

    def look_at_one(self, interaction_id: str, directives: Directives = UNDIRECTED) -> Standing:
        """What is stored of one interaction; refreshed behind likewise."""
        return self._look(self.question_of_one(interaction_id), 1, directives)

    def question(self, query: InteractionQuery) -> Question:
        """What the query asks of upstream. Raises CursorMismatch."""
        cursor = query.cursor
        if cursor and cursor.identity != query.identity():
            raise CursorMismatch()
        search = replace(query.search, start=cursor.start, end=cursor.end) if cursor else query.search
        return questions.of_search(search, cursor.version if cursor else None, self.upstream, self.rules)

    def question_of_one(self, interaction_id: str) -> Question:
        """What upstream is asked for one interaction."""
        return questions.of_interaction(interaction_id, self.upstream, self.rules, self.time_zone)

    async def page(self, query: InteractionQuery, standing: Standing) -> Page:
        """The rows that answer the query; upstream is read no further than they need.

        Raises CursorExpired, SortNeedsCompleteResult, NotStored, StillFetching, UpstreamError.
        """
        deadline = self._deadline()
        if query.order == NEWEST_FIRST:
            found = await self._reaching(standing, query.reach, deadline)
        else:
            found = await self._whole(standing, deadline)
        while True:
            began = self.clock.monotonic()
            selection = await self._selected(query, found, deadline)
            if len(selection.rows) == query.limit or not self.rules.is_readable(found.report):
                return page_of(query, found, selection, self.rules, self.clock.monotonic() - began)
            rows = max(2 * found.report.rows, self.rules.scan_rows)
            found = await self._reaching(standing, rows, deadline, found)

    async def interaction(self, standing: Standing, audience: Audience) -> tuple[Facts, Found]:
        """The facts of one interaction and the report it is from.

        Raises NotFound, NotStored, StillFetching, UpstreamError.
        """
        found = await self._reaching(standing, 1, self._deadline())
        facts = next(found.opened.facts(0, self.context(found.report, audience)), None)
        if facts is None:
            raise NotFound("No interaction has this id.")
        return facts, found

    async def time_zone(self) -> ZoneInfo:
        """The configured time zone, else the tenant's, which upstream is asked for once."""
        if self.rules.time_zone:
            return self.rules.time_zone
        if self.tenant_zone is None:
            flown = await self.flights.join(b"time zone", self.upstream.tenancy, wait_seconds=self.rules.wait_seconds)
            self.tenant_zone = zone_of(flown.value.time_zone)
        return self.tenant_zone

    def context(self, report: Report, audience: Audience) -> Context:
        """What the rows of a report depend on besides its records."""
        return self._context(report.as_of, report.time_zone, audience)

    def zone(self, report: Report) -> ZoneInfo:
        """The time zone of a report's local dates."""
        return self.rules.time_zone or zone_of(report.time_zone)

    def _context(self, as_of: datetime, time_zone: str | None, audience: Audience) -> Context:
        zone = self.rules.time_zone or zone_of(time_zone)
        return replace(self.rules.context, as_of=as_of, zone=zone, audience=audience)

    async def once(self, parts: tuple[Part, ...], found: Found, work: Callable[[], Turns[T]], wait_seconds: float) -> T:
        """What `work` on a report gives, which `parts` describe; a crowd that waited for one fetch has it done once.

        Raises StillFetching.
        """
        if not found.fetched:
            return await in_turns(work())
        key = digest(*parts, found.report.version, found.report.rows)
        return (await self.flights.join(key, lambda: in_turns(work()), wait_seconds=wait_seconds)).value

    def _look(self, question: Question, rows: int, directives: Directives) -> Standing:
        stored, now = self.snapshots.current(question), self.clock.monotonic()
        is_enough = stored is not None and self.rules.is_enough(stored.value, rows)
        has_failed = self.flights.has_failed(question.key)
        standing = standing_of(question, stored, now, directives, is_enough=is_enough, has_failed=has_failed)
        if stored and standing.may_be_refreshed and self._is_due(stored, now):
            self.flights.launch(question.key, partial(self._begin, question, rows, standing.version))
        return standing

    def _is_due(self, stored: Stored[Report], now: float) -> bool:
        """Whether to refresh: past freshness, or early, the likelier the nearer its end (XFetch)."""
        return refresh_early(stored.time_left(now), stored.value.upstream_seconds, self.random())

    async def _whole(self, standing: Standing, deadline: float) -> Found:
        """The question's report with all its rows, if one answer may hold them; the first block tells how many."""
        found = await self._reaching(standing, 1, deadline)
        if found.report.total <= self.rules.max_rows:
            found = await self._reaching(standing, self.rules.max_rows, deadline, found)
        if not found.report.complete:
            raise SortNeedsCompleteResult()
        return found

    async def _selected(self, query: InteractionQuery, found: Found, deadline: float) -> Selection:
        """The rows of the page."""
        context = self.context(found.report, query.view.audience)
        selecting = partial(select, found.opened, query, self.columns, context)
        return await self.once(("select", *query.key_parts()), found, selecting, self._left(deadline))

    async def _reaching(self, standing: Standing, rows: int, deadline: float, found: Found | None = None) -> Found:
        """The question's report with at least `rows` rows or all there are, fetched as far as need be.

        A flight may have been started by a caller who wanted fewer rows: then go round once more. All who read on in
        one snapshot share one flight, whether a cursor pins them to it or not: else its rows would depend on who came
        last, and a cursor into it would repeat or miss some.
        """
        question = standing.question
        found = found or standing.found() or await self._fetched(standing, rows, deadline)
        while not self.rules.is_enough(found.report, rows):
            if standing.only_if_cached:
                raise NotStored()
            key, fetch = question.snapshot_key(found.report.version), partial(self._extend, question, rows, found)
            flown = await self.flights.join(key, fetch, wait_seconds=self._left(deadline))
            found = flown.value.after(found, collapsed=flown.collapsed)
        return found

    async def _fetched(self, standing: Standing, rows: int, deadline: float) -> Found:
        """A new report; where upstream fails, the one that is stored though it is not what the client wanted."""
        question, decision = standing.question, standing.decision
        if decision.action is Action.REFUSE:
            raise CursorExpired() if question.version else NotStored()
        fetch = partial(self._begin, question, rows, standing.version)
        try:
            flown = await self.flights.join(question.key, fetch, wait_seconds=self._left(deadline))
        except (UpstreamError, StillFetching) as error:
            if covering := standing.covering(error, self.clock.monotonic()):
                return covering
            raise
        return replace(flown.value, collapsed=flown.collapsed, fwd=decision.fwd or "uri-miss")

    async def _begin(self, question: Question, rows: int, replaced: str | None) -> Found:
        """A new report in place of the version `replaced`, unless another flight has just landed with one."""
        stored = self.snapshots.current(question)
        if stored and stored.value.version != replaced and stored.is_fresh(self.clock.monotonic()):
            return Found(Opened(stored.value), stored)
        received, as_of, validity = self.clock.monotonic(), self.clock.wall(), self.snapshots.begun(question)
        reading = await self._read(question, question.asked, Position(), rows)
        context = self._context(as_of, reading.time_zone, MASKED)
        opened = await begun(question.key, question.asked, reading, context)
        return self._keep(question, opened, received, validity, reading.upstream_seconds)

    async def _extend(self, question: Question, rows: int, known: Found) -> Found:
        """The report read on where it ends, unless another flight has just done so."""
        stored = self.snapshots.snapshot(question, known.report.version)
        if stored and stored.value.rows > known.report.rows:
            known = Found(Opened(stored.value), stored)
        report = known.report
        if self.rules.is_enough(report, rows):
            return known
        validity = self.snapshots.begun(question, known.stored.validity)
        reading = await self._read(question, report.asked, report.place, report.offset + rows - report.rows)
        opened = await extended(known.opened, reading, self.context(report, MASKED))
        return self._keep(question, opened, known.stored.stored_at, validity, reading.upstream_seconds)

    async def _read(self, question: Question, asked: UpstreamQuery, place: Position, rows: int) -> Reading:
        """What upstream says; what it denies us is forgotten, however long ago it was fetched (FAULTS 1.3).

        A search denied is the whole tenant denied; one interaction alone, since any client may send any id.
        """
        try:
            return await question.read(asked, place, rows)
        except UpstreamError as error:
            is_all = isinstance(error, UpstreamForbidden) and not question.is_of_one
            if not error.stale_may_cover:
                self.snapshots.purge(lambda of, _report: is_all or of == question.key)
            raise

    def _keep(
        self, question: Question, opened: Opened, received: float, validity: Validity, upstream_seconds: float
    ) -> Found:
        stored, kept = self.snapshots.keep(question, opened.report, received, validity)
        return Found(opened, stored, fetched=True, kept=kept, upstream_seconds=upstream_seconds)

    def _deadline(self) -> float:
        return self.clock.monotonic() + self.rules.wait_seconds

    def _left(self, deadline: float) -> float:
        return max(0.0, deadline - self.clock.monotonic())
