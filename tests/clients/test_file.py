"""The file of keys, who may write it, and that it is written whole; the keys in force, never lost to a bad file."""

import asyncio
import json
import logging
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from app.clients import file
from app.clients.file import LONGEST_KEY, ClientKeys
from app.clients.key import ClientKey
from app.errors import SettingsError
from tests.support.clock import HandClock
from tests.support.keys import given, write

ONE, OTHER = given("one", "read"), given("second", "read", "pii:read")
CANARY = "invented-canary-9b1d"
GOOD = {"label": "grafana", "sha256": "0f" * 32, "scopes": ["read"]}
WHOLE = {
    **GOOD,
    "origins": ["https://app.example", "http://localhost:3000"],
    "expires_at": "2027-01-31T00:00:00+01:00",
    "quota": 600,
}


def content(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def faults(path: Path) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        file.read(path)
    assert CANARY not in "".join(refused.value.faults)
    return refused.value.faults


def stored(folder: Path, text: bytes, mode: int = 0o600) -> Path:
    path = folder / "keys.json"
    path.write_bytes(text)
    path.chmod(mode)
    return path


def test_a_key_may_say_little_or_all() -> None:
    little, all_of_it = file.parsed(content(GOOD, {**WHOLE, "label": "b", "sha256": "0F" * 31 + "00"}))
    assert little == ClientKey("grafana", b"\x0f" * 32, frozenset({"read"}))
    assert all_of_it.origins == ("https://app.example", "http://localhost:3000")
    assert all_of_it.expires_at == datetime(2027, 1, 30, 23, tzinfo=UTC)
    assert all_of_it.quota == 600


def test_no_keys_are_a_list_too() -> None:
    assert file.parsed(content()) == ()


# What one member may not be.
BAD: list[tuple[str, Any]] = [
    ("label", ""),
    ("label", CANARY + "_"),
    ("label", 7),
    ("label", "anonymous"),
    ("sha256", "0f" * 31),
    ("sha256", "zz" * 32),
    ("sha256", " " * 64),
    ("sha256", None),
    ("scopes", "read"),
    ("scopes", [CANARY]),
    ("scopes", [["read"]]),
    ("scopes", None),
    ("origins", ["*"]),
    ("origins", ["null"]),
    ("origins", ["https://*.example"]),
    ("origins", ["https://app.example/path"]),
    ("origins", "https://app.example"),
    ("origins", None),
    ("origins", {"https://app.example": 1}),
    ("origins", [7]),
    ("expires_at", "2027-01-31"),
    ("expires_at", "2027-01-31T00:00:00"),
    ("expires_at", CANARY),
    ("expires_at", 1_800_000_000),
    ("quota", 0),
    ("quota", -1),
    ("quota", 1.5),
    ("quota", True),
    ("quota", "600"),
    ("quota", 10**9),
    (CANARY, 1),
]


@pytest.mark.threat("T67")
@pytest.mark.parametrize(("member", "value"), BAD, ids=lambda one: ascii(one)[:30])
def test_a_bad_member_is_refused_by_place_and_name_without_its_value(member: str, value: Any, tmp_path: Path) -> None:
    (fault,) = faults(stored(tmp_path, content(GOOD, {**WHOLE, "label": "b", "sha256": "1f" * 32, member: value})))
    assert fault.startswith("CXF_CLIENT_KEYS_FILE: key 2 ")
    assert member == CANARY or member in fault


@pytest.mark.parametrize("member", ["label", "sha256", "scopes"])
def test_what_is_missing_is_named(member: str, tmp_path: Path) -> None:
    key = {name: value for name, value in GOOD.items() if name != member}
    assert faults(stored(tmp_path, content(key))) == (f"CXF_CLIENT_KEYS_FILE: key 1 lacks {member}.",)


def test_all_faults_are_told_at_once_and_not_too_many(tmp_path: Path) -> None:
    assert len(faults(stored(tmp_path, content({"label": "", "sha256": "", "scopes": ""})))) == 3
    assert len(faults(stored(tmp_path, content(*[{}] * 100)))) == file.LONGEST_LIST


def test_two_keys_of_one_label_or_one_hash_are_refused(tmp_path: Path) -> None:
    assert len(faults(stored(tmp_path, content(GOOD, GOOD)))) == 2


@pytest.mark.threat("T67")
@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b'{"keys": {}}', b'{"keys": [], "more": 1}', b"\xff", b"keys = []", b"[" * 100_000, b"{"],
)
def test_what_is_no_list_of_keys_is_refused_in_one_line(text: bytes, tmp_path: Path) -> None:
    (fault,) = faults(stored(tmp_path, text))
    assert "is not JSON of the form" in fault


@drawn(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_nothing_in_a_file_is_worse_than_a_fault(text: bytes) -> None:
    with pytest.raises((SettingsError, ValueError)):
        file.parsed(text)


@pytest.mark.threat("T67")
@pytest.mark.parametrize(("mode", "told"), [(0o620, "others may write"), (0o602, "others may write")])
def test_a_file_that_others_may_write_lets_nobody_in(mode: int, told: str, tmp_path: Path) -> None:
    assert told in faults(stored(tmp_path, content(GOOD), mode))[0]
    assert file.read(stored(tmp_path, content(GOOD), 0o644))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "does not exist; `cxfacade keys new` makes it" in faults(tmp_path / "missing")[0]
    assert "cannot be read" in faults(tmp_path)[0]
    assert "is no plain file" in faults(Path(os.devnull))[0]
    (tmp_path / "keys.json").write_bytes(b" " * (file.LARGEST_FILE + 1))
    assert "larger than 4 MiB" in faults(tmp_path / "keys.json")[0]


def test_what_is_written_is_read_again(tmp_path: Path, clock: Any) -> None:
    keys = given("a", "read", "pii:read"), given("b", origins=("https://x.example",), expires_at=clock.wall, quota=3)
    assert file.read(write(tmp_path / "keys.json", *keys)) == tuple(one.key for one in keys)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with file.changing(path) as keys:
        keys.append(given("a", "read").key)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.label for one in file.read(path)] == ["a"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "keys.json", given("a", "read"))
    before = path.read_bytes()

    def fail() -> None:
        with file.changing(path) as keys:
            keys.clear()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_bad_file_is_not_written_over(tmp_path: Path) -> None:
    path = stored(tmp_path, b"{")
    with pytest.raises(SettingsError), file.changing(path):
        pytest.fail("reached")
    assert path.read_bytes() == b"{"


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    real = write(tmp_path / "real.json", given("a", "read"))
    link = tmp_path / "keys.json"
    link.symlink_to(real)
    with file.changing(link) as keys:
        keys.append(given("b", "read").key)
    assert link.is_symlink()
    assert [one.label for one in file.read(real)] == ["a", "b"]


def test_those_who_change_it_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    def add(number: int) -> None:
        with file.changing(path) as keys:
            keys.append(given(f"k{number}", "read").key)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.label for one in file.read(path)} == {f"k{number}" for number in range(8)}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="folder"), file.changing(tmp_path / "no" / "keys.json"):
        pytest.fail("reached")


@pytest.mark.parametrize("change", ["replaced", "mode", "gone"])
def test_every_change_can_be_seen_from_outside(change: str, tmp_path: Path) -> None:
    path = write(tmp_path / "keys.json", given("a", "read"))
    before = file.signature(path)
    assert before == file.signature(path)
    if change == "replaced":
        write(path, given("a", "read"))
    elif change == "mode":
        path.chmod(0o400)
    else:
        path.unlink()
    assert file.signature(path) != before


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
