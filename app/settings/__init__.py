"""The configuration of the service: one frozen `Settings`, which `load` builds of its sources.

Flags win over the environment, that over `.env`; secrets may stand in files. The only reader of the environment.
"""

import difflib
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic import ValidationError

from app.errors import SettingsError
from app.settings.forms import MASK, SECRETS, is_clear, is_loopback, shown
from app.settings.model import NAMES, PREFIX, SETTINGS, Scope, Settings, Treatment, spelled

__all__ = [
    "MASK",
    "SECRETS",
    "SETTINGS",
    "SUPERVISED",
    "Scope",
    "Settings",
    "Treatment",
    "inherited_sockets",
    "is_loopback",
    "is_supervised",
    "load",
]

FILE_SUFFIX = "_FILE"
FLAG = "flag"  # as a source
SUPERVISED = {"LISTEN_FDS": "3", "LISTEN_FDNAMES": "listener:supervisor:block"}
"""The environment of a worker, beside the id of its process: the socket it serves, a channel, and shared memory."""
DEMANDS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "literal_error": "must be one of {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} characters",
    "value_error": "{error}",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the source that gave it."""

    value: Any = field(repr=False)
    source: str


def load(
    overrides: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = Path(".env"),
) -> Settings:
    """Read the settings: `overrides` (by attribute, None is not given) win over `environ`, that over `env_file`.

    Raises SettingsError with one line for each unknown name and bad value, all at once and without the values.
    """
    faults: list[str] = []
    warnings: list[str] = []
    found = _read(_env_file(env_file, faults), ".env file", faults, warnings)
    found |= _read(os.environ if environ is None else environ, "environment", faults, warnings)
    found |= {name: Found(value, FLAG) for name, value in (overrides or {}).items() if value is not None}
    settings = _validated(found, faults)
    if settings is None or faults:
        raise SettingsError(faults)
    if settings.redis_url and is_clear(settings.redis_url.get_secret_value()):
        warnings.append("CXF_REDIS_URL is not of this machine, and without TLS; better are rediss:// and unix://.")
    if "allowed_hosts" not in found and not settings.public_url and not is_loopback(settings.host):
        warnings.append(
            "CXF_HOST is beyond loopback, and by other names than localhost this service answers nobody: "
            "CXF_ALLOWED_HOSTS lists the names it is reached by."
        )
    settings._warnings = tuple(warnings)
    return settings


def _env_file(path: Path | None, faults: list[str]) -> dict[str, str]:
    """The names and values of a `.env` file. A `$` in a password starts no substitution; no file is no fault."""
    if path is None or not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError):
        faults.append(f"{path.name} cannot be read as UTF-8 text.")
        return {}
    for each in bindings:
        is_ours = each.key is not None and each.key.startswith(PREFIX)
        if each.error or (is_ours and each.value is None):
            faults.append(f"{path.name} line {each.original.line} must read NAME=value.")
    return {each.key: each.value for each in bindings if each.key is not None and each.value is not None}


def _read(named: Mapping[str, str], source: str, faults: list[str], warnings: list[str]) -> dict[str, Found]:
    """The settings that `named` holds, by attribute; the file that a secret's `…_FILE` names is read."""
    known = {spelled(name): name for name in NAMES}
    files = {spelled(name) + FILE_SUFFIX: name for name in SECRETS}
    ours = [name for name in sorted(named) if name.upper().startswith(PREFIX)]
    faults += [_unknown(name, source, [*known, *files]) for name in ours if name not in known and name not in files]
    found = {known[name]: Found(named[name], source) for name in ours if name in known}
    for name, attribute in files.items():
        if not named.get(name):
            continue
        if named.get(spelled(attribute)):
            faults.append(f"{name} ({source}) and {spelled(attribute)} are both set; give one of them.")
            continue
        try:
            secret, mode = _secret(Path(named[name]))
        except ValueError as error:
            faults.append(f"{name} ({source}) names a file that {error}.")
            continue
        found[attribute] = Found(secret, "file")
        if mode & stat.S_IROTH:
            warnings.append(f"{name} ({source}) names a file that others may read; its mode is better 0440 or 0400.")
    return found


def _unknown(name: str, source: str, known: Collection[str]) -> str:
    without_prefix = {each.removeprefix(PREFIX): each for each in known}
    nearest = difflib.get_close_matches(name.upper().removeprefix(PREFIX), without_prefix, n=1)
    hint = f"; did you mean {without_prefix[nearest[0]]}?" if nearest else "."
    return f"{name} ({source}) is not a setting{hint}"


def _secret(path: Path) -> tuple[str, int]:
    """The text of a file without its final line break, and its mode; others may not write it (FAULTS T08)."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read()
    except FileNotFoundError:
        raise ValueError("does not exist") from None
    except (OSError, ValueError):
        raise ValueError("cannot be read") from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError("others may write; its mode must be 0644 or stricter, better 0440 or 0400")
    try:
        secret = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        secret = None  # raised below, where no context keeps the content
    if not secret:
        raise ValueError("is empty" if secret == "" else "is not UTF-8 text")
    return secret, mode


def _validated(found: Mapping[str, Found], faults: list[str]) -> Settings | None:
    # Faults are noted, not raised from here: a ValidationError holds the values given, and `__context__` would hold it.
    try:
        settings = Settings(**{name: each.value for name, each in found.items()})
    except ValidationError as error:
        faults += {str(fault["loc"][0]): _line(fault, found) for fault in error.errors(include_url=False)}.values()
        return None
    settings._sources = {name: each.source for name, each in found.items()}
    return settings


def _line(fault: Any, found: Mapping[str, Found]) -> str:
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return _unknown(name, found[name].source, NAMES)
    limits = {limit: shown("", value) for limit, value in fault.get("ctx", {}).items()}
    demand = DEMANDS.get(fault["type"], "must have another form").format_map(limits)
    source = found[name].source
    place = f"--{name.replace('_', '-')}" if source == FLAG else source
    return f"{spelled(name)} ({place}) {demand}."


def inherited_sockets(environ: Mapping[str, str] | None = None, process_id: int | None = None) -> int:
    """The number of sockets that systemd handed over to this process, from descriptor 3 on (sd_listen_fds(3))."""
    named = os.environ if environ is None else environ
    meant_for, count = named.get("LISTEN_PID", ""), named.get("LISTEN_FDS", "")
    is_ours = meant_for.isascii() and meant_for.isdigit() and int(meant_for) == (process_id or os.getpid())
    return int(count) if is_ours and count.isascii() and count.isdigit() else 0


def is_supervised(environ: Mapping[str, str] | None = None, process_id: int | None = None) -> bool:
    """Whether this process is a worker of a supervisor, which handed it the sockets that SUPERVISED names."""
    named = os.environ if environ is None else environ
    return inherited_sockets(named, process_id) > 0 and all(named.get(name) == SUPERVISED[name] for name in SUPERVISED)
