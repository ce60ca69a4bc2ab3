"""The client keys in force: found by their SHA-256, read again when their file changes."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from app.clients.file import Signature, read, signature
from app.clients.key import ClientKey, digest_of
from app.clock import Clock
from app.errors import SettingsError
from app.observe.lines import KEYS_READ, KEYS_REFUSED

LONGEST_KEY = 256  # bytes; a longer text is none
POLL_SECONDS = 1.0

logger = logging.getLogger("cxfacade.keys")


class ClientKeys:
    """The keys of a file. `changed` is called whenever other keys are in force than before.

    Raises SettingsError where the file cannot be used; later, a bad file leaves the keys that were in force.
    """

    def __init__(self, path: Path | None, changed: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._changed = changed
        self._seen: Signature | None = signature(path) if path else None
        self._use(read(path) if path else ())

    def find(self, presented: bytes, now: datetime) -> ClientKey | None:
        """The key in force that is `presented`. A lookup by the hash of it tells nothing of the key (FAULTS T31)."""
        key = self._keys.get(digest_of(presented)) if len(presented) <= LONGEST_KEY else None
        return key if key is not None and not key.is_over(now) else None

    def is_in_force(self, key: ClientKey) -> bool:
        """Whether the key has not been revoked or changed since it was found."""
        return self._keys.get(key.digest) is key

    def reread(self) -> None:
        """Have the keys of the file in force from now on. Raises SettingsError, and then all stays as it was."""
        if self._path is None:
            return
        self._seen = signature(self._path)
        keys = read(self._path)
        before = self._keys
        self._use([before[key.digest] if before.get(key.digest) == key else key for key in keys])
        self._changed()
        logger.info(KEYS_READ, len(keys))

    def _use(self, keys: Sequence[ClientKey]) -> None:
        self._keys = {key.digest: key for key in keys}
        self.origins = frozenset(origin.encode() for key in keys for origin in key.origins)

    async def watch(self, clock: Clock) -> None:
        """Read the file again whenever it has changed, for ever; of one that is bad, say so in one line."""
        while self._path is not None:
            await clock.sleep(POLL_SECONDS)
            if signature(self._path) == self._seen:
                continue
            try:
                self.reread()
            except SettingsError as error:
                logger.error(KEYS_REFUSED, " ".join(error.faults))
