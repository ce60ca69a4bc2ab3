"""The shared tier of one process, made of its settings, with the metrics and log lines that tell how it is."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from math import inf
from secrets import token_bytes

from app.errors import SettingsError
from app.holdings.holdings import Holdings
from app.holdings.shared import FORM
from app.holdings.tier import Tier
from app.holdings.tier_epoch import TierEpoch
from app.holdings.tier_store import TierStore
from app.observe.lines import TIER_AWAY, TIER_BACK, TIER_SIGNED_ELSEWHERE
from app.observe.metrics import Metrics
from app.settings import Settings
from app.tier.circuits import BUDGET_SECONDS, Circuit, GuardedClient, ServerError
from app.tier.frame import Frames
from app.tier.keys import Keys
from app.tier.quotas import SharedQuotas
from app.workers import PurgeOrders

WAITING_SHARE = 0.5  # of a client's wait, for another process: what is left is for a reading of one's own
WRITES_SECONDS = 0.025  # a turn makes several calls: were each as slow, it would take longer than a reading
PROBE_MILLISECONDS = 1_000
PROBED = "probe"
UNKNOWN = "of an unknown version"
SIGNED_ELSEWHERE = "what lies there was signed by another secret"
SECONDS_BETWEEN_WARNINGS = 3_600.0
OUTCOMES = ("ok", "open", "slow", "timeout", "error")

logger = logging.getLogger("cxfacade.tier")


def require_tier(settings: Settings) -> None:
    """Raise SettingsError where the settings name a tier that cannot be used."""
    if settings.require_tier() and find_spec("redis") is None:
        raise SettingsError(["CXF_REDIS_URL needs redis-py: pip install 'cxfacade[redis]'."])


def shared_tier(settings: Settings, holdings: Holdings, orders: PurgeOrders, metrics: Metrics) -> Tier | None:
    """The tier that these holdings share, not connected yet; None where the settings name none.

    Where another process has ordered a purge, what is held is gone at once, and the `orders` tell to purge the rest.
    """
    given = settings.require_tier()
    if given is None:
        return None
    from app.tier.client import Client  # noqa: PLC0415 - its library is not there where there is no tier

    url, secrets = given
    keys = keys_of(settings)
    probe_key, clock = keys.key("probe"), holdings.clock

    def side(name: str, probe: Callable[[Client], Awaitable[object]], worth: float) -> "GuardedClient[Client]":
        counted = {one: metrics.adding("tier_calls", side=name, outcome=one) for one in OUTCOMES}
        called, told = (lambda one: counted[one]()), partial(turned, name)
        guarded = GuardedClient(partial(Client, url), probe, clock, called, told, worth_seconds=worth)
        metrics.watch("tier_away", lambda: guarded.circuit.is_open, side=name)
        return guarded

    warned_at = -inf

    def refused(reason: str) -> None:
        nonlocal warned_at
        metrics.count("tier_values_refused", reason=reason)
        if reason == "secret" and clock.monotonic() >= warned_at + SECONDS_BETWEEN_WARNINGS:
            warned_at = clock.monotonic()
            logger.warning(TIER_SIGNED_ELSEWHERE)

    def purged() -> None:
        holdings.purge()
        orders.hear()

    reads = side("reads", lambda client: client.get_many([probe_key]), BUDGET_SECONDS)
    writes = side("writes", lambda client: client.set(probe_key, b"", PROBE_MILLISECONDS), WRITES_SECONDS)
    frames, of_any_age = (Frames(secrets, kept, clock.wall, refused) for kept in (holdings.kept_seconds, inf))
    epoch = TierEpoch(reads, writes, of_any_age, keys.key("epoch"), purged)
    store = TierStore(reads, writes, frames, keys, clock, holdings.kept_seconds, epoch)
    metrics.watch("tier_purge_pending", lambda: epoch.is_pending)
    wait_seconds = WAITING_SHARE * settings.wait_seconds
    return Tier(store, clock, wait_seconds, ended=lambda source: metrics.count("tier_readings", source=source))


def shared_quotas(tier: Tier | None) -> SharedQuotas | None:
    """The quotas of keys that processes use up together through this tier."""
    if tier is None:
        return None
    return SharedQuotas(tier.store.writes, tier.store.epoch.frames, tier.store.keys, tier.clock)


async def try_tier(settings: Settings, wall: Callable[[], datetime]) -> str | None:
    """Send each command that the tier is made of; gives the server's kind and version, UNKNOWN where it tells none.

    None where there is no tier. Raises ServerError.
    """
    given = settings.require_tier()
    if given is None:
        return None
    from app.tier.client import Client  # noqa: PLC0415 - as above

    url, secrets = given
    client, keys = Client(url), keys_of(settings)
    try:
        lease = await client.lease(keys.key("lease", PROBED), keys.key("fence", PROBED), token_bytes())
        await client.set(keys.key("probe"), b"", PROBE_MILLISECONDS)
        if lease:
            await client.extend(lease)
            await client.set_as_holder(lease, keys.key("probe"), b"", PROBE_MILLISECONDS)
            await client.release(lease)
        [epoch] = await client.get_many([keys.key("epoch")])
        version = UNKNOWN
        with suppress(ServerError):  # a proxy in between may not pass HELLO on
            version = await client.version()
    finally:
        await client.aclose()
    refused = list[str]()
    Frames(secrets, inf, wall, refused.append).open(keys.key("epoch"), epoch)
    if refused:
        raise ServerError(SIGNED_ELSEWHERE)
    return version


def keys_of(settings: Settings) -> Keys:
    """The keys of the tenant, in the form of this release."""
    return Keys(settings.upstream_url, settings.tenant_id, FORM)


def turned(side: str, circuit: Circuit) -> None:
    """Tell that a side of the tier is left alone, or used again."""
    if circuit.is_open:
        logger.warning(TIER_AWAY, side, circuit.fault)
    else:
        logger.info(TIER_BACK, side)
