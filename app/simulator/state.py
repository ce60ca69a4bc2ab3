"""The state of a running simulator, and its journal: the requests so far, in order, and which broke the rules."""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from app.simulator.clock import SimulatedClock, milliseconds, stamp
from app.simulator.faults import ArmedFaults, Strike
from app.simulator.interaction import Sent
from app.simulator.tenant import LATENCY, Credentials, SimulatorOptions
from app.simulator.world import MAGIC, World

_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class Call:
    """A request under ``/v1/``. ``kind``: list, one, login, other; ``auth``: the scheme, never the credential."""

    n: int
    method: str
    path: str
    query: list[tuple[str, str]]
    kind: str
    auth: str
    violation: bool = False
    status: int | None = None
    """None until answered."""
    at: str = ""
    """Simulated time as upstream's text."""
    rows: tuple[Sent, ...] = ()
    """The rows a list call sent, where the journal tells them."""


class Journal:
    """The last ``length`` requests in their order (S20); ``arrived`` and ``violations`` count since clearing."""

    def __init__(self, length: int) -> None:
        self.arrived = self.violations = 0
        self.calls: deque[Call] = deque(maxlen=length)
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.arrived < count:
                    await self._arrival.wait()
        return self.arrived >= count

    def shown(self) -> dict[str, Any]:
        return {"arrived": self.arrived, "violations": self.violations, "calls": [asdict(call) for call in self.calls]}


class SimulatorState:
    """A simulated tenant at work."""

    def __init__(self, options: SimulatorOptions, real: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.anchor = options.anchor or datetime.now(UTC)
        self.closing = asyncio.Event()
        self.faults = ArmedFaults()
        self._real = real
        self.reset()

    def reset(self) -> None:
        """Back to the start: data, clock, tokens, faults and journal; held answers are let go."""
        self.faults.clear()
        self.faults = ArmedFaults()
        self.clock = SimulatedClock(self.anchor, frozen=self.options.frozen, real=self._real)
        self.world = World(self.options, milliseconds(self.anchor))
        self.journal = Journal(self.options.journal_length)
        self.credentials = Credentials(self.options, self.clock)
        self._latency = random.Random(f"{self.options.seed}:latency")
        self._failed_once: set[str] = set()

    def close(self) -> None:
        """End all waiting, so that the server can stop."""
        self.closing.set()
        self.faults.clear()

    def now(self) -> int:
        return self.clock.now()

    def now_text(self) -> str:
        """Simulated time as upstream's text."""
        return stamp(self.clock.now())

    def latency(self) -> float:
        """Seconds the next answer takes, by the profile."""
        median, sigma = LATENCY[self.options.latency]
        return median * self._latency.lognormvariate(0.0, sigma) if median else 0.0

    def strikes(self, endpoint: str, values: list[str], query_string: str) -> list[Strike]:
        """The faults that hit a request: those armed, and those that its magic values bring."""
        struck = self.faults.strike(endpoint, values)
        for magic in (MAGIC[value] for value in values if value in MAGIC):
            if magic.fault is None or (magic.once and query_string in self._failed_once):
                continue
            if magic.once and len(self._failed_once) < _MOST_REMEMBERED:
                self._failed_once.add(query_string)
            delay = {"slow": self.options.slow_seconds, "timeout": self.options.longest_wait}.get(magic.fault)
            struck.append(Strike(magic.fault, magic.parameters if delay is None else {"delay_seconds": delay}))
        return struck
