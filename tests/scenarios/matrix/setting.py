"""How façades of the matrix stand, and what they are asked."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.upstream.access import DEFAULTS, Limits

FRESH, REVALIDATE, STALE, WAIT = 15, 30, 1000, 10  # seconds
ITEM = str(UUID(int=0x1D))
PATHS = {"list": "/interactions", "item": f"/interactions/{ITEM}"}
CERTIFICATES = ("good", "self-signed", "wrong name", "expired", "of an unknown authority")
VALUE, OTHER_VALUE = "matrix", "other"


@dataclass(frozen=True, slots=True)
class Setting:
    """How the façade of a row stands: its credentials, the resource asked for, upstream's name, slots and limits.

    `warm`: something was asked before, so that a token is known and a connection kept.
    """

    auth: Literal["basic", "token"] = "basic"
    path: Literal["list", "item"] = "list"
    host: str = "127.0.0.1"
    slots: int = 8
    limits: Limits = DEFAULTS
    warm: bool = False
    tls: bool = False
