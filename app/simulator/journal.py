"""The journal of requests: what was called, in which order, and what should not have been (S20)."""

import asyncio
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Call:
    """One request under ``/v1/``. ``kind``: list, one, login, other; ``auth``: the scheme, never the credential."""

    n: int
    method: str
    path: str
    query: list[tuple[str, str]]
    kind: str
    auth: str
    violation: bool = False
    status: int | None = None
    """None until answered."""


@dataclass(slots=True)
class Journal:
    """The last ``length`` calls; ``arrived`` and ``violations`` count all since the last clearing."""

    length: int
    arrived: int = 0
    violations: int = 0
    calls: deque[Call] = field(init=False)
    _arrival: asyncio.Event = field(init=False)

    def __post_init__(self) -> None:
        self.calls = deque(maxlen=self.length)
        self._arrival = asyncio.Event()

    def record(self, call: Call) -> None:
        self.arrived += 1
        self.violations += call.violation
        self.calls.append(call)
        self._arrival.set()
        self._arrival = asyncio.Event()

    def clear(self) -> None:
        self.arrived = self.violations = 0
        self.calls.clear()

    async def wait_for(self, count: int, seconds: float) -> bool:
        """Wait until ``count`` requests have arrived; False when the seconds pass first."""
        try:
            async with asyncio.timeout(seconds):
                while self.arrived < count:
                    await self._arrival.wait()
        except TimeoutError:
            return False
        return True

    def shown(self) -> dict[str, Any]:
        return {"arrived": self.arrived, "violations": self.violations, "calls": [asdict(call) for call in self.calls]}
