"""Flags made from the table of settings, so that each setting is described once."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import typer

from app.settings import SECRETS, SETTINGS

PREFIX = "CXF_"
BY_ATTRIBUTE = {row.name.removeprefix(PREFIX).lower(): row for row in SETTINGS}
SWITCHES = frozenset({"allow_anonymous"})

PUBLIC = tuple(name for name in BY_ATTRIBUTE if name not in SECRETS)  # a secret would stand in the list of processes
WHOSE_DATA = frozenset({"upstream_url", "tenant_id", "auth", "client_keys_file", "allow_anonymous"})
DEMO = tuple(name for name in PUBLIC if name not in WHOSE_DATA)

LOGS = ("log_format", "log_level")
KEYS = ("client_keys_file",)

Command = Callable[..., None]


def settings_flags(names: tuple[str, ...], *, environment: bool = False) -> Callable[[Command], Command]:
    """Give a command a flag for each of these settings; it gets those given as `overrides`, None for the others.

    With `environment` a flag that is not given is looked for there, by the name of its setting.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def called(**given: Any) -> None:
            command(overrides={name: given.pop(name) for name in names}, **given)

        own = [each for each in inspect.signature(command).parameters.values() if each.name != "overrides"]
        flags = [_flag(name, environment=environment) for name in names]
        called.__dict__["__signature__"] = inspect.Signature([*own, *flags])
        return called

    return decorate


def _flag(name: str, *, environment: bool) -> inspect.Parameter:
    row = BY_ATTRIBUTE[name]
    option = typer.Option(
        None,
        help=row.description if row.default == "none" else f"{row.description} [default: {row.default}]",
        metavar=None if name in SWITCHES else "TEXT",
        envvar=row.name if environment else None,
        show_envvar=False,
    )
    annotation = bool | None if name in SWITCHES else str | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=annotation)
