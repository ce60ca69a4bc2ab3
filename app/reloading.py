"""Reloading: SIGHUP reads the settings again, and each part takes what it can of them, whole or not at all."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from app.errors import CxfacadeError, SettingsError
from app.observe.lines import CREDENTIALS_READ, RELOAD_PART_REFUSED, RELOAD_REFUSED, SETTING_TO_LOOK_AT
from app.remedies import remedy
from app.settings import Settings
from app.upstream.client import UpstreamClient

logger = logging.getLogger("cxfacade.reload")


class Reloadable(NamedTuple):
    """A part that SIGHUP renews: `take` adopts the new settings whole, or raises CxfacadeError and changes nothing."""

    names: str  # of the settings it looks at, for log lines
    take: Callable[[Settings], Awaitable[None]]


def rotation(upstream: UpstreamClient, settings: Settings) -> Reloadable:
    """The upstream credentials: new ones are used once upstream has accepted them (FAULTS T09)."""
    in_force = (settings.username, settings.password)

    async def take(fresh: Settings) -> None:
        nonlocal in_force
        given = (fresh.username, fresh.password)
        if given != in_force:
            known = settings.model_copy(update={"username": fresh.username, "password": fresh.password})
            _, username, password = known.require_upstream()
            await upstream.rotate(username, password)
            in_force = given
        logger.info(CREDENTIALS_READ)

    return Reloadable("CXF_USERNAME and CXF_PASSWORD", take)


def rereading(names: str, *steps: Callable[[], None]) -> Reloadable:
    """A file that is read again, also where it looks unchanged; `steps` are taken one after the other."""

    async def take(_fresh: Settings) -> None:
        for step in steps:
            step()

    return Reloadable(names, take)


async def reload(read: Callable[[], Settings], parts: Sequence[Reloadable]) -> None:
    """Read the settings and have each part take them; raises nothing.

    A part that fails keeps the old ones, and is told in one line that names the setting, and no secret (FAULTS T09).
    """
    try:
        settings = read()
    except SettingsError as error:
        logger.error(RELOAD_REFUSED, " ".join(error.faults))
        return
    for warning in settings.warnings:
        logger.warning(SETTING_TO_LOOK_AT, warning)
    for part in parts:
        try:
            await part.take(settings)
        except SettingsError as error:
            logger.error(RELOAD_PART_REFUSED, part.names, " ".join(error.faults))
        except CxfacadeError as error:
            logger.error(RELOAD_PART_REFUSED, part.names, remedy(error))
        except Exception as error:
            logger.exception(RELOAD_PART_REFUSED, part.names, type(error).__name__)
