"""Fetching: a new snapshot for a question, or more rows of the snapshot that is stored."""

from dataclasses import replace
from math import inf
from typing import NamedTuple

from app.cache.stored import Stored
from app.cooperative import held_back
from app.holdings.answering import Answered
from app.holdings.recalled import Recalled
from app.interactions.masking import MASKED
from app.owners import Owners
from app.queries.fetch_plan import FetchPlan, Terms
from app.queries.fetching_held import HeldFetching
from app.queries.page import FetchResult
from app.queries.rules import EMPTY_MAXIMUM_SECONDS
from app.queries.snapshot import DecodedSnapshot, Snapshot, end_of
from app.queries.snapshot_building import renewed


class Beyond(NamedTuple):
    """A snapshot that was read on for one caller alone, and the position of the first row that was read so."""

    opened: DecodedSnapshot
    position: int


class Fetching(HeldFetching):
    """The work of one flight: it looks into the store once more, asks upstream, and stores."""

    async def begin(
        self,
        plan: FetchPlan,
        rows: int,
        replaced: float | None,
        owners: Owners | None = None,
        *,
        most_age: float = inf,
        background: bool = False,
    ) -> FetchResult:
        """A new snapshot in place of the one stored at `replaced`, unless another flight has just landed with one.

        It has at least `rows` rows, all there are, or those that the calls reach; `replaced` is in monotonic seconds,
        None where none was stored. Where upstream shows what it showed before, the snapshot stays as it is, and is
        fresh again. What was compared with upstream more than `most_age` seconds ago is compared again. Raises
        UpstreamError, and with a change token ChangeTokenExpired, CursorExpired and StillFetching.
        """
        stored = self.snapshots.current(plan)
        if stored and stored.stored_at != replaced and stored.is_current(self.clock.monotonic()):
            return FetchResult(DecodedSnapshot(stored.value), stored)
        most_age = min(most_age, self._most_age(stored, background=background))
        received, purge_token = self.clock.monotonic(), self.snapshots.begun(plan)
        earlier = stored.value if stored else None
        terms = Terms(self.rules.most_calls, owners, background, Recalled(earlier.runs) if earlier else None)
        with held_back(rows):
            if plan.since:
                return await self._changes(plan, plan.since, terms, most_age, purge_token)
            wanted = self.wanted(min(rows, plan.most_rows), terms, most_age)
            found = await self.held(plan, plan.asked, replace(wanted, shown=self._shown(plan, rows)))
            if isinstance(found, Answered):
                return await self._keep_held(plan, found, purge_token)
            first, found = [found] if found else [], None  # or its records were freed all at once
            read = await self._read_on(plan, None, rows, terms, earlier, first=first)
        new, current = read.opened.snapshot, self.snapshots.current(plan)
        context = self.rules.context_at(new.checked_at, new.time_zone, MASKED)
        snapshot = renewed(plan.key, new, current.value if current else None, context)
        if current and snapshot.version == current.value.version and not purge_token.purged:
            purge_token = current.purge_token  # what was made of the current one is as true as before
        return self._keep(plan, read._replace(opened=replace(read.opened, snapshot=snapshot)), received, purge_token)

    async def extend(self, plan: FetchPlan, rows: int, known: FetchResult, owners: Owners | None = None) -> FetchResult:
        """The snapshot read on where it ends, unless another flight has just done so; `known` cost calls already."""
        terms = Terms(self.rules.most_calls - known.upstream_calls, owners)
        stored = self.snapshots.snapshot(plan, known.snapshot.version)
        if stored and stored.value.rows > known.snapshot.rows:
            known = FetchResult(DecodedSnapshot(stored.value), stored)
        if plan.is_enough(known.snapshot, rows):
            return known
        purge_token = self.snapshots.begun(plan, known.stored.purge_token)
        with held_back(rows):
            if known.snapshot.is_held:
                read = await self._hold_on(plan, known.snapshot, rows, terms, most=plan.most_rows)
            else:
                read = await self._read_on(plan, known.opened, rows, terms)
        stored = self.snapshots.snapshot(plan, known.snapshot.version)  # it may have been seen again meanwhile
        received = max(known.stored.stored_at, stored.stored_at if stored else 0.0)
        longer = self._keep(plan, read, received, purge_token)
        known.stored.purge_token.extended = True
        return longer

    async def beyond(self, plan: FetchPlan, sent: Snapshot, rows: int, owners: Owners) -> Beyond:
        """So many rows more, or up to twice as many, behind the last one of a snapshot, which is needed no more.

        The result is stored nowhere, and the store lets go of nothing for it. Where rows may be held, there is no bound
        to how far it goes down, and only the last rows of the snapshot are kept.
        """
        terms = Terms(self.rules.most_calls, owners)
        with held_back(rows):
            if not self.holds(plan):
                read = await self._read_on(plan, DecodedSnapshot(sent), sent.rows + rows, terms)
                return Beyond(read.opened, sent.rows)
            known = end_of(sent)
            most = known.rows + 2 * rows
            read = await self._hold_on(plan, known, known.rows + rows, terms, most=most, is_passing=True)
            return Beyond(read.opened, known.rows)

    def _most_age(self, stored: Stored[Snapshot] | None, *, background: bool) -> float:
        """How old may be what replaces a snapshot: a refresh ahead of time compares anew, and so does an empty one."""
        now = self.clock.monotonic()
        if stored is None or stored.purge_token.superseded:
            return inf
        if background and stored.is_fresh(now):
            return stored.age(now) / 2
        return inf if stored.value.rows else EMPTY_MAXIMUM_SECONDS
