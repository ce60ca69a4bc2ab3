"""How façades of the matrix stand, and what they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.upstream.access import DEFAULTS, Limits

FRESH, REVALIDATE, STALE, WAIT = 15, 30, 1000, 10  # seconds
ITEM = str(UUID(int=0x1D))
VALUE, OTHER_VALUE = "matrix", "other"
Path = Literal["list", "item", "summary"]
ASKED: Mapping[Path, tuple[str, tuple[tuple[str, str], ...]]] = {
    "list": ("/interactions", (("limit", "2"), ("fields", "interaction_id,flow_name,direction"))),
    "item": (f"/interactions/{ITEM}", ()),
    "summary": ("/interactions/summary", (("by", "flow_name"), ("measures", "count,sum:hold_count"))),
}
"""The path of each resource, and what is asked of it."""

CERTIFICATES = ("good", "self-signed", "wrong name", "expired", "of an unknown authority")


@dataclass(frozen=True, slots=True)
class Setting:
    """How the façade of a row stands: its credentials, the resource asked for, upstream's name, slots and limits.

    `warm`: something was asked before, so that a token is known and a connection kept.
    """

    auth: Literal["basic", "token"] = "basic"
    path: Path = "list"
    host: str = "127.0.0.1"
    slots: int = 8
    limits: Limits = DEFAULTS
    warm: bool = False
    tls: bool = False
