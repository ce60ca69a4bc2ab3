"""Everything a running simulator remembers, and how it is reset."""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from app.simulator.clock import SimulatedClock, milliseconds, stamp
from app.simulator.faults import FaultBook, Strike, strike
from app.simulator.journal import Journal
from app.simulator.options import LATENCY, SimulatorOptions
from app.simulator.series import MAGIC
from app.simulator.tokens import Credentials
from app.simulator.world import World

_MOST_REMEMBERED = 10_000


class SimulatorState:
    """One simulated tenant at work."""

    clock: SimulatedClock
    world: World
    journal: Journal
    faults: FaultBook
    credentials: Credentials

    def __init__(self, options: SimulatorOptions, real: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.anchor = options.anchor or datetime.now(UTC)
        self.closing = asyncio.Event()
        self._real = real
        self.reset()

    def reset(self) -> None:
        """Back to the start: data, clock, tokens, faults and journal; held answers are let go."""
        if hasattr(self, "faults"):
            self.faults.clear()
        self.clock = SimulatedClock(self.anchor, frozen=self.options.frozen, real=self._real)
        self.world = World(self.options, milliseconds(self.anchor))
        self.journal = Journal(self.options.journal_length)
        self.faults = FaultBook()
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
        return stamp(self.clock.now())

    def latency(self) -> float:
        """Seconds the next answer takes, by the profile."""
        median, sigma = LATENCY[self.options.latency]
        return median * self._latency.lognormvariate(0.0, sigma) if median else 0.0

    def strikes(self, endpoint: str, values: list[str], query_string: str) -> list[Strike]:
        """The faults that hit a request: those armed, and those that its magic values bring."""
        return [*self.faults.strike(endpoint, values), *self._magic(values, query_string)]

    def _magic(self, values: list[str], query_string: str) -> list[Strike]:
        struck = []
        for magic in (MAGIC[value] for value in values if value in MAGIC):
            if magic.fault is None or (magic.once and query_string in self._failed_once):
                continue
            if magic.once and len(self._failed_once) < _MOST_REMEMBERED:
                self._failed_once.add(query_string)
            delay = {"slow": self.options.slow_seconds, "timeout": self.options.longest_wait}.get(magic.fault)
            own = {} if delay is None else {"delay_seconds": delay}
            struck.append(strike(magic.fault, {**magic.parameters, **own}))
        return struck
