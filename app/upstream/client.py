"""The CxEngage client: read a list as far as it is needed, read one interaction, ask whose answers these are."""

import asyncio

from app.clock import Clock
from app.errors import UpstreamShape, UpstreamUnknownTenant
from app.metrics import Metrics
from app.upstream.access import UpstreamAccess
from app.upstream.asking import Asking
from app.upstream.auth import Basic, Credentials, TokenLogin
from app.upstream.faults import login_fault
from app.upstream.intake import Intake
from app.upstream.names import Names
from app.upstream.query import UpstreamQuery, parameters
from app.upstream.reading import Block, Position, Reading, Span, merge
from app.upstream.transport import READ_STATUSES, Transport, Wire
from app.upstream.urls import INTERACTION, INTERACTIONS
from app.upstream.walk import Walk

UNNAMEABLE = frozenset({"", ".", ".."})


class UpstreamClient:
    """One tenant's interactions. Every method raises UpstreamError where upstream gives no usable answer."""

    def __init__(
        self, settings: UpstreamAccess, *, clock: Clock, metrics: Metrics, transport: Wire | None = None
    ) -> None:
        self._access = settings
        self._clock = clock
        self._names = Names()
        self._turn = asyncio.Lock()  # eight pages taken apart side by side would hold the loop eight times as long
        self._intake = Intake(settings.tenant_id, metrics, self._names, self._turn)
        self._transport = Transport(settings, clock=clock, metrics=metrics, wire=transport)
        self._credentials: Credentials = Basic(settings) if settings.auth == "basic" else TokenLogin(self._login, clock)

    async def interactions(self, query: UpstreamQuery, position: Position, *, rows: int, most: int) -> Reading:
        """Read whole blocks from `position` until `rows` rows of upstream's list are read in all, none past `most`.

        Raises ValueError for an empty condition, before any call (R2).
        """
        parameters(query, position.offset, 0)
        asking = self._asking()

        async def fetch(span: Span) -> Block:
            page = await asking.page(INTERACTIONS, {}, parameters(query, span.offset, span.limit))
            arrival = asking.arrivals
            return Block(span.offset, await self._intake.rows(page.rows, query), page.total, arrival)

        walk = Walk(fetch, position, parallel=self._access.upstream_concurrency)
        await walk.read(rows, most)
        merged = merge(walk.blocks, position.seen)
        return Reading(
            records=merged.records,
            offset=walk.offset,
            total=walk.total or 0,
            complete=walk.complete,
            shifted=walk.shifted or (position.offset == 0 and walk.fell_short(merged.distinct)),
            time_zone=asking.time_zone,
            simulated=asking.simulated,
            upstream_seconds=asking.seconds,
            dropped=merged.dropped,
        )

    async def interaction(self, interaction_id: str) -> Reading | None:
        """The one interaction of this id, `details` included; None where upstream knows none.

        Raises UpstreamShape where upstream answers with another interaction.
        """
        if interaction_id in UNNAMEABLE:
            return None
        asking = self._asking()
        try:
            page = await asking.page(INTERACTION, {"interaction": interaction_id}, ())
        except UpstreamUnknownTenant:  # 404 and 410 on an item mean the item (FAULTS §2.1, row 26)
            return None
        rows = await self._intake.rows(page.rows, UpstreamQuery())
        if len(rows) != 1 or rows[0].record is None or (rows[0].interaction_id or "").lower() != interaction_id.lower():
            raise UpstreamShape("The upstream answered with something else than the interaction asked for.")
        return Reading(
            records=(rows[0].record,),
            offset=1,
            total=1,
            complete=True,
            time_zone=asking.time_zone,
            simulated=asking.simulated,
            upstream_seconds=asking.seconds,
        )

    async def tenancy(self) -> Reading:
        """No rows, but the tenant's time zone and the count of all interactions: the cheapest call there is."""
        asking = self._asking()
        page = await asking.page(INTERACTIONS, {}, parameters(UpstreamQuery(), 0, 0))
        return Reading(
            records=(),
            offset=0,
            total=page.total,
            complete=page.total == 0,
            time_zone=asking.time_zone,
            simulated=asking.simulated,
            upstream_seconds=asking.seconds,
        )

    def raw_name(self, name: str) -> str:
        """An attribute's name as upstream stores it, where it has been seen; else as given (R3)."""
        return self._names.raw(name)

    async def aclose(self) -> None:
        """Let the calls under way end, at most for two seconds, then close every connection."""
        await self._transport.aclose()
        await self._credentials.aclose()

    def _asking(self) -> Asking:
        deadline = self._clock.monotonic() + self._access.fetch_seconds
        return Asking(self._transport, self._credentials, self._clock, self._access.tenant_id, deadline, self._turn)

    async def _login(self) -> bytes:
        answer = await self._transport.login()
        if answer.status not in READ_STATUSES:
            raise login_fault(answer.status, answer.headers, self._clock.wall())
        return answer.body
