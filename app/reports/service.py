"""The spine: query → key → cache → fetch → report → rows. Read this first."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from zoneinfo import ZoneInfo

from app.cache.flight import Flights
from app.cache.stored import Stored
from app.clock import Clock
from app.errors import CursorExpired, CursorMismatch, NotFound, SortNeedsCompleteResult
from app.interactions.columns import Column
from app.interactions.facts import Context, Facts
from app.interactions.masking import Audience
from app.reports import question as questions
from app.reports.offload import computed
from app.reports.page import Found, Page, page_of
from app.reports.query import NEWEST_FIRST, InteractionQuery
from app.reports.question import Question
from app.reports.report import Opened, Report, begun, extended
from app.reports.rules import Rules
from app.reports.select import select
from app.reports.snapshots import Snapshots
from app.reports.zones import zone_of
from app.upstream.client import UpstreamClient
from app.upstream.reading import Position


@dataclass
class Reports:
    """Answers questions about interactions, asking upstream only for what is not stored."""

    upstream: UpstreamClient
    snapshots: Snapshots
    flights: Flights
    clock: Clock
    rules: Rules
    columns: Mapping[str, Column]
    _tenant_zone: ZoneInfo | None = field(default=None, init=False)

    def stored(self, query: InteractionQuery) -> Stored[Report] | None:
        """The report the query would be answered from without asking upstream. Raises CursorMismatch."""
        return self.snapshots.current(self._question(query))

    def stored_interaction(self, interaction_id: str) -> Stored[Report] | None:
        """The fresh report of one interaction, if one is stored."""
        return self.snapshots.current(self._question_of_one(interaction_id))

    async def page(self, query: InteractionQuery) -> Page:
        """The rows that answer the query; upstream is read no further than they need.

        Raises CursorMismatch, CursorExpired, SortNeedsCompleteResult, StillFetching, UpstreamError.
        """
        question, deadline = self._question(query), self._deadline()
        if query.order == NEWEST_FIRST:
            found = await self._reaching(question, query.reach, deadline)
        else:
            found = await self._whole(question, deadline)
        while True:
            began = self.clock.monotonic()
            context = self.context(found.report, query.view.audience)
            work = partial(select, found.opened, query, self.columns, context)
            selection = await computed(work, rows=found.report.rows - query.position)
            if len(selection.rows) == query.limit or not self.rules.is_readable(found.report):
                return page_of(query, found, selection, self.rules, self.clock.monotonic() - began)
            further = max(found.report.offset, self.rules.scan_rows)
            found = await self._reaching(question, found.report.rows + further, deadline, found)

    async def interaction(self, interaction_id: str, audience: Audience) -> tuple[Facts, Found]:
        """The facts of one interaction and the report it is from. Raises NotFound, StillFetching, UpstreamError."""
        found = await self._reaching(self._question_of_one(interaction_id), 1, self._deadline())
        interaction = next(found.opened.records(0), None)
        if interaction is None:
            raise NotFound("No interaction has this id.")
        return Facts(interaction, self.context(found.report, audience)), found

    async def time_zone(self) -> ZoneInfo:
        """The configured time zone, else the tenant's, which upstream is asked for once."""
        if self.rules.time_zone:
            return self.rules.time_zone
        if self._tenant_zone is None:
            flown = await self.flights.join(b"time zone", self.upstream.tenancy, wait_seconds=self.rules.wait_seconds)
            self._tenant_zone = zone_of(flown.value.time_zone)
        return self._tenant_zone

    def context(self, report: Report, audience: Audience) -> Context:
        """What the rows of a report depend on besides its records."""
        return replace(self.rules.context, as_of=report.as_of, zone=self.zone(report), audience=audience)

    def zone(self, report: Report) -> ZoneInfo:
        """The time zone of a report's local dates."""
        return self.rules.time_zone or zone_of(report.time_zone)

    async def _whole(self, question: Question, deadline: float) -> Found:
        """The question's report with all its rows, if one answer may hold them; the first block tells how many."""
        found = await self._reaching(question, 1, deadline)
        if found.report.total <= self.rules.max_rows:
            found = await self._reaching(question, self.rules.max_rows, deadline, found)
        if not found.report.complete:
            raise SortNeedsCompleteResult()
        return found

    async def _reaching(self, question: Question, rows: int, deadline: float, found: Found | None = None) -> Found:
        """The question's report with at least `rows` rows or all there are, fetched as far as need be.

        A flight may have been started by a caller who wanted fewer rows: then go round once more. All who read on in
        one snapshot share one flight, whether a cursor pins them to it or not: else its rows would depend on who came
        last, and a cursor into it would repeat or miss some.
        """
        found = found or self._stored(question)
        if question.version and found is None:
            raise CursorExpired()
        while found is None or not self._reaches(found.report, rows):
            key = question.snapshot_key(found.report.version) if found else question.key
            fetch = partial(self._extend, question, rows, found) if found else partial(self._begin, question, rows)
            wait_seconds = max(0.0, deadline - self.clock.monotonic())
            flown = await self.flights.join(key, fetch, wait_seconds=wait_seconds)
            found = flown.value.after(found, collapsed=flown.collapsed)
        return found

    async def _begin(self, question: Question, rows: int) -> Found:
        """A new report, unless another flight has just landed."""
        if found := self._stored(question):
            return found
        received, as_of = self.clock.monotonic(), self.clock.wall()
        reading = await question.read(question.asked, Position(), rows)
        opened = await begun(question.key, question.asked, reading, replace(self.rules.context, as_of=as_of))
        return self._keep(question, opened, received, reading.upstream_seconds)

    async def _extend(self, question: Question, rows: int, known: Found) -> Found:
        """The report read on where it ends, unless another flight has just done so."""
        stored = self.snapshots.snapshot(question, known.report.version)
        if stored and stored.value.rows > known.report.rows:
            known = Found(Opened(stored.value), stored)
        report = known.report
        if self._reaches(report, rows):
            return known
        reading = await question.read(report.asked, report.place, report.offset + rows - report.rows)
        opened = await extended(known.opened, reading, replace(self.rules.context, as_of=report.as_of))
        return self._keep(question, opened, known.stored.stored_at, reading.upstream_seconds)

    def _keep(self, question: Question, opened: Opened, received: float, upstream_seconds: float) -> Found:
        stored, kept = self.snapshots.keep(question, opened.report, received)
        return Found(opened, stored, fetched=True, kept=kept, upstream_seconds=upstream_seconds)

    def _stored(self, question: Question) -> Found | None:
        stored = self.snapshots.current(question)
        return Found(Opened(stored.value), stored) if stored else None

    def _question(self, query: InteractionQuery) -> Question:
        cursor = query.cursor
        if cursor and cursor.identity != query.identity():
            raise CursorMismatch()
        search = replace(query.search, start=cursor.start, end=cursor.end) if cursor else query.search
        return questions.of_search(search, cursor.version if cursor else None, self.upstream, self.rules)

    def _question_of_one(self, interaction_id: str) -> Question:
        return questions.of_interaction(interaction_id, self.upstream, self.rules, self.time_zone)

    def _deadline(self) -> float:
        return self.clock.monotonic() + self.rules.wait_seconds

    def _reaches(self, report: Report, rows: int) -> bool:
        return report.rows >= rows or not self.rules.is_readable(report)
