"""Frames: written and read again; whatever else lies there is a miss, and counted by its kind."""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from secrets import token_bytes

import pytest
import zstandard

from app.tier import frame
from app.tier.frame import AHEAD_SECONDS, INCARNATION_BYTES, MOST_BODY_BYTES, MOST_BYTES, Epoch, Frames
from tests.support.clock import HandClock

KEY, BODY = b"cxf:{tenant}:partition:1", b"rows " * 100
EPOCH = Epoch(b"8 bytes.", 7)
SECRET, OTHER = b"an invented secret of the tier", b"another invented secret"
KEPT_SECONDS = 3_600.0
HEAD_BYTES, SIGNATURE_BYTES = 42, 32


class Reader:
    """Frames on a hand-cranked clock, and what they refused."""

    def __init__(self, *secrets: bytes) -> None:
        self.time = HandClock()
        self.refused: list[str] = []
        self.frames = Frames(secrets or (SECRET,), KEPT_SECONDS, self.time.clock.wall, self.refused.append)


def test_a_frame_is_read_as_it_was_written() -> None:
    reader = Reader()
    value = reader.frames.seal(KEY, BODY, EPOCH, fence=3)
    assert reader.frames.open(KEY, value) == (BODY, EPOCH, 3, reader.time.wall)
    assert len(value) < len(BODY)
    assert reader.refused == []


def test_a_frame_is_laid_out_as_its_module_says() -> None:
    reader = Reader()
    value = reader.frames.seal(KEY, BODY, EPOCH)
    created = (reader.time.wall - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    numbers = b"".join(number.to_bytes(8) for number in (EPOCH.sequence, 0, created))
    head = b"CXF1\0\1" + hmac.digest(SECRET, b"id", "sha256")[:4] + EPOCH.incarnation + numbers
    packed = value[HEAD_BYTES + SIGNATURE_BYTES :]
    signature = hmac.digest(SECRET, len(KEY).to_bytes(8) + KEY + head + packed, "sha256")
    assert value == head + signature + packed
    assert zstandard.decompress(packed) == BODY
    assert (1_048_576, 4_194_304, len(EPOCH.incarnation)) == (MOST_BYTES, MOST_BODY_BYTES, INCARNATION_BYTES)


def test_what_is_as_large_as_may_be_is_read_again() -> None:
    reader = Reader()
    noise = Random(5).randbytes(MOST_BYTES)
    size = MOST_BYTES - HEAD_BYTES - SIGNATURE_BYTES - 100  # about what compressing adds to what it cannot compress
    while len(value := reader.frames.seal(KEY, noise[:size], EPOCH)) < MOST_BYTES:
        size += MOST_BYTES - len(value)
    assert len(value) == MOST_BYTES
    for each in (value, *(reader.frames.seal(KEY, bytes(size), EPOCH) for size in (0, MOST_BODY_BYTES))):
        assert reader.frames.open(KEY, each)


def test_nothing_is_a_miss_that_is_not_counted() -> None:
    reader = Reader()
    assert reader.frames.open(KEY, None) is None
    assert reader.refused == []


@pytest.mark.threat("T24")
def test_no_byte_of_a_frame_can_be_changed_and_none_is_left_out() -> None:
    reader = Reader()
    value = reader.frames.seal(KEY, BODY, EPOCH, fence=3)
    changed = [value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :] for at in range(len(value))]
    cut = [value[:length] for length in range(len(value))]
    assert {reader.frames.open(KEY, one) for one in (*changed, *cut, value + b"\0")} == {None}
    assert len(reader.refused) == 2 * len(value) + 1


def _signed(packed: bytes) -> Callable[[Frames], bytes]:
    """A value with that body, signed as ours are."""

    def value(frames: Frames) -> bytes:
        head = frames.seal(KEY, b"", EPOCH)[:HEAD_BYTES]
        return head + frame._signature(SECRET, KEY, head, packed) + packed

    return value


def _later(seconds: float) -> Callable[[Frames], bytes]:
    """A value that was signed by a host whose clock is ahead."""

    def value(_frames: Frames) -> bytes:
        ahead = HandClock()
        ahead.advance(seconds)
        return Frames([SECRET], KEPT_SECONDS, ahead.clock.wall, pytest.fail).seal(KEY, BODY, EPOCH)

    return value


