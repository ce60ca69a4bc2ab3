"""What the file says of a key, member by member: how each is read, and how it is written."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from app.clients.key import LONGEST_LABEL, ClientKey, is_label
from app.settings import Scope
from app.settings.forms import Origin

SCOPES: tuple[str, ...] = get_args(Scope)
MOST_PER_MINUTE = 1_000_000
RESERVED = ("anonymous", "none", "other")  # what logs and metrics call those without a key
_DIGEST_DIGITS = 64
_ORIGIN: TypeAdapter[str] = TypeAdapter(Origin)

Reader = Callable[[Any], Any]


def label(value: Any) -> str:
    """Raises ValueError with what it must be, as all readers here."""
    if not isinstance(value, str) or not is_label(value) or value in RESERVED:
        raise ValueError(f"must be 1 to {LONGEST_LABEL} letters, digits or -, and none of {', '.join(RESERVED)}")
    return value


def _digest(value: Any) -> bytes:
    text = value if isinstance(value, str) and value.isascii() and value.isalnum() else ""
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(text) != _DIGEST_DIGITS or not digest:
        raise ValueError(f"must be {_DIGEST_DIGITS} hexadecimal digits")
    return digest


def scopes(value: Any) -> frozenset[str]:
    """A list of scopes, perhaps empty."""
    if not isinstance(value, list) or not all(isinstance(one, str) and one in SCOPES for one in value):
        raise ValueError(f"must be a list of some of: {', '.join(SCOPES)}")
    return frozenset(value)


def origins(value: Any) -> tuple[str, ...]:
    """A list of web origins, as browsers send them."""
    try:
        known = dict.fromkeys(_ORIGIN.validate_python(one, strict=True) for one in value)
    except (ValidationError, TypeError):
        known = None  # raised below, where no context keeps what was given
    if known is None or not isinstance(value, list):
        raise ValueError("must be a list of origins like https://app.example")
    return tuple(known)


def expiry(value: Any) -> datetime | None:
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


def quota(value: Any) -> int | None:
    """Requests a minute, or null."""
    if value is not None and (type(value) is not int or not 1 <= value <= MOST_PER_MINUTE):
        raise ValueError(f"must be a whole number of requests a minute from 1 to {MOST_PER_MINUTE}, or null")
    return value


# Member, attribute, reader; the last three may be left out.
READERS: Mapping[str, tuple[str, Reader]] = {
    "label": ("label", label),
    "sha256": ("digest", _digest),
    "scopes": ("scopes", scopes),
    "origins": ("origins", origins),
    "expires_at": ("expires_at", expiry),
    "quota": ("quota", quota),
}
NEEDED = ("label", "sha256", "scopes")


def key_of(members: Any, faults: list[str]) -> ClientKey | None:
    """The key that a JSON value describes; what is wrong is added to `faults`, without any value."""
    if not isinstance(members, dict):
        faults.append("must be an object")
        return None
    found = list(_faults(members))
    faults += found
    known = {READERS[name][0]: READERS[name][1](value) for name, value in members.items()} if not found else {}
    return ClientKey(**known) if not found else None


def _faults(members: Mapping[str, Any]) -> Iterator[str]:
    if unknown := [name for name in members if name not in READERS]:
        yield f"has {len(unknown)} members that are not known here; it takes {', '.join(READERS)}"
    for name in NEEDED:
        if name not in members:
            yield f"lacks {name}"
    for name, value in members.items():
        if name in READERS:
            try:
                READERS[name][1](value)
            except ValueError as fault:
                yield f"{name} {fault}"


def written(key: ClientKey) -> dict[str, object]:
    """The members of a key, as the file has them."""
    return {"label": key.label, "sha256": key.digest.hex(), **described(key)}


def described(key: ClientKey) -> dict[str, object]:
    """What may be shown of a key beside its label."""
    return {
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "origins": list(key.origins),
        "expires_at": shown_time(key.expires_at),
        "quota": key.quota,
    }


def shown_time(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
