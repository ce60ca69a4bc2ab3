"""State shared by all readings of one tenant: transport, credentials, breakers, retry budget, health."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.clock import Clock
from app.observe.metrics import Metrics
from app.upstream.access import UpstreamAccess
from app.upstream.auth import Credentials
from app.upstream.breaker import State
from app.upstream.restraint import Restraint
from app.upstream.retries import Budget
from app.upstream.transport import Transport


@dataclass(frozen=True, slots=True)
class UpstreamHealth:
    """State of upstream for operators. `breakers` by class of calls: list, item, login.

    `throttled_seconds` and `auth_gate_seconds` until calls and logins are let through again, else 0.
    `refused_for_seconds`: for how long upstream has refused our credentials, None where it does not.
    """

    breakers: Mapping[str, State]
    throttled_seconds: float
    auth_gate_seconds: float
    refused_for_seconds: float | None
    slots: int
    slots_used: int
    slots_waiting: int
    last_success_at: datetime | None


@dataclass(slots=True)
class UpstreamSession:
    """The state shared by all readings. `credentials` may be exchanged at any time; `random` is of [0, 1).

    `decode_lock` lets one page be decoded at a time: eight side by side would hold the loop eight times as long.
    """

    access: UpstreamAccess
    transport: Transport
    credentials: Credentials
    restraint: Restraint
    budget: Budget
    clock: Clock
    metrics: Metrics
    random: Callable[[], float]
    decode_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    last_success_at: datetime | None = None

    def succeeded(self) -> None:
        """Note that upstream gave a usable response."""
        self.last_success_at = self.clock.wall()
        self.credentials.accept()

    def is_blocked(self, endpoint: str) -> bool:
        """Whether no call to `endpoint` would be sent now: a pause, an open breaker, or refused credentials."""
        is_ill = self.restraint.throttled_seconds > 0 or self.restraint.wait(endpoint) is not None
        return is_ill or self.credentials.is_blocked()

    def auth_gate_seconds(self) -> float:
        """Seconds until refused credentials are tried again, 0 where none are."""
        return self.credentials.gate.left()

    def health(self) -> UpstreamHealth:
        """The state at this moment, from memory: nothing is sent."""
        return UpstreamHealth(
            breakers=self.restraint.states(),
            throttled_seconds=self.restraint.throttled_seconds,
            auth_gate_seconds=self.auth_gate_seconds(),
            refused_for_seconds=self.credentials.refused_seconds(),
            slots=self.access.upstream_concurrency,
            slots_used=self.transport.slots.used,
            slots_waiting=self.transport.slots.waiting,
            last_success_at=self.last_success_at,
        )
