"""Keys of the shared tier: those of one tenant are on one node of a cluster, and tell nothing of what lies there."""

from typing import Literal, NamedTuple

from app.cache.keys import Part, digest

TENANT_CHARACTERS = 16

Kind = Literal["catalogue", "partition", "lease", "fence", "epoch", "probe", "quota"]


class Keys:
    """The keys of one tenant, which `parts` describe."""

    def __init__(self, *parts: Part) -> None:
        tenant = digest("tenant", *parts).hex()[:TENANT_CHARACTERS]
        self._prefix = f"cxf:{{{tenant}}}:"  # between braces stands what decides the node

    def key(self, kind: Kind, *parts: Part) -> bytes:
        """The key of a value of this kind; `parts` tell it from others."""
        name = f"{kind}:{digest(*parts).hex()}" if parts else kind
        return f"{self._prefix}{name}".encode()


class Lease(NamedTuple):
    """The right to read for all, held as long as its `token` lies at its `key`.

    Each attempt has a token of its own; a later lease of the key has a higher `fence`.
    """

    key: bytes
    token: bytes
    fence: int
