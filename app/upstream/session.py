"""What all readings of one tenant share: one door to the network, one user, one memory of how upstream is."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.clock import Clock
from app.observe.metrics import Metrics
from app.upstream.access import UpstreamAccess
from app.upstream.credentials import Credentials
from app.upstream.restraint import Restraint
from app.upstream.retries import Budget
from app.upstream.transport import Transport


@dataclass(slots=True)
class UpstreamSession:
    """The line to upstream. `credentials` may be exchanged at any time; `random` is of [0, 1).

    `turn` lets one page be taken apart at a time: eight side by side would hold the loop eight times as long.
    """

    access: UpstreamAccess
    transport: Transport
    credentials: Credentials
    restraint: Restraint
    budget: Budget
    clock: Clock
    metrics: Metrics
    random: Callable[[], float]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    last_success_at: datetime | None = None

    def succeeded(self) -> None:
        """Upstream gave a usable answer."""
        self.last_success_at = self.clock.wall()
        self.credentials.accept()

    def is_blocked(self, endpoint: str) -> bool:
        """Whether no call to `endpoint` would be sent now: a pause, an open breaker, or refused credentials."""
        is_ill = self.restraint.throttled_seconds > 0 or self.restraint.wait(endpoint) is not None
        return is_ill or self.credentials.is_blocked()

    def auth_gate_seconds(self) -> float:
        """Seconds until credentials that were refused are tried again."""
        return self.credentials.gate.left()
