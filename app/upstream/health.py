"""How upstream is doing, for operators: read from memory, nothing is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.upstream.breaker import State
from app.upstream.session import UpstreamSession


@dataclass(frozen=True, slots=True)
class UpstreamHealth:
    """`breakers` by class of calls: list, item, login. Gates in seconds until they open, 0 where they are open.

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


def health(line: UpstreamSession) -> UpstreamHealth:
    """The state at this moment."""
    since = line.credentials.refused_since
    return UpstreamHealth(
        breakers=line.restraint.states(),
        throttled_seconds=line.restraint.throttled_seconds,
        auth_gate_seconds=line.auth_gate_seconds(),
        refused_for_seconds=None if since is None else line.clock.monotonic() - since,
        slots=line.access.upstream_concurrency,
        slots_used=line.transport.slots.used,
        slots_waiting=line.transport.slots.waiting,
        last_success_at=line.last_success_at,
    )
