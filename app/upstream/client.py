"""The CxEngage client: read a list as far as it is needed, read one interaction, ask whose answers these are."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import random as system_random
from sys import maxsize

from app.clock import Clock
from app.errors import SettingsError, UpstreamError, UpstreamShape, UpstreamUnknownTenant
from app.observe.metrics import Metrics
from app.owners import Owners, service_itself
from app.upstream.access import UpstreamAccess
from app.upstream.attempts import Attempts
from app.upstream.call import Call, ReadContext
from app.upstream.health import UpstreamHealth, health
from app.upstream.intake import Admits, Intake
from app.upstream.login import envelope_alone, new_credentials, prove
from app.upstream.names import Names
from app.upstream.pages import Page
from app.upstream.query import EVERYTHING, MOST_ROWS_PER_CALL, UpstreamQuery, parameters
from app.upstream.reading import Block, Position, Reading, Record, Span, merge
from app.upstream.restraint import Restraint
from app.upstream.retries import Budget, Effort
from app.upstream.session import UpstreamSession
from app.upstream.slots import Slots
from app.upstream.transport import Transport, Wire
from app.upstream.urls import INTERACTION, INTERACTIONS
from app.upstream.walk import MOST_CALLS, Walk

UNNAMEABLE = frozenset({"", ".", ".."})


class UpstreamClient:
    """One tenant's interactions. Every method raises UpstreamError where upstream gives no usable answer."""

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
        authenticator = Transport(settings, clock=clock, metrics=metrics, wire=transport)
        restraint = Restraint(limits, monotonic, random, metrics)
        credentials = new_credentials(settings, authenticator, restraint, clock, random)
        self._line = UpstreamSession(
            settings, authenticator, credentials, restraint, Budget(limits, monotonic), clock, metrics, random
        )
        self._long_readings = Slots(maxsize, limits.slot_queue, clock.sleep, each=limits.long_readings)
        self._names = Names()
        self._intake = Intake(settings.tenant_id, metrics, self._names, self._line.turn)
        metrics.watch("upstream_auth_gate_seconds", self._line.auth_gate_seconds)

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
    ) -> Reading:
        """Read whole blocks from `position` until `rows` rows of upstream's list are read in all, none past `most`.

        It ends sooner where that would take more than `most_calls`. `background`: nobody waits for it; else `owners`
        share its turns. Where `admits` says which rows count at all, the first block is as large as upstream gives: how
        many calls are made does not tell then whether any row was let go. Raises ValueError for an empty condition,
        before any call (R2).
        """
        parameters(query, position.offset, 0)
        asking = self._asking(background=background, owners=owners)

        async def fetch(span: Span) -> Block:
            async def take(page: Page) -> Block:
                arrival = asking.arrivals
                return Block(span.offset, await self._intake.rows(page.rows, query, admits), page.total, arrival)

            return await asking.page(Call(INTERACTIONS, {}, parameters(query, span.offset, span.limit), take))

        turn = partial(self._long_readings.take, self._line.access.fetch_seconds, asking.attempts.effort.owners)
        parallel = self._line.access.upstream_concurrency
        walk = Walk(fetch, position, parallel=parallel, most_calls=most_calls, turn=turn)
        await walk.read(max(rows, MOST_ROWS_PER_CALL) if admits else rows, most)
        merged = merge(walk.blocks, position.seen)
        return Reading(
            records=merged.records,
            offset=walk.offset,
            total=walk.total or 0,
            complete=walk.complete,
            shifted=walk.shifted,
            time_zone=asking.time_zone,
            simulated=asking.simulated,
            upstream_seconds=asking.seconds,
            dropped=len(merged.mismatched) + walk.lost - position.lost,
            mismatched=merged.mismatched,
            lost=walk.lost - position.lost,
            least_total=walk.least_total or 0,
            calls=walk.calls,
        )

    async def interaction(
        self, interaction_id: str, *, background: bool = False, owners: Owners | None = None
    ) -> Reading | None:
        """The one interaction of this id, `details` included; None where upstream knows none.

        Raises UpstreamShape where upstream answers with another interaction, or with one that cannot be read.
        """
        if interaction_id in UNNAMEABLE:
            return None
        asking = self._asking(background=background, owners=owners)

        async def take(page: Page) -> Record:
            rows = await self._intake.rows(page.rows, UpstreamQuery())
            wanted = rows[0].record if len(rows) == 1 else None
            if wanted is None or wanted.interaction.interaction_id.lower() != interaction_id.lower():
                raise UpstreamShape("The upstream's answer is not the interaction asked for, or cannot be read.")
            return wanted

        try:
            record = await asking.page(Call(INTERACTION, {"interaction": interaction_id}, (), take))
        except UpstreamUnknownTenant:  # 404 and 410 on an item mean the item (FAULTS §2.1, row 26)
            return None
        return _reading(asking, (record,), total=1)

    async def tenancy(
        self, query: UpstreamQuery = EVERYTHING, *, background: bool = False, owners: Owners | None = None
    ) -> Reading:
        """No rows, but the tenant's time zone and the count of what is asked: the cheapest call there is."""
        asking = self._asking(background=background, owners=owners)
        page = await asking.page(envelope_alone(query))
        return _reading(asking, (), total=page.total)

    def raw_name(self, name: str) -> str:
        """An attribute's name as upstream stores it, where it has been seen; else as given (R3)."""
        return self._names.raw(name)

    def refuses_lists(self) -> bool:
        """Whether no list would be asked for now, as upstream is left alone: nothing is worth refreshing."""
        return self._line.is_blocked(INTERACTIONS.endpoint)

    def is_ill(self) -> bool:
        """Whether a list asked for now would, by all that is known, not be answered."""
        return self.refuses_lists() or self._line.restraint.is_failing(INTERACTIONS.endpoint)

    def refuses_items(self) -> bool:
        """Likewise for one interaction."""
        return self._line.is_blocked(INTERACTION.endpoint)

    def refused_seconds(self) -> float:
        """For how long upstream has refused our credentials, a new login included; 0 while it does not."""
        since = self._line.credentials.refused_since
        return 0.0 if since is None else self._line.clock.monotonic() - since

    def health(self) -> UpstreamHealth:
        """How upstream is doing, from memory."""
        return health(self._line)

    async def rotate(self, access: UpstreamAccess) -> None:
        """Go on with the user, password and kind of authentication of `access`, once upstream has taken them.

        Raises UpstreamError where it has not, and SettingsError where more has changed; all stays as it was.
        """
        line, known = self._line, self._line.access
        if (access.origin(), access.tenant_id) != (known.origin(), known.tenant_id):
            raise SettingsError(["Only the credentials can change while the service runs; restart it for the rest."])
        asked = replace(known, username=access.username, password=access.password, auth=access.auth)
        candidate = new_credentials(asked, line.transport, line.restraint, line.clock, line.random)
        try:
            await prove(line, candidate)
        except UpstreamError:
            await candidate.aclose()
            raise
        retired, line.credentials = line.credentials, candidate
        await retired.aclose()

    async def aclose(self) -> None:
        """Let the calls under way end, at most for two seconds, then close every connection."""
        await self._line.transport.aclose()
        await self._line.credentials.aclose()

    def _asking(self, *, background: bool, owners: Owners | None = None) -> ReadContext:
        """The calls of a reading; one that no client asks for is the service's own, or in the background."""
        if owners is None:
            owners = Owners() if background else service_itself()
        wait_seconds = 0.0 if background else self._line.access.wait_seconds
        return ReadContext(self._line, Attempts(self._line, Effort(wait_seconds, background, owners)))


def _reading(asking: ReadContext, records: tuple[Record, ...], total: int) -> Reading:
    """What one call brought; `records` are those of upstream's rows that were asked for."""
    return Reading(
        records=records,
        offset=len(records),
        total=total,
        complete=total == len(records),
        time_zone=asking.time_zone,
        simulated=asking.simulated,
        upstream_seconds=asking.seconds,
    )
