"""What is remembered of requests that were answered, so that their exact repeats can be answered at once.

A request is an exact repeat when everything that may shape an answer is the same, byte for byte: target, host, the
address it came to, what it accepts, and its credential. Whatever else could matter sends it the long way.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import KeyedRef

from starlette.types import Scope

from app.http.counting import Hits
from app.http.responses import Answer, Headers

READING = frozenset({"GET", "HEAD"})
LONG_WAY = frozenset(
    {b"content-length", b"transfer-encoding", b"cache-control", b"pragma", b"expect", b"upgrade", b"origin"}
)
FAMILIAR = frozenset(
    b"host connection user-agent accept accept-encoding accept-language authorization x-api-key x-request-id "
    b"if-none-match if-modified-since if-range range cookie referer priority dnt sec-fetch-dest sec-fetch-mode "
    b"sec-fetch-site sec-fetch-user sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform upgrade-insecure-requests "
    b"x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-prefix x-forwarded-port x-real-ip forwarded via "
    b"traceparent tracestate".split()
)  # fields that send nobody the long way, so that most requests need no closer look
OVERHEAD_BYTES = 1_200  # what one remembered request costs beside its key and the headers of its answer
STANDING_BYTES = 1_150  # what each report costs that some of them are answered from

_UNDERSCORE = ord("_")  # bytes are searched sooner for a number than for bytes

HotKey = tuple[bytes | str | tuple[object, ...] | None, ...]
AnswerRef = KeyedRef[HotKey, Answer]  # of what the store owns, under what it answers


def hot_key(scope: Scope, fields: Mapping[bytes, bytes]) -> HotKey | None:
    """What a request shares with its exact repeats; None for one that goes the long way. `fields` are its headers."""
    if (
        scope["method"] not in READING
        or not scope.get("raw_path")
        or len(fields) != len(scope["headers"])  # some field is there twice
        or not (FAMILIAR.issuperset(fields) or _is_harmless(fields))
    ):
        return None
    get = fields.get
    return (
        scope["raw_path"],
        scope["query_string"],
        scope["scheme"],
        scope.get("root_path", ""),
        tuple(scope.get("server") or ()),  # without keys, who comes by another address than loopback is a stranger
        get(b"host"),
        get(b"accept"),
        get(b"accept-encoding"),
        get(b"authorization"),
        get(b"x-api-key"),
    )


def _is_harmless(fields: Mapping[bytes, bytes]) -> bool:
    return LONG_WAY.isdisjoint(fields) and _UNDERSCORE not in b"".join(fields)


@dataclass(slots=True)
class Lookup:
    """What is known of one report, for all answers made of it; times are of the monotonic clock.

    The store owns it, under `snapshot_key`. `version` is the one that has to be current for `plan`, None where any
    does. What `headers` say of its age, to those who see all or only what is `masked`, holds until `said_until`.
    `requests` are those it answers.
    """

    plan: bytes
    snapshot_key: bytes
    version: str | None
    masked: bool
    said_until: float = field(default=-math.inf, compare=False)
    headers: Headers = field(default_factory=list, compare=False)
    requests: set[HotKey] = field(default_factory=set, compare=False)


@dataclass(slots=True, eq=False)
class Ready:
    """What answers the repeats of one request until `until`; all times are of the monotonic clock.

    The store owns the answer, under `answer_key`. `headers` are those of a 200 that stay the same, `not_modified` those
    of a 304. That the answer is the one to give, the store was asked: it holds until `sure_until`.
    """

    answer: AnswerRef
    etag: bytes
    answer_key: bytes
    lookup: Lookup
    hits: Hits
    until: float
    headers: Sequence[tuple[bytes, bytes]]
    not_modified: Sequence[tuple[bytes, bytes]]
    sure_until: float = -math.inf
    cost: int = 0  # bytes, once it is remembered


class HotAnswers:
    """Requests and what answers their repeats, within a bound of bytes; for the event loop's thread only.

    `charge` is told what the memory taken grows by, or shrinks by.
    """

    def __init__(self, bound_bytes: int, charge: Callable[[int], None] = lambda _cost: None) -> None:
        self._bound = bound_bytes
        self._charge = charge
        self._held = 0
        self._ready: dict[HotKey, Ready] = {}
        self._of_question: dict[bytes, list[Lookup]] = {}
        self.find = self._ready.get  # what answers a request: the table's own, as each request calls it

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def bytes_held(self) -> int:
        """What all of it costs; never above the bound."""
        return self._held

    def known(self, lookup: Lookup) -> Lookup:
        """The one that is known already of this report, else this one."""
        return next((one for one in self._of_question.get(lookup.plan, ()) if one == lookup), lookup)

    def remember(self, key: HotKey, ready: Ready) -> None:
        """Answer repeats of this request from now on; the oldest are forgotten where there is no room."""
        self.forget(key)
        self._ready[key] = ready
        lookup = ready.lookup
        ready.cost = cost = _cost(key, ready)
        if not lookup.requests:
            self._of_question.setdefault(lookup.plan, []).append(lookup)
            cost += STANDING_BYTES
        lookup.requests.add(key)
        self._count(cost)  # last, as the store may have to let go of this very answer
        while self._held > self._bound:
            self.forget(next(iter(self._ready)))

    def forget(self, key: HotKey) -> None:
        """Send this request the long way."""
        ready = self._ready.pop(key, None)
        if ready is None:
            return
        lookup = ready.lookup
        lookup.requests.discard(key)
        if not lookup.requests:
            self._leave(lookup)
        self._count(-ready.cost)

    def forget_answer(self, gone: AnswerRef) -> None:
        """Send the request that an answer was for the long way: it is no longer stored."""
        ready = self._ready.get(gone.key)
        if ready is not None and ready.answer is gone:
            self.forget(gone.key)

    def forget_question(self, plan: bytes) -> None:
        """Send every request that a report of this question answered the long way: there is a newer one, or none."""
        for lookup in tuple(self._of_question.get(plan, ())):
            for key in tuple(lookup.requests):
                self.forget(key)

    def clear(self) -> None:
        """Forget everything."""
        self._ready.clear()
        self._of_question.clear()
        self._count(-self._held)

    def _leave(self, lookup: Lookup) -> None:
        others = self._of_question[lookup.plan]
        others.remove(lookup)
        if not others:
            del self._of_question[lookup.plan]
        self._count(-STANDING_BYTES)

    def _count(self, cost: int) -> None:
        self._held += cost
        self._charge(cost)


def _cost(key: HotKey, ready: Ready) -> int:
    lengths = sum(len(part) for part in key if part) + sum(len(value) for _name, value in ready.headers)
    return lengths + OVERHEAD_BYTES
