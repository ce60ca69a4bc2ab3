"""The keys in force: found, read again when their file changes, and never lost to a bad file."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from app.clients.keys import LONGEST_KEY, ClientKeys
from app.errors import SettingsError
from tests.support.clock import HandClock
from tests.support.keys import given, write

ONE, OTHER = given("one", "read"), given("second", "read", "pii:read")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "keys.json", ONE, OTHER)


def known(keys: ClientKeys, clock: HandClock) -> set[str]:
    found = (keys.find(one.secret.encode(), clock.wall) for one in (ONE, OTHER))
    return {key.label for key in found if key}


def spoil(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "writable":
        path.chmod(0o666)
    else:
        path.unlink()


async def polled(clock: HandClock) -> None:
    """Let the watch look once more."""
    await clock.asleep()
    clock.advance(1)
    await clock.asleep()


def test_a_key_is_found_by_all_of_it_alone(path: Path, clock: HandClock) -> None:
    keys, secret = ClientKeys(path), ONE.secret.encode()
    assert keys.find(secret, clock.wall) == ONE.key
    for wrong in (b"", secret[:-1], secret + b"0", secret.upper(), b" " + secret, ONE.key.digest, b"\xff" * 40):
        assert keys.find(wrong, clock.wall) is None


def test_without_a_file_no_key_is_known(clock: HandClock) -> None:
    keys = ClientKeys(None)
    assert known(keys, clock) == set()
    keys.reread()


@pytest.mark.threat("T31")
@drawn(st.binary(max_size=3 * LONGEST_KEY))
def test_no_bytes_are_worse_than_a_wrong_key(presented: bytes) -> None:
    keys = ClientKeys(None)
    keys._use([ONE.key])
    assert keys.find(presented, HandClock().wall) is None


def test_an_expired_key_is_not_found(tmp_path: Path, clock: HandClock) -> None:
    short = given("short", "read", expires_at=clock.wall + timedelta(seconds=1))
    keys = ClientKeys(write(tmp_path / "keys.json", short))
    assert keys.find(short.secret.encode(), clock.wall) == short.key
    clock.advance(1)
    assert keys.find(short.secret.encode(), clock.wall) is None


async def test_a_changed_file_is_in_force_within_a_second(
    path: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cxfacade.keys")
    changes: list[None] = []
    keys = ClientKeys(path, lambda: changes.append(None))
    watching = asyncio.create_task(keys.watch(clock.clock))
    await polled(clock)
    assert (changes, caplog.messages) == ([], [])
    write(path, OTHER)
    await polled(clock)
    await polled(clock)
    assert known(keys, clock) == {"second"}
    assert len(changes) == 1
    assert caplog.messages == ["The client keys were read again; 1 are known."]
    watching.cancel()


@pytest.mark.threat("T67")
@pytest.mark.parametrize("how", ["cut", "writable", "gone"])
async def test_a_bad_file_leaves_the_old_keys_and_says_so_once(
    how: str, path: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    changes: list[None] = []
    keys = ClientKeys(path, lambda: changes.append(None))
    watching = asyncio.create_task(keys.watch(clock.clock))
    spoil(path, how)
    for _ in range(5):
        await polled(clock)
    assert known(keys, clock) == {"one", "second"}
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith("The client keys stay as they were: CXF_CLIENT_KEYS_FILE")
    assert changes == []
    write(path, ONE)
    await polled(clock)
    assert known(keys, clock) == {"one"}
    watching.cancel()


def test_a_key_is_in_force_until_it_is_revoked_or_changed(path: Path, clock: HandClock) -> None:
    keys = ClientKeys(path)
    one, other = (keys.find(each.secret.encode(), clock.wall) for each in (ONE, OTHER))
    assert one
    assert other
    write(path, ONE, given("second", "read"))
    keys.reread()
    assert keys.is_in_force(one)
    assert not keys.is_in_force(other)
    write(path)
    keys.reread()
    assert not keys.is_in_force(one)


def test_a_bad_file_is_told_to_whoever_asks_for_it_to_be_read(path: Path, clock: HandClock) -> None:
    keys = ClientKeys(path)
    path.write_bytes(b"{")
    with pytest.raises(SettingsError):
        keys.reread()
    assert known(keys, clock) == {"one", "second"}
    with pytest.raises(SettingsError):
        ClientKeys(path)


def test_the_origins_of_all_keys_are_known(tmp_path: Path) -> None:
    path = write(tmp_path / "keys.json", given("a", origins=("https://a.example",)), given("b"))
    keys = ClientKeys(path)
    assert keys.origins == {b"https://a.example"}
    write(path, given("b"))
    keys.reread()
    assert keys.origins == set()
