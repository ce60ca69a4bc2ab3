"""A client key: how its secret is made, what is kept of it, and its members in the file of keys (INTERFACE §7)."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from string import ascii_letters, digits
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from app.settings import Scope
from app.settings.forms import Origin

PREFIX = "cxf_"
BASE62 = digits + ascii_letters
SECRET_LENGTH = 40  # of base62: 238 bits, where FAULTS T31 asks for 128
LEAST_SECRET_LENGTH = 32
LONGEST_LABEL = 40
RESERVED = ("anonymous", "none", "other")  # the labels of logs and metrics for clients without a key
SCOPES: tuple[str, ...] = get_args(Scope)
MOST_PER_MINUTE = 1_000_000
_LABEL = f"[A-Za-z0-9-]{{1,{LONGEST_LABEL}}}"
_KEY = re.compile(f"{PREFIX}{_LABEL}_[^\\W_]{{{LEAST_SECRET_LENGTH}}}")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_ORIGIN: TypeAdapter[str] = TypeAdapter(Origin)

Reader = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key without its secret. `quota` is in requests a minute; None for no quota, and for a key that never ends."""

    label: str
    digest: bytes  # SHA-256 of the key
    scopes: frozenset[str]
    origins: tuple[str, ...] = ()
    expires_at: datetime | None = None
    quota: int | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and now >= self.expires_at


def new_secret(label: str) -> str:
    """A key that nobody can guess; its label is fit for logs."""
    return f"{PREFIX}{label}_{''.join(secrets.choice(BASE62) for _ in range(SECRET_LENGTH))}"


def digest_of(secret: bytes) -> bytes:
    """The SHA-256 by which a key is known. A key is too long to be guessed: one round of a fast hash is enough."""
    return sha256(secret).digest()


def is_label(text: str) -> bool:
    """Whether a text is a label: letters, digits and `-`, so that `_` ends it within a key."""
    return re.fullmatch(_LABEL, text) is not None


def holds_key(text: str) -> bool:
    """Whether a text holds something that looks like a whole key."""
    return _KEY.search(text) is not None


def read_label(value: Any) -> str:
    """Raises ValueError that says what a label must be; the other readers do likewise."""
    if not isinstance(value, str) or not is_label(value) or value in RESERVED:
        raise ValueError(f"must be 1 to {LONGEST_LABEL} letters, digits or -, and none of {', '.join(RESERVED)}")
    return value


def _read_digest(value: Any) -> bytes:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError("must be 64 hexadecimal digits")
    return bytes.fromhex(value)


def read_scopes(value: Any) -> frozenset[str]:
    """A list of scopes, perhaps empty."""
    if not isinstance(value, list) or not all(isinstance(scope, str) and scope in SCOPES for scope in value):
        raise ValueError(f"must be a list of some of: {', '.join(SCOPES)}")
    return frozenset(value)


def read_origins(value: Any) -> tuple[str, ...]:
    """A list of web origins, as browsers send them."""
    try:
        known = dict.fromkeys(_ORIGIN.validate_python(origin, strict=True) for origin in value)
    except (ValidationError, TypeError):
        known = None  # raised below, where no context keeps the value
    if known is None or not isinstance(value, list):
        raise ValueError("must be a list of origins like https://app.example")
    return tuple(known)


def _read_expiry(value: Any) -> datetime | None:
    """A moment with its zone (RFC 3339), or null."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("must be a time like 2027-01-31T00:00:00Z, or null")
    return moment.astimezone(UTC)


def read_quota(value: Any) -> int | None:
    """Requests a minute, or null."""
    if value is not None and (type(value) is not int or not 1 <= value <= MOST_PER_MINUTE):
        raise ValueError(f"must be a whole number of requests a minute from 1 to {MOST_PER_MINUTE}, or null")
    return value


# Member, attribute, reader; the last three may be left out.
READERS: Mapping[str, tuple[str, Reader]] = {
    "label": ("label", read_label),
    "sha256": ("digest", _read_digest),
    "scopes": ("scopes", read_scopes),
    "origins": ("origins", read_origins),
    "expires_at": ("expires_at", _read_expiry),
    "quota": ("quota", read_quota),
}
NEEDED = ("label", "sha256", "scopes")


def key_of(members: Any, faults: list[str]) -> ClientKey | None:
    """The key that a JSON value describes; its faults are added to `faults`, without any value."""
    if not isinstance(members, dict):
        faults.append("must be an object")
        return None
    found = [f"lacks {name}" for name in NEEDED if name not in members]
    if unknown := members.keys() - READERS.keys():
        found.insert(0, f"has {len(unknown)} members that are not known here; it takes {', '.join(READERS)}")
    known: dict[str, Any] = {}
    for name in (name for name in members if name in READERS):
        attribute, read = READERS[name]
        try:
            known[attribute] = read(members[name])
        except ValueError as fault:
            found.append(f"{name} {fault}")
    faults += found
    return None if found else ClientKey(**known)


def written(key: ClientKey) -> dict[str, object]:
    """The members of a key, as the file has them."""
    return {"label": key.label, "sha256": key.digest.hex(), **described(key)}


def described(key: ClientKey) -> dict[str, object]:
    """The members of a key that may be shown beside its label."""
    ends = key.expires_at
    return {
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "origins": list(key.origins),
        "expires_at": ends.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if ends else None,
        "quota": key.quota,
    }
