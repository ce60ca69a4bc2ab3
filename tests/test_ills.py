"""Whatever the server of the tier suffers from, nobody is failed; and once it is well the tier is used again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from app.tier import circuits
from tests.support.canary import TIER_SECRET
from tests.support.counted import value_of
from tests.support.facade import Facade, running_facade
from tests.support.ills import ILLS, Ill, Patient, patient
from tests.support.simulator import Simulator

WARM = [("attr", value) for value in ("1234567", "valueOne", "valueTwo", "SIM-ABANDON")]
ANEW = {"Cache-Control": "max-age=0"}
AT_ONCE, ROUNDS = 3, 3
numbers = count()


class Hosts(NamedTuple):
    """Two façades that share a tier, of which the server suffers."""

    one: Facade
    other: Facade
    patient: Patient

    async def asked(self) -> None:
        """Many at once, of which none fails."""
        new = [("contact_id", str(UUID(int=next(numbers)))) for _ in range(AT_ONCE)]
        both = [(each, question) for each in (self.one, self.other) for question in (*WARM, *new)]
        await asyncio.gather(*(each.get("/interactions", question, headers=ANEW) for each, question in both))

    async def shared(self) -> None:
        """Ask until what one reads is there for the other, and each says that the tier is well."""
        before, well = self._shared(), {"status": "ok", "tier": "ok"}
        while self._shared() == before or [one for one in await self.ready() if one != well]:
            new = ("contact_id", str(UUID(int=next(numbers))))
            for each in (self.one, self.other):
                await each.get("/interactions", new)

    def _shared(self) -> float:
        return value_of(self.other.services.metrics, "tier_readings", source="tier")

    async def ready(self) -> list[dict[str, str]]:
        """What each says of itself."""
        return [(await each.get("/health/ready")).json() for each in (self.one, self.other)]

    def are_away(self, side: str) -> bool:
        """Whether both leave this side of the tier alone."""
        return all(value_of(each.services.metrics, "tier_away", side=side) for each in (self.one, self.other))

    def refused(self) -> float:
        """How many values were not to be trusted."""
        return sum(value_of(each.services.metrics, "tier_values_refused") for each in (self.one, self.other))


@pytest.fixture
def interactions() -> int:
    """How many interactions upstream has."""
    return 60


@pytest.fixture
async def hosts(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosts]:
    monkeypatch.setattr(circuits, "PROBE_SECONDS", 0.05)
    async with AsyncExitStack() as closing:
        ill = closing.enter_context(patient())
        given: dict[str, Any] = {"redis_url": ill.middle.url, "tier_secret": TIER_SECRET, "fresh_open_seconds": 1}
        one, other = [await closing.enter_async_context(running_facade(simulator, **given)) for _ in range(2)]
        yield Hosts(one, other, ill)


async def _suffered(hosts: Hosts, ill: Ill) -> None:
    for number in range(1_000):
        if not number or ill.is_repeated:
            await asyncio.to_thread(ill.begin, hosts.patient)
        await hosts.asked()
        if hosts.are_away(ill.opens) if ill.opens else number == ROUNDS:
            return
    pytest.fail(f"the circuit of {ill.opens} does not open")


@pytest.mark.threat("T24")
@pytest.mark.parametrize("name", ILLS)
async def test_nobody_is_failed_and_it_is_used_again(name: str, hosts: Hosts) -> None:
    ill = ILLS[name]
    await hosts.asked()
    await hosts.shared()
    await _suffered(hosts, ill)
    assert (hosts.refused() > 0) is name.startswith("poison: ")
    if ill.opens:
        assert await hosts.ready() == [{"status": "ok", "tier": "away"}] * 2
    await asyncio.to_thread(ill.end, hosts.patient)
    await hosts.shared()
