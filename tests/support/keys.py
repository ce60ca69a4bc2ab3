"""Client keys for tests: invented, written to a file as `cxfacade keys new` would, and sent as clients do."""

import json
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from app.clients.key import ClientKey, digest_of, written


class Given(NamedTuple):
    """A key as its client has it, and as the file knows it."""

    secret: str
    key: ClientKey

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secret}"}

    @property
    def field(self) -> tuple[bytes, bytes]:
        """The same as an ASGI header."""
        return b"authorization", f"Bearer {self.secret}".encode()


def given(
    label: str,
    *scopes: str,
    origins: tuple[str, ...] = (),
    expires_at: datetime | None = None,
    quota: int | None = None,
    last: str = "0",
) -> Given:
    """The key of this label, the same each time; one that ends otherwise is another key."""
    secret = f"cxf_{label}_{'invented'.ljust(39, '0')}{last}"
    return Given(secret, ClientKey(label, digest_of(secret.encode()), frozenset(scopes), origins, expires_at, quota))


def write(path: Path, *keys: Given) -> Path:
    """A file of these keys, in place of what was there."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": [written(one.key) for one in keys]}), encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)
    return path
