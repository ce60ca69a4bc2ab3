"""Faults on demand: the table of what can go wrong, and the book of what is armed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.simulator import contract_faults as contract
from app.simulator import transport_faults as transport

FOREIGN_TENANT_ID = "0badcafe-0000-4000-8000-000000000bad"
Stage = Literal["timing", "answer", "wire", "query", "world", "envelope", "row"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of FAULTS: at which stage ``act`` steps in, and its parameters with their defaults.

    ``answer`` replaces the answer, ``wire`` changes the finished one, the others change what an answer is made of.
    """

    stage: Stage
    act: Callable[..., Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        return (self.act.__doc__ or "").strip()


def hold() -> None:
    """The answer waits until it is released."""


FAULTS: dict[str, Fault] = {
    "hold": Fault("timing", hold),
    "status": Fault("answer", transport.status, {"status": 500, "retry_after": None, "shape": None}),
    "redirect": Fault("answer", transport.redirect, {"status": 302, "location": "http://127.0.0.1:9/elsewhere"}),
    "body": Fault(
        "answer", transport.body,
        {"status": 200, "text": "", "base64": "", "content_type": "application/json", "headers": {}},
    ),
    "timeout": Fault("answer", transport.timeout, {"delay_seconds": 120.0}),
    "slow": Fault("wire", transport.slow, {"delay_seconds": 5.0}),
    "truncated": Fault("wire", transport.truncated, {"share": 0.5, "framing": "length"}),
    "stall": Fault("wire", transport.stall, {"share": 0.5, "framing": "length"}),
    "reset": Fault("wire", transport.reset, {"share": None}),
    "garbled": Fault("wire", transport.garbled, {"how": "no-answer"}),
    "bad-json": Fault("wire", transport.bad_json),
    "content-type": Fault("wire", transport.content_type, {"content_type": "text/html"}),
    "filter-ignored": Fault("query", contract.filter_ignored, {"filter": None}),
    "last-repeat-only": Fault("query", contract.last_repeat_only),
    "hooks-per-entry": Fault("query", contract.hooks_per_entry),
    "insert-before-page": Fault("world", contract.insert_before_page, {"n": 1, "interaction": "voice-answered"}),
    "remove-between-pages": Fault("world", contract.remove_between_pages, {"n": 1}),
    "foreign-tenant": Fault("envelope", contract.foreign_tenant, {"tenant_id": FOREIGN_TENANT_ID}),
    "total-changes": Fault("envelope", contract.total_changes, {"step": 1}),
    "bare-interaction": Fault("envelope", contract.bare_interaction),
    "results-object": Fault("envelope", contract.results_object),
    "unknown-field": Fault("row", contract.unknown_field, {"field": "fieldFromTheFuture"}),
    "wrong-type": Fault("row", contract.wrong_type, {"field": "interactionTime", "value": "forty-seven"}),
    "foreign-rows": Fault("row", contract.foreign_rows, {"tenant_id": FOREIGN_TENANT_ID}),
}  # fmt: skip


@dataclass(slots=True)
class Armed:
    """A fault waiting for requests: ``left`` strikes (None: endless), on an endpoint class or attribute value only."""

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
    """One armed fault hitting one request, with the parameters of that hit."""

    kind: str
    parameters: dict[str, Any]

    @property
    def fault(self) -> Fault:
        return FAULTS[self.kind]


def strike(kind: str, parameters: Mapping[str, Any], number: int = 1) -> Strike:
    """A hit with defaults filled in; ``number`` counts the hits of the same armed fault from 1."""
    return Strike(kind, {**FAULTS[kind].defaults, **parameters, "strike": number})


class FaultBook:
    """What is armed now. A held answer waits for ``gate``."""

    def __init__(self) -> None:
        self.armed: list[Armed] = []
        self.gate = asyncio.Event()
        self._numbers = 0

    def arm(
        self,
        kind: str,
        times: int | None = 1,
        *,
        endpoint: str | None = None,
        attribute_value: str | None = None,
        **parameters: Any,
    ) -> Armed:
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
            replaced = any(hit.fault.stage == "answer" for hit in struck)
            if not armed.matches(endpoint, values) or (replaced and FAULTS[armed.kind].stage == "answer"):
                continue
            armed.strikes += 1
            if armed.left is not None:
                armed.left -= 1
            struck.append(strike(armed.kind, armed.parameters, armed.strikes))
        self.armed = [armed for armed in self.armed if armed.left != 0]
        return struck

    def clear(self) -> None:
        """Disarm everything and let held answers go."""
        self.armed.clear()
        self.release()

    def release(self) -> None:
        """Let every answer go that is held now; later ones are held anew."""
        self.gate.set()
        self.gate = asyncio.Event()
