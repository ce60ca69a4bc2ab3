"""Frames: the values of the shared tier, signed, so that nothing is read there that another has written.

    magic 4 | schema 2 | secret's id 4 | incarnation 8 | sequence 8 | fence 8 | created 8 | signature 32 | body

Integers are big-endian, `created` is in microseconds since 1970, the body is compressed by zstd. The signature is
HMAC-SHA-256 over the key of the value, the head before it, and the body as it lies there (FAULTS T23, T24).
"""

import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Literal, NamedTuple

import zstandard

MAGIC, SCHEMA = b"CXF1", 1
MOST_BYTES = 1024 * 1024  # of a value
MOST_BODY_BYTES = 4 * MOST_BYTES  # of a body, before it is compressed
INCARNATION_BYTES = 8
MICROSECONDS = 1_000_000  # of a second
AHEAD_SECONDS = 30.0  # by which the clock of another host may be ahead
_HEAD = Struct(">4sH4s8sQQQ")
_SECRET_ID_BYTES, _SIGNATURE_BYTES = 4, 32
_START = _HEAD.size + _SIGNATURE_BYTES
_BORN = datetime(1970, 1, 1, tzinfo=UTC)

Refusal = Literal["large", "cut", "magic", "schema", "secret", "signature", "future", "expired", "body"]


class Epoch(NamedTuple):
    """The state of purges: `sequence` purges were ordered since the tier was last found empty.

    Each time it is empty, another random `incarnation` begins.
    """

    incarnation: bytes
    sequence: int


class Frame(NamedTuple):
    """A value of the tier: its body, and the epoch, the fence of the lease and the time (aware UTC) it was written by.

    The fence is 0 where no lease was needed.
    """

    body: bytes
    epoch: Epoch
    fence: int
    created: datetime


class _Refused(Exception):
    """A value cannot be trusted; its only word is the Refusal."""


class Frames:
    """Writes frames, signed by the first secret, and reads those that any of the secrets has signed.

    Those older than `kept_seconds` are not read, however long the server has kept them. `refused` is called for each
    value that is not read, with the reason.
    """

    def __init__(
        self,
        secrets: Sequence[bytes],
        kept_seconds: float,
        wall: Callable[[], datetime],
        refused: Callable[[str], None],
    ) -> None:
        self._secrets = {hmac.digest(one, b"id", "sha256")[:_SECRET_ID_BYTES]: one for one in secrets}
        self._own = next(iter(self._secrets))
        self._kept_seconds = kept_seconds
        self._wall = wall
        self.refused = refused

    def seal(self, key: bytes, body: bytes, epoch: Epoch, fence: int = 0) -> bytes:
        """The value to write at this key. Raises ValueError where it would be too large to be read again."""
        head = _HEAD.pack(MAGIC, SCHEMA, self._own, *epoch, fence, self._now())
        packed = zstandard.ZstdCompressor(1).compress(body)
        value = head + _signature(self._secrets[self._own], key, head, packed) + packed
        if len(value) > MOST_BYTES or len(body) > MOST_BODY_BYTES:
            raise ValueError(f"a value of {len(value)} bytes, {len(body)} unpacked, is too large for the tier")
        return value

    def open(self, key: bytes, value: bytes | None) -> Frame | None:
        """The frame that lies at this key; None where there is none, or none to be trusted."""
        if value is None:
            return None
        try:
            return self._opened(key, value)
        except _Refused as refused:
            self.refused(str(refused))
            return None

    def is_own(self, value: bytes) -> bool:
        """Whether a value that can be opened is signed by the first secret."""
        return bool(_HEAD.unpack(value[: _HEAD.size])[2] == self._own)

    def _opened(self, key: bytes, value: bytes) -> Frame:
        _require(len(value) <= MOST_BYTES, "large")
        _require(len(value) > _START, "cut")
        head, signature, packed = value[: _HEAD.size], value[_HEAD.size : _START], value[_START:]
        magic, schema, secret_id, incarnation, sequence, fence, created = _HEAD.unpack(head)
        _require(magic == MAGIC, "magic")
        _require(schema == SCHEMA, "schema")
        _require(secret_id in self._secrets, "secret")
        signed = _signature(self._secrets[secret_id], key, head, packed)
        _require(hmac.compare_digest(signature, signed), "signature")
        age = self._now() - created
        _require(age >= -AHEAD_SECONDS * MICROSECONDS, "future")
        _require(age <= self._kept_seconds * MICROSECONDS, "expired")
        return Frame(_unpacked(packed), Epoch(incarnation, sequence), fence, _BORN + timedelta(microseconds=created))

    def _now(self) -> int:
        return (self._wall() - _BORN) // timedelta(microseconds=1)


def _require(is_met: bool, otherwise: Refusal) -> None:
    if not is_met:
        raise _Refused(otherwise)


def _signature(secret: bytes, key: bytes, head: bytes, packed: bytes) -> bytes:
    signing = hmac.new(secret, len(key).to_bytes(8), "sha256")
    for part in (key, head, packed):
        signing.update(part)
    return signing.digest()


def _unpacked(packed: bytes) -> bytes:
    try:
        _require(0 <= zstandard.frame_content_size(packed) <= MOST_BODY_BYTES, "body")
        return zstandard.decompress(packed)
    except zstandard.ZstdError:
        raise _Refused("body") from None
