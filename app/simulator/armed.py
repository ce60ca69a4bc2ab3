"""Armed faults: which of them wait for a request, and which hit it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.simulator.faults import FAULTS, Stage


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
