"""The upkeep of a running service: old values are swept out of the store, and SIGHUP reads the settings again."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from app.cache.store import MemoryStore
from app.clients.file import ClientKeys
from app.clock import Clock
from app.errors import CxfacadeError, SettingsError
from app.observe.lines import CREDENTIALS_READ, RELOAD_PART_REFUSED, RELOAD_REFUSED, SETTING_TO_LOOK_AT
from app.settings import Settings
from app.upstream.access import UpstreamAccess
from app.upstream.client import UpstreamClient

SWEEP_SECONDS, SWEEPS_A_ROUND = 1.0, 60

logger = logging.getLogger("cxfacade.reload")


async def sweep(store: MemoryStore, clock: Clock) -> None:
    """Drop values that are too old within two minutes, also where nobody asks for them any more (FAULTS T29)."""
    while True:
        await clock.sleep(SWEEP_SECONDS)
        store.sweep(1 + len(store) // SWEEPS_A_ROUND)


class Reloadable(NamedTuple):
    """A part that SIGHUP renews: `take` adopts the new settings whole, or raises CxfacadeError and changes nothing.

    `names` are the settings it looks at, for log lines.
    """

    names: str
    take: Callable[[Settings], Awaitable[None]]


def rotation(upstream: UpstreamClient, settings: Settings, access: Callable[[Settings], UpstreamAccess]) -> Reloadable:
    """The upstream credentials: new ones are used once upstream has accepted them (FAULTS T09)."""
    in_force = (settings.username, settings.password)

    async def take(fresh: Settings) -> None:
        nonlocal in_force
        given = (fresh.username, fresh.password)
        if given != in_force:
            known = settings.model_copy(update={"username": fresh.username, "password": fresh.password})
            await upstream.rotate(access(known))
            in_force = given
        logger.info(CREDENTIALS_READ)

    return Reloadable("CXF_USERNAME and CXF_PASSWORD", take)


def renewal(keys: ClientKeys) -> Reloadable:
    """The client keys: their file is read again, also where it looks unchanged."""

    async def take(_fresh: Settings) -> None:
        keys.reread()

    return Reloadable("CXF_CLIENT_KEYS_FILE", take)


async def reload(read: Callable[[], Settings], parts: Sequence[Reloadable]) -> None:
    """Read the settings and have each part take them; raises nothing.

    A part that fails keeps the old ones, and is told in one line that names the setting, never its value (FAULTS T09).
    """
    try:
        settings = read()
    except SettingsError as error:
        logger.error(RELOAD_REFUSED, " ".join(error.faults))
        return
    for warning in settings.warnings:
        logger.warning(SETTING_TO_LOOK_AT, warning)
    for part in parts:
        await _take(part, settings)


async def _take(part: Reloadable, settings: Settings) -> None:
    try:
        await part.take(settings)
    except SettingsError as error:
        logger.error(RELOAD_PART_REFUSED, part.names, " ".join(error.faults))
    except CxfacadeError as error:
        logger.error(RELOAD_PART_REFUSED, part.names, error.code)
    except Exception as error:
        logger.exception(RELOAD_PART_REFUSED, part.names, type(error).__name__)
