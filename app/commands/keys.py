"""`cxfacade keys`: make, show and revoke client keys. A key is shown once; the file holds only its hash."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.clients import file
from app.clients.key import (
    SCOPES,
    ClientKey,
    Reader,
    described,
    digest_of,
    new_secret,
    read_label,
    read_origins,
    read_quota,
    read_scopes,
)
from app.clock import SYSTEM_CLOCK
from app.errors import SettingsError
from app.observe.streams import say
from app.settings import load


def new(
    overrides: Mapping[str, object],
    label: str,
    *,
    scopes: Sequence[str],
    origins: Sequence[str],
    expires: str | None,
    quota: int | None,
    as_json: bool,
) -> None:
    """Make a key, write its hash and print the key. Raises SettingsError with every fault of the flags at once."""
    path, secret = _path(overrides), new_secret(label)
    checked = _checked(
        label=("the label", read_label, label),
        scopes=("--scope", _of_commas(read_scopes, f"one of: {', '.join(SCOPES)}"), scopes),
        origins=("--origin", _of_commas(read_origins, "an origin like https://app.example"), origins),
        expires_at=("--expires", _expiry, expires),
        quota=("--quota", read_quota, quota),
    )
    key = ClientKey(digest=digest_of(secret.encode()), **checked)
    with file.changing(path) as keys:
        if any(one.label == label for one in keys):
            raise SettingsError([f"There is a key called {label} already; choose another label, or revoke it first."])
        keys.append(key)
    if as_json:
        say(json.dumps({"key": secret, "label": label, **described(key)}) + "\n")
    else:
        say(f"{secret}\n\nThis is shown once; only its hash is kept.\n{_table([key])}")


def show(overrides: Mapping[str, object], *, as_json: bool) -> None:
    """Print the label and the rights of every key, never the key. Raises SettingsError."""
    keys, now = file.read(_path(overrides)), SYSTEM_CLOCK.wall()
    if as_json:
        rows = [{"label": key.label, **described(key), "expired": key.is_over(now)} for key in keys]
        say(json.dumps({"keys": rows}) + "\n")
    else:
        say(_table(keys, now) if keys else "There are no keys; `cxfacade keys new <label>` makes one.\n")


def revoke(overrides: Mapping[str, object], label: str, *, as_json: bool) -> None:
    """Take a key out of the file; a running service stops taking it within seconds. Raises SettingsError."""
    path = _path(overrides)
    file.read(path)
    with file.changing(path) as keys:
        kept = [one for one in keys if one.label != label]
        if len(kept) == len(keys):
            raise SettingsError(["No key has this label; `cxfacade keys list` shows those there are."])
        keys[:] = kept
    say(json.dumps({"revoked": label}) + "\n" if as_json else f"The key {label} is revoked.\n")


def _path(overrides: Mapping[str, object]) -> Path:
    path = load(overrides).client_keys_file
    if path is None:
        raise SettingsError([f"{file.SETTING} is not set; name the file there, or with --client-keys-file."])
    return path


def _checked(**given: tuple[str, Reader, object]) -> dict[str, Any]:
    """The values that the readers make of the flags. Raises SettingsError."""
    faults: list[str] = []
    checked: dict[str, Any] = {}
    for attribute, (name, read, value) in given.items():
        try:
            checked[attribute] = read(value)
        except ValueError as fault:
            faults.append(f"{name} {fault}.")
    if faults:
        raise SettingsError(faults)
    return checked


def _of_commas(read: Reader, must: str) -> Reader:
    """A reader of comma lists, each member as `read` takes it."""

    def reader(given: Sequence[str]) -> Any:
        try:
            return read([member.strip() for members in given for member in members.split(",")])
        except ValueError:
            raise ValueError(f"must be {must}; for more, commas between") from None

    return reader


def _expiry(text: str | None) -> datetime | None:
    """A moment from `90d`, a date, or a time with its zone; it has to lie ahead."""
    if text is None:
        return None
    now, days = SYSTEM_CLOCK.wall(), text.removesuffix("d")
    moment: datetime | None = None
    with suppress(ValueError, OverflowError):
        if text.endswith("d") and days.isascii() and days.isdecimal():
            moment = now + timedelta(days=int(days))
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if "T" in text else moment.replace(tzinfo=UTC)  # a date is its midnight in UTC
    if moment is None or moment.tzinfo is None:
        raise ValueError("must be like 90d, 2027-01-31 or 2027-01-31T00:00:00Z")
    if moment <= now:
        raise ValueError("must lie ahead")
    return moment.astimezone(UTC)


def _table(keys: Sequence[ClientKey], now: datetime | None = None) -> str:
    """A table of the keys, each column as wide as its widest cell."""
    rows = [("label", "scopes", "expires", "quota", "origins")]
    for key in keys:
        scopes = ",".join(scope for scope in SCOPES if scope in key.scopes) or "none"
        over = " (over)" if now and key.is_over(now) else ""
        quota = f"{key.quota}/min" if key.quota else "none"
        ends = described(key)["expires_at"] or "never"
        rows.append((key.label, scopes, f"{ends}{over}", quota, ",".join(key.origins) or "none"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join("  ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in rows)
