"""What an application does beside answering: it drops what is too old, and takes new secrets."""

import logging

from app.assembly import upstream_access
from app.cache.store import MemoryStore
from app.clients.file import ClientKeys
from app.clock import Clock
from app.observe.lines import CREDENTIALS_READ
from app.reloading import Reloadable
from app.settings import Settings
from app.upstream.client import UpstreamClient

SWEEP_SECONDS, SWEEPS_A_ROUND = 1.0, 60

logger = logging.getLogger("cxfacade")


async def sweep(store: MemoryStore, clock: Clock) -> None:
    """Drop what is too old within two minutes, also where nobody asks any more (FAULTS T29)."""
    while True:
        await clock.sleep(SWEEP_SECONDS)
        store.sweep(1 + len(store) // SWEEPS_A_ROUND)


def rotation(upstream: UpstreamClient, settings: Settings) -> Reloadable:
    """Have upstream asked as another user, or with another password, once upstream has taken them (FAULTS T09)."""
    in_force = (settings.username, settings.password)

    async def take(fresh: Settings) -> None:
        nonlocal in_force
        given = (fresh.username, fresh.password)
        if given != in_force:
            known = settings.model_copy(update={"username": fresh.username, "password": fresh.password})
            await upstream.rotate(upstream_access(known))
            in_force = given
        logger.info(CREDENTIALS_READ)

    return Reloadable("CXF_USERNAME and CXF_PASSWORD", take)


def renewal(keys: ClientKeys) -> Reloadable:
    """Have the client keys read again, also where their file looks as it did."""

    async def take(_fresh: Settings) -> None:
        keys.reread()

    return Reloadable("CXF_CLIENT_KEYS_FILE", take)
