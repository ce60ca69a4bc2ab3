"""The table of what a server of the tier may suffer from, to be begun and ended while it is in use."""

import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

from redis import Redis

from app.tier.frame import Epoch, Frames
from tests.support.canary import TIER_SECRET
from tests.support.middle import Middle, running_middle
from tests.support.tier import TierServer, running_tier

FUTURE = timedelta(days=1)
LARGE_BYTES = 100 * 1024 * 1024


class Patient(NamedTuple):
    """A server of the tier, the proxy by which façades reach it, and a client of its own, which does not go by it."""

    server: TierServer
    middle: Middle
    other: Redis

    def values(self) -> Iterator[tuple[bytes, bytes]]:
        """The signed values, by their keys."""
        for kind in ("epoch", "catalogue", "partition"):
            for key in cast("list[bytes]", self.other.keys(f"cxf:*:{kind}*")):
                if (value := self.other.get(key)) is not None:
                    yield key, cast("bytes", value)


class Ill(NamedTuple):
    """How it begins and ends, and which circuit must open meanwhile. `is_repeated`: it begins anew again and again."""

    begin: Callable[[Patient], object]
    end: Callable[[Patient], object] = lambda _patient: None
    opens: str = ""
    is_repeated: bool = False


def _said(words: bytes) -> Callable[[Patient], None]:
    def change(patient: Patient) -> None:
        patient.middle.words = words
        patient.middle.cut()

    return change


def _slow(seconds: float) -> Callable[[Patient], None]:
    def change(patient: Patient) -> None:
        patient.middle.delay = seconds

    return change


def _configured(**settings: object) -> Callable[[Patient], None]:
    def change(patient: Patient) -> None:
        for name, value in settings.items():
            patient.other.config_set(name.replace("_", "-"), str(value))

    return change


def _locked(patient: Patient) -> None:
    patient.other.config_set("requirepass", "invented")
    patient.other.auth("invented")
    patient.other.client_kill_filter(_type="normal", skipme=True)


def _turned(patient: Patient) -> None:
    patient.middle.is_down = not patient.middle.is_down
    patient.middle.cut()


def _up(patient: Patient) -> None:
    patient.middle.is_down = False


def _poisoned(poison: Callable[[bytes, bytes], bytes]) -> Callable[[Patient], None]:
    def change(patient: Patient) -> None:
        for key, value in patient.values():
            patient.other.set(key, poison(key, value))

    return change


def _moved(patient: Patient) -> None:
    keys, values = zip(*patient.values(), strict=True)
    for key, value in zip(keys, values[1:] + values[:1], strict=True):
        patient.other.set(key, value)


def _mistyped(patient: Patient) -> None:
    for key in cast("list[bytes]", patient.other.keys("cxf:*")):
        with patient.other.pipeline() as asking:  # else a façade could write in between
            asking.delete(key)
            asking.rpush(key, b"invented")
            asking.execute()


def _in_the_future(key: bytes, _value: bytes) -> bytes:
    frames = Frames([TIER_SECRET.encode()], 1.0, lambda: datetime.now(UTC) + FUTURE, lambda _reason: None)
    return frames.seal(key, b"", Epoch(b"invented", 1))


def _flipped(_key: bytes, value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def _emptied(patient: Patient) -> None:
    patient.other.flushall()


def _swollen(patient: Patient) -> None:
    for key in cast("list[bytes]", patient.other.keys("cxf:*:epoch")):
        patient.other.setrange(key, LARGE_BYTES, b"invented")


ILLS = {
    "killed": Ill(lambda it: it.server.kill(), lambda it: it.server.begin(), "writes"),
    "frozen": Ill(lambda it: it.server.freeze(), lambda it: it.server.thaw(), "writes"),
    "full": Ill(_configured(maxmemory=1), _configured(maxmemory=0), "writes"),
    "slow by 30 ms": Ill(_slow(0.03), _slow(0), "writes"),
    "slow by 200 ms": Ill(_slow(0.2), _slow(0), "writes"),
    "flapping": Ill(_turned, _up, is_repeated=True),
    "emptied": Ill(_emptied, is_repeated=True),
    "wrong type": Ill(_mistyped, _emptied, is_repeated=True),
    "MOVED": Ill(_said(b"-MOVED 1 127.0.0.1:1\r\n"), _said(b""), "writes"),
    "READONLY": Ill(
        lambda it: it.other.replicaof("127.0.0.1", 1), lambda it: it.other.replicaof("NO", "ONE"), "writes"
    ),
    "NOAUTH": Ill(_locked, _configured(requirepass=""), "writes"),
    "LOADING": Ill(_said(b"-LOADING invented\r\n"), _said(b""), "writes"),
    "poison: random": Ill(_poisoned(lambda _, value: random.randbytes(len(value))), _emptied, is_repeated=True),
    "poison: pickle": Ill(_poisoned(lambda _, value: pickle.dumps(value)), _emptied, is_repeated=True),
    "poison: cut": Ill(_poisoned(lambda _, value: value[:-1]), _emptied, is_repeated=True),
    "poison: another key's": Ill(_moved, _emptied, is_repeated=True),
    "poison: signature": Ill(_poisoned(_flipped), _emptied, is_repeated=True),
    "poison: future": Ill(_poisoned(_in_the_future), _emptied, is_repeated=True),
    "poison: 100 MB": Ill(_swollen, _emptied, is_repeated=True),
}
"""By name: those of TIER section 3, and the seven poisons of FAULTS T24."""


@contextmanager
def patient() -> Iterator[Patient]:
    """A running server with a proxy in front of it."""
    with (
        running_tier() as server,
        running_middle(server.socket) as middle,
        Redis(unix_socket_path=str(server.socket)) as other,
    ):
        yield Patient(server, middle, other)
