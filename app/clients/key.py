"""A client key: what is kept of it, which is never the secret itself, and how secrets are made (INTERFACE §7)."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from string import ascii_letters, digits

PREFIX = "cxf_"
BASE62 = digits + ascii_letters
SECRET_LENGTH = 40  # of base62: 238 bits, where FAULTS T31 asks for 128
LEAST_SECRET_LENGTH = 32
LONGEST_LABEL = 40
_LABEL_CHARACTERS = frozenset(BASE62 + "-")


@dataclass(frozen=True, slots=True)
class ClientKey:
    """What is known of one key. `quota` is in requests a minute; None for no quota, and for a key that never ends."""

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
    """What is kept of a key. It is too long to be found by trying, so that one round of a fast hash is enough."""
    return sha256(secret).digest()


def is_label(text: str) -> bool:
    """Whether a key may be called so: letters, digits and `-`, so that `_` ends the label."""
    return 0 < len(text) <= LONGEST_LABEL and _LABEL_CHARACTERS.issuperset(text)


def holds_key(text: str) -> bool:
    """Whether something that looks like a whole key stands in a text."""
    for after in text.split(PREFIX)[1:]:
        label, _, rest = after.partition("_")
        if is_label(label) and len(rest) >= LEAST_SECRET_LENGTH and rest[:LEAST_SECRET_LENGTH].isalnum():
            return True
    return False
