"""A running simulator for tests, with its controls as methods."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.simulator import SimulatorOptions, SimulatorState, create_simulator
from app.simulator.clock import parse_time
from app.simulator.faults import Armed
from app.simulator.query import parse, select
from app.simulator.state import Call
from tests.support.serving import serve

ANCHOR = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
"""A Wednesday morning in US/Eastern."""

QUIET = SimulatorOptions(anchor=ANCHOR, frozen=True, interactions=600)
"""What tests run on unless they say otherwise: a frozen clock and enough rows for every kind."""


class Simulator:
    """A handle on a simulator in this process: what ``/__sim/`` offers, without HTTP."""

    def __init__(self, url: str, state: SimulatorState) -> None:
        self.url = url
        self.state = state
        self.options = state.options

    @property
    def interactions_url(self) -> str:
        return f"{self.url}/v1/tenants/{self.options.tenant_id}/interactions"

    def journal(self) -> list[Call]:
        return list(self.state.journal.calls)

    def calls(self, kind: str | None = None) -> list[Call]:
        """Calls so far of one endpoint class: list, one, login, other."""
        return [call for call in self.state.journal.calls if kind in (None, call.kind)]

    @property
    def violations(self) -> int:
        return self.state.journal.violations

    async def arrived(self, count: int, seconds: float = 10) -> None:
        """Wait until ``count`` requests have arrived in all; TimeoutError otherwise."""
        if not await self.state.journal.wait_for(count, seconds):
            raise TimeoutError(f"{self.state.journal.arrived} of {count} requests arrived")

    def clear_journal(self) -> None:
        self.state.journal.clear()

    def faults(
        self,
        kind: str,
        times: int | None = 1,
        *,
        endpoint: str | None = None,
        attribute_value: str | None = None,
        **parameters: Any,
    ) -> Armed:
        """Arm a fault of FAULTS for the next ``times`` matching requests (None: until cleared)."""
        return self.state.faults.arm(kind, times, endpoint=endpoint, attribute_value=attribute_value, **parameters)

    def clear_faults(self) -> None:
        self.state.faults.clear()

    def release(self) -> None:
        """Let held answers go."""
        self.state.faults.release()

    def insert(
        self,
        count: int = 1,
        *,
        name: str = "inserted",
        value: str | None = None,
        kind: str = "voice-answered",
        start: str | None = None,
    ) -> list[str]:
        """Put in interactions that start now or at ``start``, with an attribute if ``value``; their ids."""
        attributes = [] if value is None else [(name, value)]
        return self.state.world.insert(count, parse_time(start) if start else self.state.now(), attributes, kind)

    def remove(self, ids: Iterable[str] | None = None, *, count: int = 1, value: str = "") -> list[str]:
        """Take out these interactions, or the newest ``count`` with the attribute value; their ids."""
        query = parse([("attribute-value", value)])
        rows = select(self.state.world.rows(self.state.now(), query.values("attribute-value")), query, self.now)
        gone = list(ids) if ids is not None else [row.id for row in rows[:count]]
        self.state.world.remove(gone)
        return gone

    @property
    def now(self) -> str:
        """Simulated time as upstream's text."""
        return self.state.now_text()

    def advance(self, seconds: float) -> None:
        self.state.clock.advance(seconds)

    def expire_tokens(self, password: str | None = None) -> int:
        """Expire every token; with ``password``, rotate the password too."""
        self.state.credentials.password = password or self.state.credentials.password
        return self.state.credentials.expire()

    def reset(self) -> None:
        self.state.reset()


@contextlib.asynccontextmanager
async def running_simulator(options: SimulatorOptions | None = None, **changes: Any) -> AsyncIterator[Simulator]:
    """A simulator on loopback in this event loop, on QUIET with ``changes`` unless ``options`` are given."""
    app = create_simulator(replace(options or QUIET, **changes))
    state: SimulatorState = app.state.simulator
    async with serve(app) as url:
        try:
            yield Simulator(url, state)
        finally:
            state.close()
