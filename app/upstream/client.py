"""The CxEngage client: one tenant's interactions.

A GET goes through `walk` (which blocks of the list) → `call` (attempts, retries, credentials, breakers) → `transport`
(connection, body) → `responses` → `rows`.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from random import random as system_random
from sys import maxsize

from pydantic import SecretStr

from app.clock import Clock
from app.errors import UpstreamError, UpstreamShape, UpstreamUnknownTenant
from app.observe.metrics import Metrics
from app.owners import Owners, service_itself
from app.slots import Slots
from app.upstream.access import INTERACTION, INTERACTIONS, UNNAMEABLE, UpstreamAccess, target
from app.upstream.auth import new_credentials
from app.upstream.breaker import Restraint
from app.upstream.call import Budget, Call, ReadContext, UpstreamSession
from app.upstream.query import EVERYTHING, MOST_ROWS_PER_CALL, RowRange, UpstreamQuery, parameters
from app.upstream.responses import UpstreamPage
from app.upstream.rows import Admits, Held, Recall, Record, RowReader
from app.upstream.transport import Transport, Wire
from app.upstream.walk import MOST_CALLS, Position, Reading, UpstreamBlock, Walk, merge


class UpstreamClient:
    """Reads lists and single interactions. Methods raise UpstreamError where upstream gives no usable response."""

    def __init__(
        self,
        settings: UpstreamAccess,
        *,
        clock: Clock,
        metrics: Metrics,
        transport: Wire | None = None,
        random: Callable[[], float] = system_random,
    ) -> None:
        limits, monotonic = settings.limits, clock.monotonic
        network = Transport(settings, clock=clock, metrics=metrics, wire=transport)
        restraint = Restraint(limits, monotonic, random, metrics, settings.worker)
        credentials = new_credentials(settings, network, restraint, clock, random)
        self._session = UpstreamSession(
            settings, network, credentials, restraint, Budget(limits, monotonic), clock, metrics, random
        )
        self._long_readings = Slots(maxsize, limits.slot_queue, clock.sleep, each=limits.long_readings)
        self._rows = RowReader(settings.tenant_id, metrics, self._session.decode_lock)
        metrics.watch("upstream_slots", lambda: settings.upstream_concurrency)
        metrics.watch("upstream_auth_gate_seconds", self._session.auth_gate_seconds)
        metrics.watch("upstream_refused_seconds", self.refused_seconds)
        metrics.watch("upstream_last_success_timestamp_seconds", lambda: self._session.last_success)

    async def interactions(
        self,
        query: UpstreamQuery,
        position: Position,
        *,
        rows: int,
        most: int,
        most_calls: int = MOST_CALLS,
        background: bool = False,
        owners: Owners | None = None,
        admits: Admits | None = None,
        recall: Recall | None = None,
        checked: UpstreamQuery | None = None,
    ) -> Reading:
        """Read whole blocks from `position` until `rows` rows of upstream's list are read in all, none past `most`.

        The reading ends sooner where it would take more than `most_calls`. In the `background` no caller waits for it;
        else its calls are counted for `owners`. Where `admits` decides which rows exist for the caller, the first block
        is the largest there is, so that the number of calls does not tell whether a row was dropped. What `recall`
        knows is not decoded. Rows must match the query, or what is to be `checked` instead. Raises ValueError for an
        empty condition, before any call (R2).
        """
        parameters(query, position.offset, 0)
        context = self._context(background=background, owners=owners)

        async def fetch(wanted: RowRange) -> UpstreamBlock:
            async def read(page: UpstreamPage) -> UpstreamBlock:
                arrival = context.arrivals
                rows = await self._rows.read(page.rows, checked or query, admits, recall)
                return UpstreamBlock(wanted.offset, rows, page.total, arrival)

            return await context.page(Call(INTERACTIONS, self._list(query, wanted), read))

        access = self._session.access
        turn = partial(self._long_readings.take, access.fetch_seconds, context.owners)
        walk = Walk(fetch, position, parallel=access.upstream_concurrency, most_calls=most_calls, turn=turn)
        await walk.read(max(rows, MOST_ROWS_PER_CALL) if admits else rows, most)
        merged = merge(walk.blocks, position.seen)
        lost = walk.lost - position.lost
        return Reading(
            records=merged.records,
            offset=walk.offset,
            total=walk.total or 0,
            complete=walk.complete,
            shifted=walk.shifted,
            time_zone=context.time_zone,
            simulated=context.simulated,
            upstream_seconds=context.seconds,
            dropped=len(merged.mismatched) + lost,
            mismatched=merged.mismatched,
            lost=lost,
            least_total=walk.least_total or 0,
            last_start=walk.last_start,
            calls=walk.calls,
        )

    async def interaction(
        self,
        interaction_id: str,
        *,
        background: bool = False,
        owners: Owners | None = None,
        recall: Recall | None = None,
    ) -> Reading | None:
        """The interaction with this id, `details` included; None where upstream knows none.

        Raises UpstreamShape where upstream answers with another interaction, or with one that cannot be read.
        """
        if interaction_id in UNNAMEABLE:
            return None
        path = target(INTERACTION, {"tenant": self._session.access.tenant_id, "interaction": interaction_id}, ())
        context = self._context(background=background, owners=owners)

        async def read(page: UpstreamPage) -> Record | Held:
            rows = await self._rows.read(page.rows, EVERYTHING, recall=recall)
            found = rows[0].record if len(rows) == 1 else None
            if found is None or found.interaction.interaction_id.lower() != interaction_id.lower():
                raise UpstreamShape("The upstream's answer is not the interaction asked for, or cannot be read.")
            return found

        try:
            record = await context.page(Call(INTERACTION, path, read))
        except UpstreamUnknownTenant:  # 404 and 410 on an item mean the item (FAULTS §2.1, row 26)
            return None
        return _reading(context, (record,), total=1)

    async def newest(
        self,
        query: UpstreamQuery,
        limit: int,
        *,
        background: bool = False,
        owners: Owners | None = None,
        recall: Recall | None = None,
        checked: UpstreamQuery | None = None,
    ) -> Reading:
        """The newest `limit` rows by one call; `recall` and `checked` as of `interactions`."""
        context = self._context(background=background, owners=owners)
        wanted = RowRange(0, limit)

        async def read(page: UpstreamPage) -> UpstreamBlock:
            rows = await self._rows.read(page.rows, checked or query, None, recall)
            return UpstreamBlock(0, rows, page.total)

        block = await context.page(Call(INTERACTIONS, self._list(query, wanted), read))
        merged = merge([block], frozenset())
        lost = sum(row.interaction_id is None for row in block.rows)
        complete = block.end >= block.total
        return replace(
            _reading(context, merged.records, block.total),
            offset=block.end,
            complete=complete,
            dropped=len(merged.mismatched) + lost,
            mismatched=merged.mismatched,
            lost=lost,
            least_total=block.total,
            last_start=block.rows[-1].start if block.rows and not complete else None,  # a record held is decoded for it
        )

    async def block(self, query: UpstreamQuery, wanted: RowRange) -> UpstreamBlock:
        """The rows of one call as upstream sends them, not checked against `query`: they show how it reads a query."""
        context = self._context(background=False)

        async def read(page: UpstreamPage) -> UpstreamBlock:
            return UpstreamBlock(wanted.offset, await self._rows.read(page.rows, EVERYTHING), page.total)

        return await context.page(Call(INTERACTIONS, self._list(query, wanted), read))

    async def tenancy(
        self, query: UpstreamQuery = EVERYTHING, *, background: bool = False, owners: Owners | None = None
    ) -> Reading:
        """The tenant's time zone and the number of matching rows, without any row: the cheapest call there is."""
        context = self._context(background=background, owners=owners)
        return _reading(context, (), total=await context.page(self._count(query)))

    def raw_name(self, name: str) -> str:
        """An attribute's name as upstream stores it, where it has been seen; else as given (R3)."""
        return self._rows.names.raw(name)

    def attribute_names(self) -> Collection[str]:
        """The names of attributes seen last, trimmed, whatever a policy hides of them."""
        return self._rows.names.known()

    def refuses_lists(self) -> bool:
        """Whether no list call would be sent now: upstream is left alone, so that a refresh is pointless."""
        return self._session.is_blocked(INTERACTIONS.name)

    def refuses_items(self) -> bool:
        """Whether no call for a single interaction would be sent now."""
        return self._session.is_blocked(INTERACTION.name)

    def is_ill(self) -> bool:
        """Whether a list call made now would probably fail."""
        return self.refuses_lists() or self._session.restraint.breakers[INTERACTIONS.name].is_failing

    def refused_seconds(self) -> float:
        """For how long upstream has refused our credentials, a new login included; 0 while it does not."""
        return self._session.credentials.refused_seconds()

    async def rotate(self, username: str, password: SecretStr) -> None:
        """Go on with these credentials, once upstream has accepted them: by a login, else by the cheapest call.

        Raises UpstreamError where it refuses them; nothing changes then.
        """
        session = self._session
        asked = replace(session.access, username=username, password=password)
        candidate = new_credentials(asked, session.transport, session.restraint, session.clock, session.random)
        try:
            if asked.auth == "token":
                await candidate.prepared()
            else:
                await ReadContext(replace(session, credentials=candidate)).page(self._count(EVERYTHING))
        except UpstreamError:
            await candidate.aclose()
            raise
        retired, session.credentials = session.credentials, candidate
        await retired.aclose()

    async def aclose(self) -> None:
        """Let the calls under way end, at most for two seconds, then close every connection."""
        await self._session.transport.aclose()
        await self._session.credentials.aclose()

    def _context(self, *, background: bool, owners: Owners | None = None) -> ReadContext:
        """The context of a new reading; without `owners` it is the service's own, or in the background."""
        if owners is None:
            owners = Owners() if background else service_itself()
        wait_seconds = 0.0 if background else self._session.access.wait_seconds
        return ReadContext(self._session, wait_seconds, background, owners)

    def _list(self, query: UpstreamQuery, wanted: RowRange) -> str:
        """Path and query of a call for rows of the list."""
        return target(INTERACTIONS, {"tenant": self._session.access.tenant_id}, parameters(query, *wanted))

    def _count(self, query: UpstreamQuery) -> Call[int]:
        """A call for the number of matching rows, with an envelope and no rows."""

        async def read(page: UpstreamPage) -> int:
            return page.total

        return Call(INTERACTIONS, self._list(query, RowRange(0, 0)), read)


def _reading(context: ReadContext, records: tuple[Record | Held, ...], total: int) -> Reading:
    """The result of one call."""
    return Reading(
        records=records,
        offset=len(records),
        total=total,
        complete=total == len(records),
        time_zone=context.time_zone,
        simulated=context.simulated,
        upstream_seconds=context.seconds,
    )
