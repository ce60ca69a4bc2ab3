"""What is remembered of requests that were answered, so that their exact repeats can be answered at once.

A request is an exact repeat when everything that may shape an answer is the same, byte for byte: target, host, what it
accepts, and its credential. Whatever else could matter sends it the long way.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import ReferenceType

from starlette.types import Scope

from app.edge.answers import Answer, Headers

READING = frozenset({"GET", "HEAD"})
LONG_WAY = frozenset({b"content-length", b"transfer-encoding", b"cache-control", b"pragma", b"expect", b"upgrade"})
OVERHEAD_BYTES = 4_000  # what one remembered request costs beside its key, the ready headers among it

_UNDERSCORE = ord("_")  # bytes are searched sooner for a number than for bytes

HotKey = tuple[bytes | str | None, ...]


def hot_key(scope: Scope, fields: Mapping[bytes, bytes]) -> HotKey | None:
    """What a request shares with its exact repeats; None for one that goes the long way. `fields` are its headers."""
    if (
        scope["method"] not in READING
        or not scope.get("raw_path")
        or len(fields) != len(scope["headers"])  # some field is there twice
        or not LONG_WAY.isdisjoint(fields)
        or _UNDERSCORE in b"".join(fields)
    ):
        return None
    get = fields.get
    return (
        scope["raw_path"],
        scope["query_string"],
        scope["scheme"],
        scope.get("root_path", ""),
        get(b"host"),
        get(b"accept"),
        get(b"accept-encoding"),
        get(b"authorization"),
        get(b"x-api-key"),
    )


@dataclass(slots=True, eq=False)
class Ready:
    """What answers the repeats of one request until `until`; all times are of the monotonic clock.

    The store owns the answer, under `answer_key`, and its report, under `snapshot_key`. `version` is the one that has
    to be current for `question`, None where any does. What is said of the age, in the `headers` of a 200 and of a 304,
    holds until `said_until`.
    """

    answer: ReferenceType[Answer]
    etag: bytes
    answer_key: bytes
    snapshot_key: bytes
    question: bytes
    version: str | None
    route: object
    until: float
    said_until: float = -math.inf
    headers: Headers = field(default_factory=list)
    not_modified: Headers = field(default_factory=list)


class HotAnswers:
    """Requests and what answers their repeats, within a bound of bytes; for the event loop's thread only."""

    def __init__(self, bound_bytes: int) -> None:
        self._bound = bound_bytes
        self._held = 0
        self._ready: dict[HotKey, Ready] = {}
        self._of_question: defaultdict[bytes, set[HotKey]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def bytes_held(self) -> int:
        """What all of it costs; never above the bound."""
        return self._held

    def find(self, key: HotKey) -> Ready | None:
        """What answers this request."""
        return self._ready.get(key)

    def remember(self, key: HotKey, ready: Ready) -> None:
        """Answer repeats of this request from now on; the oldest are forgotten where there is no room."""
        self.forget(key)
        self._ready[key] = ready
        self._of_question[ready.question].add(key)
        self._held += _cost(key)
        while self._held > self._bound:
            self.forget(next(iter(self._ready)))

    def forget(self, key: HotKey) -> None:
        """Send this request the long way."""
        ready = self._ready.pop(key, None)
        if ready is None:
            return
        self._held -= _cost(key)
        siblings = self._of_question[ready.question]
        siblings.discard(key)
        if not siblings:
            del self._of_question[ready.question]

    def forget_question(self, question: bytes) -> None:
        """Send every request that a report of this question answered the long way: there is a newer one, or none."""
        for key in tuple(self._of_question.get(question, ())):
            self.forget(key)

    def clear(self) -> None:
        """Forget everything."""
        self._ready.clear()
        self._of_question.clear()
        self._held = 0


def _cost(key: HotKey) -> int:
    return sum(len(part) for part in key if part) + OVERHEAD_BYTES
