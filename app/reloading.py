"""What a running service can be told anew: SIGHUP reads the settings again and hands them to each of these."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from app.errors import CxfacadeError, SettingsError
from app.observe.lines import RELOAD_PART_REFUSED, RELOAD_REFUSED, SETTING_TO_LOOK_AT
from app.settings import Settings

logger = logging.getLogger("cxfacade.reload")


class Reloadable(NamedTuple):
    """`take` swaps whole to what the settings say now and logs that, or raises CxfacadeError and leaves all as it was.

    `names` are the settings it looks at, for people.
    """

    names: str
    take: Callable[[Settings], Awaitable[None]]


async def reload(read: Callable[[], Settings], things: Sequence[Reloadable]) -> None:
    """Read the settings and have each thing take them; raises nothing.

    What fails keeps the old and says so in one line that names the setting, never its value (FAULTS T09).
    """
    try:
        settings = read()
    except SettingsError as error:
        logger.error(RELOAD_REFUSED, " ".join(error.faults))
        return
    for warning in settings.warnings:
        logger.warning(SETTING_TO_LOOK_AT, warning)
    for thing in things:
        await _taken(thing, settings)


async def _taken(thing: Reloadable, settings: Settings) -> None:
    try:
        await thing.take(settings)
    except SettingsError as error:
        logger.error(RELOAD_PART_REFUSED, thing.names, " ".join(error.faults))
    except CxfacadeError as error:
        logger.error(RELOAD_PART_REFUSED, thing.names, error.code)
    except Exception as error:
        logger.exception(RELOAD_PART_REFUSED, thing.names, type(error).__name__)
