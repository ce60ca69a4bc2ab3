"""Settings of the client: origin, user, endpoints, and the limits of each call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from app.workers import ALONE, Worker

PORTS = {"http": 80, "https": 443}
UNNAMEABLE = frozenset({"", ".", ".."})  # path segments that change the path (RFC 3986 §5.2.4)


@dataclass(frozen=True, slots=True)
class Limits:
    """Constants of the client, in one place so that tests can change them; times in seconds (FAULTS 1.2)."""

    connect_seconds: float = 3.0
    first_byte_seconds: float = 15.0
    gap_seconds: float = 10.0  # between two chunks of a body
    write_seconds: float = 5.0
    pool_seconds: float = 2.0  # cannot pass while slots = pool size, unless a slot was lost
    keep_alive_seconds: float = 4.0  # below the server's idle time

    slot_wait_seconds: float = 8.0
    background_slot_wait_seconds: float = 2.0
    slot_queue: int = 1000  # calls that may wait for a slot
    long_readings: int = 2  # of one owner at once: readings of more than one block

    foreground_attempts: int = 2
    background_attempts: int = 3
    retry_base_seconds: float = 0.2
    retry_most_seconds: float = 2.0
    retry_share: float = 0.2  # of the first attempts in a window
    retry_least: int = 3  # that a window always allows
    window_seconds: float = 10.0

    breaker_failures: int = 5  # in a row
    breaker_share: float = 0.5  # of at least so many attempts in a window:
    breaker_attempts: int = 20
    breaker_open_seconds: float = 5.0
    breaker_most_seconds: float = 60.0
    breaker_jitter: float = 0.1
    breaker_successes: int = 2  # of probes, to close

    throttled_seconds: float = 5.0  # where upstream names no pause; doubled each time
    throttled_most_seconds: float = 300.0
    auth_gate_seconds: float = 60.0  # doubled each time
    auth_gate_most_seconds: float = 900.0

    renewal_jitter: float = 0.05
    renewal_pause_seconds: float = 30.0  # after a renewal that failed

    probe_seconds: float = 86_400.0  # between two looks at which time ranges test

    lost_slots: int = 3  # time-outs of the pool in a window that give it up
    pool_rest_seconds: float = 30.0  # between two new pools

    def attempts(self, *, background: bool) -> int:
        """The most attempts of a call."""
        return self.background_attempts if background else self.foreground_attempts

    def slot_wait(self, *, background: bool) -> float:
        """The longest wait of a call for a slot, in seconds."""
        return self.background_slot_wait_seconds if background else self.slot_wait_seconds


DEFAULTS = Limits()


class Origin(NamedTuple):
    """Scheme, host and port of a server (RFC 6454 §4)."""

    scheme: str
    host: str
    port: int

    def url(self) -> str:
        """The origin as text, its port always named."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UpstreamAccess:
    """Settings of the client: `fetch_seconds` bounds the life of a reading, `wait_seconds` the wait of a caller."""

    upstream_url: str
    tenant_id: str
    username: str
    password: SecretStr
    auth: Literal["basic", "token"]
    upstream_concurrency: int
    fetch_seconds: float
    wait_seconds: float
    limits: Limits = DEFAULTS
    worker: Worker = ALONE

    def origin(self) -> Origin:
        """The one origin that is ever called."""
        parts = urlsplit(self.upstream_url)
        return Origin(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme])


class Endpoint(NamedTuple):
    """A path that can be called, with named segments; `name` is its label in metrics and logs."""

    name: str
    path: str


INTERACTIONS = Endpoint("interactions", "/v1/tenants/{tenant}/interactions")
INTERACTION = Endpoint("interaction", "/v1/tenants/{tenant}/interactions/{interaction}")
TOKENS = Endpoint("tokens", "/v1/tokens")


def target(endpoint: Endpoint, segments: Mapping[str, str], query: Iterable[tuple[str, str]]) -> str:
    """Path and query, percent-encoded. Raises ValueError for an unnameable segment."""
    if not UNNAMEABLE.isdisjoint(segments.values()):
        raise ValueError("A path segment is empty or made of dots.")
    path = endpoint.path.format_map({name: quote(segment, safe="") for name, segment in segments.items()})
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    return f"{path}?{asked}" if asked else path
