"""What the upstream tests share: rows, envelopes, and a client or a transport on a URL."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import SecretStr

from app.clock import Clock
from app.observe.metrics import Metrics
from app.owners import service_itself
from app.upstream.access import INTERACTIONS, Endpoint, Limits, UpstreamAccess
from app.upstream.client import UpstreamClient
from app.upstream.transport import Transport, UpstreamResponse
from tests.support.canary import PASSWORD, USERNAME

TENANT = "11111111-2222-4333-8444-555555555555"
SYSTEM_CLOCK = Clock(time.monotonic, lambda: datetime.now(UTC), asyncio.sleep)


ONE_ATTEMPT = Limits(foreground_attempts=1)


def access(
    url: str,
    auth: Literal["basic", "token"] = "basic",
    concurrency: int = 8,
    seconds: float = 20,
    limits: Limits = ONE_ATTEMPT,
) -> UpstreamAccess:
    """Where the tests' upstream is. Most of them look at one attempt."""
    return UpstreamAccess(url, TENANT, USERNAME, SecretStr(PASSWORD), auth, concurrency, seconds, 10.0, limits)


@dataclass
class Opened:
    """A client and what it counts."""

    client: UpstreamClient
    metrics: Metrics


@contextlib.asynccontextmanager
async def opened(
    settings: UpstreamAccess, clock: Clock = SYSTEM_CLOCK, random: Callable[[], float] = lambda: 0.5
) -> AsyncIterator[Opened]:
    metrics = Metrics()
    client = UpstreamClient(settings, clock=clock, metrics=metrics, random=random)
    try:
        yield Opened(client, metrics)
    finally:
        await client.aclose()


@contextlib.asynccontextmanager
async def opened_transport(url: str, concurrency: int = 8, limits: Limits = ONE_ATTEMPT) -> AsyncIterator[Transport]:
    transport = Transport(access(url, concurrency=concurrency, limits=limits), clock=SYSTEM_CLOCK, metrics=Metrics())
    try:
        yield transport
    finally:
        await transport.aclose()


async def get(transport: Transport, seconds: float = 10.0, endpoint: Endpoint = INTERACTIONS) -> UpstreamResponse:
    """One call that may take so many seconds, made as a reading makes it: with a slot, which the call gives back."""
    deadline = SYSTEM_CLOCK.monotonic() + seconds
    give_back = await transport.slots.take(min(seconds, transport._limits.slot_wait_seconds), service_itself())
    return await transport.get(
        endpoint, endpoint.path.format(tenant=TENANT), "Basic invented", deadline=deadline, ended=give_back
    )


async def answered(url: str, endpoint: Endpoint = INTERACTIONS, seconds: float = 10.0) -> UpstreamResponse:
    """One call with everything opened and closed around it."""
    async with opened_transport(url) as transport:
        return await get(transport, seconds, endpoint)


def attribute(name: str, value: str) -> dict[str, str]:
    return {"hookType": name, "hookName": value, "hookSubType": "interaction-attribute"}


def row(interaction_id: str, *attributes: dict[str, str], **fields: Any) -> dict[str, Any]:
    """A record as upstream sends it."""
    start = {"tenantId": TENANT, "startTimestamp": "2026-11-20T10:00:00.000Z"}
    marked = {"interactionAttributes": list(attributes)} if attributes else {}
    return {"interactionId": interaction_id, **start, **marked, **fields}


def envelope(rows: list[dict[str, Any]] | None, total: int | None = None, **fields: Any) -> dict[str, Any]:
    """A list answer; `total` counts the rows unless it is given."""
    count = len(rows or ()) if total is None else total
    zone = {"tenantId": TENANT, "tenantName": "Invented", "tenantTimezone": "US/Eastern"}
    return {"page": None, "limit": 10, "offset": 0, **zone, "total": count, "results": rows, **fields}
