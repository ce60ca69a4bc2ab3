"""Faults on demand: a function each, whose keyword arguments are its parameters; and those that are armed now."""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.simulator.clock import parse_time, stamp
from app.simulator.interaction import details
from app.simulator.query import (
    CASE_IGNORED,
    DEFAULT_LIMIT,
    NAMES_TRIMMED,
    BadQueryError,
    Query,
    Tests,
    range_tests,
    select,
)
from app.simulator.scene import Record
from app.simulator.wire import BROKEN, Answer, Broken, Framing, cut, error
from app.simulator.world import World

FOREIGN_TENANT_ID = "0badcafe-0000-4000-8000-000000000bad"
_NO_HEADERS: dict[str, str] = {}
Stage = Literal["timing", "answer", "wire", "query", "world", "envelope", "row"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of FAULTS: ``act`` steps in at a stage, with the parameters it names and their defaults.

    ``answer`` replaces the answer, ``wire`` changes the finished one, the others change what an answer is made of.
    """

    stage: Stage
    act: Callable[..., Any]

    @property
    def defaults(self) -> Mapping[str, Any]:
        return self.act.__kwdefaults__ or {}

    @property
    def words(self) -> str:
        return (self.act.__doc__ or "").strip()


def hold() -> None:
    """The answer waits until it is released."""


# Faults of transport, whatever the answer says (S18).


def status(*, status: int = 500, retry_after: str | None = None, shape: str | None = None) -> Answer:
    """An error status, with or without ``Retry-After`` (seconds or a date, sent as given)."""
    return error(status, shape, headers=() if retry_after is None else (("retry-after", str(retry_after)),))


def redirect(*, status: int = 302, location: str = "http://127.0.0.1:9/elsewhere") -> Answer:
    """A redirect elsewhere."""
    return replace(error(status, "html", "Found"), headers=(("location", location),))


def body(
    *, status: int = 200, text: str = "", base64: str = "", content_type: str = "application/json",
    headers: Mapping[str, str] = _NO_HEADERS,
) -> Answer:  # fmt: skip
    """A body of one's own, as text or ``base64``."""
    content = b64decode(base64) if base64 else text.encode()
    return Answer(status, content, content_type, tuple((str(name), str(value)) for name, value in headers.items()))


def timeout(*, delay_seconds: float = 120.0) -> Answer:
    """Silence, then a gateway's 504."""
    return replace(error(504), wait=delay_seconds)


def slow(answer: Answer, *, delay_seconds: float = 5.0) -> Answer:
    """The right answer, late."""
    return replace(answer, wait=answer.wait + delay_seconds)


def truncated(answer: Answer, *, share: float = 0.5, framing: Framing = "length") -> Answer:
    """The connection closes within the body."""
    return replace(answer, broken=cut(answer.body, share=share, framing=framing))


def stall(answer: Answer, *, share: float = 0.5, framing: Framing = "length") -> Answer:
    """The body stops coming while the connection stays."""
    return replace(answer, broken=cut(answer.body, share=share, framing=framing, ending="open"))


def reset(answer: Answer, *, share: float | None = None) -> Answer:
    """The connection is reset within the body; without a ``share`` before anything was sent."""
    broken = Broken(ending="reset") if share is None else cut(answer.body, share=share, ending="reset")
    return replace(answer, broken=broken)


def garbled(answer: Answer, *, how: str = "no-answer") -> Answer:
    """An answer broken ``how`` the table of breaks says; for an unknown word, without a byte."""
    return replace(answer, broken=BROKEN.get(how, BROKEN["no-answer"])(answer.body))


def bad_json(answer: Answer) -> Answer:
    """A complete body that does not parse."""
    return replace(answer, body=answer.body[:-1] + b',"oops":')


def content_type(answer: Answer, *, content_type: str = "text/html") -> Answer:
    """The right body under a wrong type."""
    return replace(answer, content_type=content_type)


# Faults of contract: answers that are well-formed and wrong (S19, S17).


def filter_ignored(query: Query, *, filter: str | None = None) -> Query:  # noqa: A002  (the parameter's public name)
    """One filter is ignored, or all of them."""
    return replace(query, filters=tuple(kept for kept in query.filters if filter and kept[0] != filter))


def last_repeat_only(query: Query) -> Query:
    """Of a repeated filter only the last copy counts."""
    return replace(query, filters=tuple(dict(query.filters).items()))


def first_repeat_only(query: Query) -> Query:
    """Of a repeated filter only the first copy counts."""
    return replace(query, filters=tuple(dict(reversed(query.filters)).items()))


def hooks_per_entry(query: Query) -> Query:
    """Hook conditions must all be met by one and the same hook (S14)."""
    return replace(query, hooks_per_entry=True)


def case_ignored(query: Query) -> Query:
    """Attribute values are compared without regard to case."""
    return _tested(query, CASE_IGNORED)


def names_trimmed(query: Query) -> Query:
    """Hook types are compared without the spaces at their ends."""
    return _tested(query, NAMES_TRIMMED)


def range_tested(query: Query, *, tests: str = "start", ends: str = "[)") -> Query:
    """The range ``tests`` start, end, overlap or both; ``ends`` are included, [ ], or not, ( )."""
    return _tested(query, range_tests(tests, ends))


def _tested(query: Query, tests: Tests) -> Query:
    return replace(query, tests={**query.tests, **tests})


def open_hidden(query: Query) -> Query:
    """Interactions are listed once they have ended."""
    return replace(query, ended=True)


def limit_zero(query: Query, *, rows: int | None = DEFAULT_LIMIT) -> Query:
    """A limit of 0 brings so many ``rows``; with null it is a mistake."""
    if query.limit:
        return query
    if rows is None:
        raise BadQueryError("limit")
    return replace(query, limit=rows)


def offset_bounded(query: Query, *, most: int = 10_000) -> Query:
    """An offset beyond ``most`` rows is a mistake."""
    if query.offset > most:
        raise BadQueryError("offset")
    return query


def insert_before_page(
    world: World, query: Query, now: int, *, n: int = 1, interaction: str = "voice-answered"
) -> None:
    """New matching interactions arrive before the page is read, so that older rows move down."""
    ends = [parse_time(value) - 1 for value in query.values("end")]
    attributes = [("simulatedArrival", value) for value in query.values("attribute-value")]
    world.insert(n, min([now, *ends]), attributes, interaction)


def remove_between_pages(world: World, query: Query, now: int, *, n: int = 1) -> None:
    """Rows of the pages already read disappear, so that older rows move up."""
    if query.skip:
        rows = select(world.rows(now, query.values("attribute-value")), query, stamp(now))
        world.remove(row.id for row in rows[:n])


def foreign_tenant(envelope: Record, strike: int, *, tenant_id: str = FOREIGN_TENANT_ID) -> Record:
    """The envelope names another tenant."""
    return envelope | {"tenantId": tenant_id}


def total_changes(envelope: Record, strike: int, *, step: int = 1) -> Record:
    """``total`` differs from page to page."""
    return envelope | {"total": envelope["total"] + step * strike}


def total_flickers(envelope: Record, strike: int, *, by: int = 1) -> Record:
    """``total`` is off by so many in every other answer."""
    return envelope | {"total": max(0, envelope["total"] + by * (strike % 2))}


def bare_interaction(envelope: Record, strike: int) -> Record:
    """The first row alone, as a single answer."""
    rows = envelope["results"]
    return rows[0] | {"details": details(rows[0])} if rows else envelope


def results_object(envelope: Record, strike: int) -> Record:
    """``results`` is an object holding ``interactions``."""
    return envelope | {"results": {"interactions": envelope["results"] or []}}


def unknown_field(row: Record, *, field: str = "fieldFromTheFuture") -> Record:
    """A field nobody has heard of, in the root and in nested objects."""
    nested = [key for key, value in row.items() if isinstance(value, list)]
    new: Record = {field: {"introduced": "2031-01-01", "list": [1, "two", None]}}
    return row | new | {key: [child | new for child in row[key]] for key in nested}


def wrong_type(row: Record, *, field: str = "interactionTime", value: Any = "forty-seven") -> Record:
    """A field of another type."""
    return row | {field: value}


def foreign_rows(row: Record, *, tenant_id: str = FOREIGN_TENANT_ID) -> Record:
    """Rows of another tenant under the right envelope."""
    return row | {"tenantId": tenant_id}


_BY_STAGE: dict[Stage, tuple[Callable[..., Any], ...]] = {
    "timing": (hold,),
    "answer": (status, redirect, body, timeout),
    "wire": (slow, truncated, stall, reset, garbled, bad_json, content_type),
    "query": (
        filter_ignored, last_repeat_only, first_repeat_only, hooks_per_entry, case_ignored, names_trimmed, range_tested,
        open_hidden, limit_zero, offset_bounded,
    ),
    "world": (insert_before_page, remove_between_pages),
    "envelope": (foreign_tenant, total_changes, total_flickers, bare_interaction, results_object),
    "row": (unknown_field, wrong_type, foreign_rows),
}  # fmt: skip

FAULTS = {act.__name__.replace("_", "-"): Fault(stage, act) for stage, acts in _BY_STAGE.items() for act in acts}
"""Every fault by its name, which is its function's with hyphens."""


@dataclass(slots=True)
class Armed:
    """A fault that waits for requests: ``left`` strikes (None: endless), for an endpoint class or attribute value."""

    id: int
    kind: str
    left: int | None
    endpoint: str | None
    attribute_value: str | None
    parameters: dict[str, Any]
    strikes: int = 0

    def matches(self, endpoint: str, values: list[str]) -> bool:
        return (
            self.left != 0
            and self.endpoint in (None, endpoint)
            and (self.attribute_value is None or self.attribute_value in values)
        )


@dataclass(frozen=True, slots=True)
class Strike:
    """An armed fault that hits a request; ``number`` counts the hits of the same armed fault from 1."""

    kind: str
    parameters: Mapping[str, Any]
    number: int = 1

    @property
    def stage(self) -> Stage:
        return FAULTS[self.kind].stage

    def act(self, *subject: Any) -> Any:
        """Let the fault act on the subject of its stage."""
        return FAULTS[self.kind].act(*subject, **self.parameters)


class ArmedFaults:
    """The faults armed now; held answers wait for ``gate``."""

    def __init__(self) -> None:
        self.armed: list[Armed] = []
        self.gate = asyncio.Event()
        self._numbers = 0

    def arm(
        self, kind: str, times: int | None = 1, *,
        endpoint: str | None = None, attribute_value: str | None = None, **parameters: Any,
    ) -> Armed:  # fmt: skip
        """Arm a fault for the next ``times`` matching requests (None: all); ValueError if it is unknown."""
        if kind not in FAULTS:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(FAULTS)}")
        unknown = sorted(parameters.keys() - FAULTS[kind].defaults.keys())
        if unknown:
            raise ValueError(f"fault {kind!r} has no parameter {', '.join(unknown)}")
        self._numbers += 1
        armed = Armed(self._numbers, kind, times, endpoint, attribute_value, parameters)
        self.armed.append(armed)
        return armed

    def strike(self, endpoint: str, values: list[str]) -> list[Strike]:
        """The faults that hit a request, in the order armed; of those replacing the answer only the first strikes."""
        struck: list[Strike] = []
        for armed in self.armed:
            replaced = any(hit.stage == "answer" for hit in struck)
            if not armed.matches(endpoint, values) or (replaced and FAULTS[armed.kind].stage == "answer"):
                continue
            armed.strikes += 1
            if armed.left is not None:
                armed.left -= 1
            struck.append(Strike(armed.kind, armed.parameters, armed.strikes))
        self.armed = [armed for armed in self.armed if armed.left != 0]
        return struck

    def clear(self) -> None:
        """Disarm everything and let held answers go."""
        self.armed.clear()
        self.release()

    def release(self) -> None:
        """Let go every answer held now; later answers are held anew."""
        self.gate.set()
        self.gate = asyncio.Event()
