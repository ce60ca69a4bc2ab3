"""The file of client keys: `{"keys": [{"label", "sha256", "scopes", "origins", "expires_at", "quota"}, …]}`.

It holds no secret, but whoever may write it lets in whom he likes: nobody but its owner may.
"""

import fcntl
import json
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from app.clients.key import ClientKey
from app.clients.members import key_of, written
from app.errors import SettingsError

SETTING = "CXF_CLIENT_KEYS_FILE"
LARGEST_FILE = 4 * 1024 * 1024  # bytes
LONGEST_LIST = 20  # faults that are told at once

Signature = tuple[int, ...]


def signature(path: Path) -> Signature | None:
    """What differs once the file, its owner or its mode has been changed; None where there is no file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read(path: Path) -> tuple[ClientKey, ...]:
    """All keys of the file. Raises SettingsError with one line for each fault, and none of its values."""
    try:
        return parsed(_content(path))
    except ValueError as fault:
        raise SettingsError([f"{SETTING} names a file that {fault}."]) from None


def parsed(content: bytes) -> tuple[ClientKey, ...]:
    """The keys in the text of such a file. Raises SettingsError, or ValueError where it is no list of keys at all."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        whole = None  # raised below, where no context keeps the content
    listed = whole.get("keys") if isinstance(whole, dict) and len(whole) == 1 else None
    if not isinstance(listed, list):
        raise ValueError('is not JSON of the form {"keys": [ … ]}')
    faults: list[str] = []
    keys = [key for place, members in enumerate(listed, 1) if (key := _key(place, members, faults))]
    faults += _twice(keys)
    if faults:
        raise SettingsError(faults[:LONGEST_LIST])
    return tuple(keys)


def _key(place: int, members: Any, faults: list[str]) -> ClientKey | None:
    found: list[str] = []
    key = key_of(members, found)
    faults += [f"{SETTING}: key {place} {fault}." for fault in found]
    return key


def _twice(keys: Sequence[ClientKey]) -> list[str]:
    labels, digests = Counter(key.label for key in keys), Counter(key.digest for key in keys)
    faults = [f"{SETTING}: the label {label} is there {count} times." for label, count in labels.items() if count > 1]
    if any(count > 1 for count in digests.values()):
        faults.append(f"{SETTING}: two keys have the same sha256.")
    return faults


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            content = stream.read(LARGEST_FILE + 1) if stat.S_ISREG(found.st_mode) else b""
    except FileNotFoundError:
        raise ValueError("does not exist; `cxfacade keys new` makes it") from None
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
    """The keys of the file as a list to change, written back at the end; none where there is no file yet.

    Two who change it at the same time wait for one another. Raises SettingsError.
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
    """Whole or not at all, whatever happens meanwhile; mode 0600, and whose it was before."""
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
