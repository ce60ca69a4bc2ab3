"""The simulated tenant: its options, chosen before the start, and the credentials that open it (S13)."""

import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from app.simulator.clock import SimulatedClock

DEMO_TENANT_ID = "87165f24-f1d4-4b2e-acec-05ac94e0ead4"
DEMO_USERNAME = "demo"
DEMO_PASSWORD = "demo-not-a-secret"  # noqa: S105  (opens nothing: it is printed by the demo)
DEFAULT_PORT = 8090

LatencyProfile = Literal["none", "fast", "typical", "bad-day"]

LATENCY: dict[str, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "fast": (0.02, 0.3),
    "typical": (0.35, 0.5),
    "bad-day": (2.5, 0.9),
}
"""By profile: the median in seconds, and the sigma of the log-normal distribution."""


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """A simulated tenant as it starts.

    The data are a function of ``seed`` and simulated time alone, so restarts at another moment show the same
    interactions. ``anchor`` (UTC, default: the real time) is what the simulated clock shows at the start; from there it
    runs with real time, unless ``frozen``. ``interactions`` rows of history exist at the anchor, newer ones arrive at
    ``arrivals_per_hour`` on average over a week, in each hour ``least_per_hour`` or more of them. With ``per_weekday``
    the rows are the workload's instead: so many on a weekday, from ``history_days`` before the anchor on, late joiners,
    late edits and erasures among them. ``journal_rows``: the journal tells which rows each list call sent. Times are in
    seconds.
    """

    seed: int = 7
    anchor: datetime | None = None
    frozen: bool = False
    tenant_id: str = DEMO_TENANT_ID
    tenant_name: str = "Simulated Tenant"
    time_zone: str = "US/Eastern"
    username: str = DEMO_USERNAME
    password: str = DEMO_PASSWORD
    latency: LatencyProfile = "none"
    interactions: int = 3000
    arrivals_per_hour: float = 12.0
    least_per_hour: float = 0.0
    per_weekday: int = 0
    history_days: int = 8
    max_token_ttl: int = 86_400
    slow_seconds: float = 5.0
    longest_wait: float = 120.0
    journal_length: int = 10_000
    journal_rows: bool = False


class Credentials:
    """The tenant's only user and the tokens issued to it; their lifetimes run on the simulated clock."""

    def __init__(self, options: SimulatorOptions, clock: SimulatedClock) -> None:
        self._options = options
        self._clock = clock
        self.password = options.password
        self._expiries: dict[str, int] = {}
        self._issued = 0

    def log_in(self, username: Any, password: Any, ttl: Any = None) -> dict[str, Any] | None:
        """The body that answers ``POST /v1/tokens``, None for wrong credentials; ``ttl`` in seconds, capped."""
        if (username, password) != (self._options.username, self.password):
            return None
        longest = self._options.max_token_ttl
        granted = min(ttl, longest) if isinstance(ttl, int) and ttl > 0 else longest
        token = self._token(granted)
        self._expiries[token] = self._clock.now() + granted * 1000
        return {"token": token, "ttl": granted}

    def accepts(self, authorization: str) -> bool:
        """Whether an ``Authorization`` header value opens the tenant."""
        scheme, _, credential = authorization.partition(" ")
        if scheme == "Token":
            return self._expiries.get(credential, 0) > self._clock.now()
        expected = b64encode(f"{self._options.username}:{self.password}".encode()).decode()
        return scheme.lower() == "basic" and credential == expected

    def expire(self) -> int:
        """Expire every token now; returns how many there were."""
        expired, self._expiries = self._expiries, {}
        return len(expired)

    def _token(self, ttl: int) -> str:
        """A token in the form of upstream's JWT, without a signature."""
        self._issued += 1
        issued = self._clock.now() // 1000
        claims = {"user-id": f"simulated-{self._issued}", "type": "token", "exp": issued + ttl, "iat": issued}
        parts = ({"alg": "none", "typ": "JWT"}, claims, {"simulated": self._options.seed})
        return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def scheme_of(authorization: str) -> str:
    """The kind of credential, for the journal: basic, token, other or none."""
    scheme = authorization.partition(" ")[0].lower()
    return scheme if scheme in ("basic", "token") else "other" if scheme else "none"