def _magic(frames: Frames) -> bytes:
    return b"CXF0" + frames.seal(KEY, BODY, EPOCH)[4:]


def _schema(frames: Frames) -> bytes:
    return b"CXF1\0\2" + frames.seal(KEY, BODY, EPOCH)[6:]


POISONS: dict[str, tuple[str, Callable[[Frames], bytes]]] = {
    "random bytes": ("magic", lambda _: Random(3).randbytes(300)),
    "a pickle": ("magic", lambda _: b"\x80\x04\x95" + b"cos\nsystem\n(S'false'\ntR." * 20),
    "cut": ("signature", lambda frames: frames.seal(KEY, BODY, EPOCH)[:-1]),
    "cut in its head": ("cut", lambda frames: frames.seal(KEY, BODY, EPOCH)[:HEAD_BYTES]),
    "nothing behind its head": ("cut", lambda frames: frames.seal(KEY, BODY, EPOCH)[: HEAD_BYTES + SIGNATURE_BYTES]),
    "the value of another key": ("signature", lambda frames: frames.seal(KEY + b"0", BODY, EPOCH)),
    "another secret": ("secret", lambda _: Reader(OTHER).frames.seal(KEY, BODY, EPOCH)),
    "a future date": ("future", _later(31.0)),
    "the end of time": ("future", _later(86_400.0 * 365 * 7_000)),
    "100 MB": ("large", lambda _: bytes(100_000_000)),
    "100 MB, compressed": ("body", _signed(zstandard.compress(bytes(100_000_000)))),
    "a body of unknown size": ("body", _signed(zstandard.ZstdCompressor(write_content_size=False).compress(BODY))),
    "a body that is none": ("body", _signed(BODY)),
    "another version": ("magic", _magic),
    "another schema": ("schema", _schema),
}


@pytest.mark.threat("T24")
@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_value_is_a_miss_and_counted(poison: str) -> None:
    kind, value = POISONS[poison]
    reader = Reader()
    assert reader.frames.open(KEY, value(reader.frames)) is None
    assert reader.refused == [kind]


def test_a_clock_may_be_as_far_ahead_as_is_allowed() -> None:
    reader = Reader()
    assert reader.frames.open(KEY, _later(AHEAD_SECONDS)(reader.frames))


@pytest.mark.threat("T23")
def test_no_reply_to_another_command_is_taken_for_the_value() -> None:
    reader = Reader()
    keys = [b"key %d" % number for number in range(50)]
    replies = [reader.frames.seal(key, b"value of " + key, EPOCH) for key in keys]
    assert all(reader.frames.open(key, reply) for key, reply in zip(keys, replies, strict=True))
    assert not any(reader.frames.open(key, reply) for key, reply in zip(keys[1:], replies[:-1], strict=True))
    assert reader.refused == ["signature"] * 49


def test_the_time_of_writing_decides_how_long_a_value_lives() -> None:
    reader = Reader()
    value = reader.frames.seal(KEY, BODY, EPOCH)
    reader.time.step(wall=-29.0)
    assert reader.frames.open(KEY, value)
    reader.time.step(wall=29.0 + KEPT_SECONDS)
    assert reader.frames.open(KEY, value)
    reader.time.step(wall=0.001)
    assert reader.frames.open(KEY, value) is None
    assert reader.refused == ["expired"]


def test_two_secrets_are_accepted_while_one_is_changed() -> None:
    before, during, after = Reader(OTHER), Reader(SECRET, OTHER), Reader(SECRET)
    old, new = (one.frames.seal(KEY, BODY, EPOCH) for one in (before, during))
    assert during.frames.open(KEY, old)
    assert during.frames.open(KEY, new)
    assert after.frames.open(KEY, new)
    assert after.frames.open(KEY, old) is None
    assert after.refused == ["secret"]


@pytest.mark.parametrize("body", [token_bytes(MOST_BYTES), bytes(MOST_BODY_BYTES + 1)])
def test_nothing_is_written_that_would_not_be_read(body: bytes) -> None:
    with pytest.raises(ValueError, match="too large"):
        Reader().frames.seal(KEY, body, EPOCH)


def test_no_secret_is_in_a_frame() -> None:
    value = Reader().frames.seal(KEY, BODY, EPOCH)
    assert SECRET not in value
    assert SECRET[:4] not in value
