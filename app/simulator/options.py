"""What can be chosen about a simulator before it starts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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
"""Profile: median in seconds, sigma of the log-normal distribution."""


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """One simulated tenant.

    The data are a function of ``seed`` and simulated time alone, so restarts at another moment show the same
    interactions. ``anchor`` (UTC, default: the real time) is what the simulated clock shows at the start; from there it
    runs with real time, unless ``frozen``. ``interactions`` rows of history exist at the anchor, newer ones arrive at
    ``arrivals_per_hour`` on average over a week. Times are in seconds.
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
    max_token_ttl: int = 86_400
    slow_seconds: float = 5.0
    longest_wait: float = 120.0
    journal_length: int = 10_000
