"""The file of client keys, and the keys in force: found by their SHA-256, read again when the file changes.

The file reads `{"keys": [{"label", "sha256", "scopes", "origins", "expires_at", "quota"}, …]}`. It holds no secret, but
nobody except its owner may write it: whoever may, lets in whom he likes.
"""

import fcntl
import json
import logging
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from app.clients.key import ClientKey, digest_of, key_of, written
from app.clock import Clock
from app.errors import SettingsError
from app.observe.lines import KEYS_READ, KEYS_REFUSED

SETTING = "CXF_CLIENT_KEYS_FILE"
LARGEST_FILE = 4 * 1024 * 1024  # bytes
LONGEST_LIST = 20  # faults that are told at once
LONGEST_KEY = 256  # bytes; a longer text is none
POLL_SECONDS = 1.0

logger = logging.getLogger("cxfacade.keys")

Signature = tuple[int, ...]


def signature(path: Path) -> Signature | None:
    """Numbers that differ once the file, its owner or its mode has been changed; None where there is no file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read(path: Path) -> tuple[ClientKey, ...]:
    """The keys of the file. Raises SettingsError with one line for each fault, and none of its values."""
    try:
        return parsed(content_of(path, "; `cxfacade keys new` makes it"))
    except ValueError as fault:
        raise unusable(SETTING, path, fault) from None


def parsed(content: bytes) -> tuple[ClientKey, ...]:
    """The keys in the text of a file. Raises SettingsError, or ValueError where it is no list of keys at all."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        whole = None  # raised below, where no context keeps the content
    listed = whole.get("keys") if isinstance(whole, dict) and len(whole) == 1 else None
    if not isinstance(listed, list):
        raise ValueError('is not JSON of the form {"keys": [ … ]}')
    faults: list[str] = []
    keys: list[ClientKey] = []
    for place, members in enumerate(listed, 1):
        found: list[str] = []
        if key := key_of(members, found):
            keys.append(key)
        faults += [f"{SETTING}: key {place} {fault}." for fault in found]
    labels, digests = Counter(key.label for key in keys), {key.digest for key in keys}
    faults += [f"{SETTING}: the label {label} is there {count} times." for label, count in labels.items() if count > 1]
    if len(digests) < len(keys):
        faults.append(f"{SETTING}: two keys have the same sha256.")
    if faults:
        raise SettingsError(faults[:LONGEST_LIST])
    return tuple(keys)


def unusable(setting: str, path: Path, fault: ValueError) -> SettingsError:
    """The error of a setting whose file cannot be used, with the path as it is looked for."""
    return SettingsError([f"{setting} names a file that {fault}. It is looked for at {path.absolute()}."])


def content_of(path: Path, remedy: str = "") -> bytes:
    """The content of a file that others may not write.

    Raises ValueError, whose words follow "names a file that"; `remedy` is what to do where there is none.
    """
    try:
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            content = stream.read(LARGEST_FILE + 1) if stat.S_ISREG(found.st_mode) else b""
    except FileNotFoundError:
        raise ValueError(f"does not exist{remedy}") from None
    except (OSError, ValueError):
        raise ValueError("cannot be read") from None
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("is no plain file")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError("others may write; its mode must be 0644 or stricter")
    if len(content) > LARGEST_FILE:
        raise ValueError("is larger than 4 MiB")
    return content


@contextmanager
def changing(path: Path) -> Iterator[list[ClientKey]]:
    """The keys of the file as a list to change, written back at the end of the block; empty without a file.

    A lock keeps two processes from changing it at the same time. Raises SettingsError.
    """
    path = path.resolve()
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        raise SettingsError([f"{SETTING} names a file in a folder that cannot be opened."]) from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = list(read(path)) if path.exists() else []
        yield keys
        _replace(path, keys)
        os.fsync(folder)
    except OSError:
        raise SettingsError([f"{SETTING} names a file that cannot be written."]) from None
    finally:
        os.close(folder)


def _replace(path: Path, keys: Sequence[ClientKey]) -> None:
    """Replace the file whole or not at all; with mode 0600, and of the same owner."""
    text = json.dumps({"keys": [written(key) for key in keys]}, indent=2) + "\n"
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # of mode 0600
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123 - it is open already
            if path.exists():
                before = path.stat()
                os.fchown(descriptor, before.st_uid, before.st_gid)
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


class ClientKeys:
    """The keys in force. `changed` is called whenever they are others than before.

    Raises SettingsError where the file cannot be used; later, a bad file leaves the keys that were in force.
    """

    def __init__(self, path: Path | None, changed: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._changed = changed
        self._seen: Signature | None = signature(path) if path else None
        self._use(read(path) if path else ())

    def find(self, presented: bytes, now: datetime) -> ClientKey | None:
        """The key in force that was presented; how long a lookup by hash takes tells nothing of it (FAULTS T31)."""
        key = self._keys.get(digest_of(presented)) if len(presented) <= LONGEST_KEY else None
        return key if key is not None and not key.is_over(now) else None

    def is_in_force(self, key: ClientKey) -> bool:
        """Whether the key has not been revoked or changed since it was found."""
        return self._keys.get(key.digest) is key

    def reread(self) -> None:
        """Put the keys of the file in force. Raises SettingsError, and then leaves all as it was."""
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
        """Read the file again whenever it has changed, for ever; a bad file is told in one log line."""
        while self._path is not None:
            await clock.sleep(POLL_SECONDS)
            if signature(self._path) == self._seen:
                continue
            try:
                self.reread()
            except SettingsError as error:
                logger.error(KEYS_REFUSED, " ".join(error.faults))
