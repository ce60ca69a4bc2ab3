"""The tenant's time zone: answers of upstream's name it, or it is asked for."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from app.cache.single_flight import SingleFlight
from app.clock import Clock
from app.queries.rules import Rules
from app.upstream.client import UpstreamClient


@dataclass
class TenantZone:
    """The tenant's time zone, once it is `known`; the configured one goes before it."""

    upstream: UpstreamClient
    flights: SingleFlight
    clock: Clock
    rules: Rules
    known: ZoneInfo | None = field(default=None, init=False)

    async def get(self, deadline: float | None = None) -> ZoneInfo:
        """The configured time zone, else the tenant's: upstream is asked for it where no answer has named it yet.

        The client waits until `deadline` (monotonic seconds), by default as long as one may who comes now. Raises
        RateLimited, StillFetching, UpstreamError.
        """
        if self.rules.time_zone:
            return self.rules.time_zone
        if self.known is None:
            wait = self.rules.wait_seconds if deadline is None else max(0.0, deadline - self.clock.monotonic())
            joined = await self.flights.join(b"time zone", self.upstream.tenancy, wait_seconds=wait)
            self.known = self.rules.zone(joined.value.time_zone)
        return self.known

    def learn(self, name: str | None) -> None:
        """Remember the zone that an answer has named."""
        if self.known is None and name:
            self.known = self.rules.zone(name)

    def forget(self) -> None:
        """Ask for it again, or learn it from the next answer."""
        self.known = None
