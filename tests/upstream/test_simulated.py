"""The whole client against the simulator: both authentications, every row once, and the faults it can show."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from app import errors
from app.observe.metrics import Metrics
from app.upstream.access import UpstreamAccess
from app.upstream.client import UpstreamClient
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading
from tests.support import canary
from tests.support.simulator import QUIET, Simulator, running_simulator
from tests.upstream.support import ONE_ATTEMPT, SYSTEM_CLOCK
from tests.upstream.talking import ids

DOCUMENTED = "c506eb9b-f523-4616-8839-fbce3fd89c17"
OPTIONS = replace(QUIET, username=canary.USERNAME, password=canary.PASSWORD)


@dataclass
class Simulated:
    """A client and the simulator it asks."""

    client: UpstreamClient
    metrics: Metrics
    simulator: Simulator

    async def read(self, *values: str, rows: int = 10_000) -> Reading:
        return await self.client.interactions(UpstreamQuery(values), Position(), rows=rows, most=10_000)


@contextlib.asynccontextmanager
async def simulated(auth: Literal["basic", "token"] = "basic", **changes: Any) -> AsyncIterator[Simulated]:
    options = replace(OPTIONS, **changes)
    metrics = Metrics()
    async with running_simulator(options) as simulator:
        password = SecretStr(options.password)
        access = UpstreamAccess(
            simulator.url, options.tenant_id, options.username, password, auth, 4, 20, 10, ONE_ATTEMPT
        )
        client = UpstreamClient(access, clock=SYSTEM_CLOCK, metrics=metrics)
        try:
            yield Simulated(client, metrics, simulator)
        finally:
            await client.aclose()
        assert simulator.violations == 0


@pytest.mark.parametrize("auth", ["basic", "token"])
async def test_every_interaction_is_read_once(auth: Literal["basic", "token"]) -> None:
    async with simulated(auth, interactions=2_300) as world:
        reading = await world.read()
        assert (len(reading.records), reading.offset) == (reading.total, reading.total)
        assert len(set(ids(reading))) == reading.total > 2_300
        assert (reading.complete, reading.shifted, reading.dropped) == (True, False, 0)
        assert (reading.simulated, reading.time_zone) == (True, "US/Eastern")
        assert {call.auth for call in world.simulator.calls("list")} == {auth}
        starts = [record.interaction.start_timestamp for record in reading.records]
        assert starts == sorted(starts, reverse=True)  # type: ignore[type-var]  # every row has a start


@pytest.mark.parametrize("value", ["valueOne", "valueTwo", "1234567"])
async def test_the_documented_interaction_is_found_by_each_of_its_values(value: str) -> None:
    async with simulated() as world:
        assert DOCUMENTED in ids(await world.read(value))


async def test_the_documented_interaction_is_found_by_an_attribute_whose_name_ends_with_a_space() -> None:
    async with simulated() as world:
        name = "customAttributeUsingIvrInput"
        await world.read("1234567")
        query = UpstreamQuery(hook_type=world.client.raw_name(name), hook_sub_type="interaction-attribute")
        reading = await world.client.interactions(query, Position(), rows=1000, most=1000)
        assert query.hook_type == name + " "
        assert DOCUMENTED in ids(reading)


async def test_one_interaction_comes_with_details_and_an_unknown_one_not_at_all() -> None:
    async with simulated() as world:
        reading = await world.client.interaction(DOCUMENTED)
        assert reading is not None
        assert ids(reading) == [DOCUMENTED]
        assert reading.records[0].interaction.details is not None
        assert await world.client.interaction("00000000-0000-4000-8000-000000000000") is None
        assert await world.client.interaction("..") is None
        assert await world.client.interaction("../../tokens") is None


async def test_a_value_nobody_has_is_an_empty_reading() -> None:
    async with simulated() as world:
        reading = await world.read("nobody has this")
        assert (reading.records, reading.total, reading.complete) == ((), 0, True)


async def test_tokens_expired_under_two_hundred_calls_cost_one_login() -> None:
    async with simulated("token") as world:
        await world.read("valueOne")
        world.simulator.expire_tokens()
        readings = await asyncio.gather(*(world.read("valueOne") for _ in range(200)))
        assert {tuple(ids(reading)) for reading in readings} == {(DOCUMENTED,)}
        assert len(world.simulator.calls("login")) == 2


async def test_a_rotated_password_is_a_credentials_error() -> None:
    async with simulated("token") as world:
        await world.read("valueOne")
        world.simulator.expire_tokens(password="another-invented-one")
        with pytest.raises(errors.UpstreamAuth):
            await world.read("valueOne")


@pytest.mark.parametrize("fault", ["filter-ignored", "last-repeat-only"])
async def test_r05_a_filter_that_upstream_ignores_lets_no_foreign_row_through(fault: str) -> None:
    async with simulated() as world:
        world.simulator.faults(fault, None)
        reading = await world.read("valueOne", "valueTwo")
        assert ids(reading) == [DOCUMENTED]
        assert reading.dropped == reading.total - 1


async def test_rows_that_arrive_while_paging_cost_no_row() -> None:
    async with simulated(interactions=2_300) as world:
        before = ids(await world.read())
        world.simulator.faults("insert-before-page", 3, n=5)
        reading = await world.read()
        assert set(before) <= set(ids(reading))
        assert not reading.shifted


async def test_rows_that_leave_while_paging_cost_no_other_row() -> None:
    async with simulated(interactions=2_300) as world:
        before = ids(await world.read())
        world.simulator.faults("remove-between-pages", 2, n=5)  # it takes nothing before the first page
        reading = await world.read()
        assert len(set(before) - set(ids(reading))) == 0
        assert reading.total == len(before) - 5
        assert not reading.shifted


@pytest.mark.parametrize(
    ("fault", "parameters", "error"),
    [
        ("foreign-tenant", {}, errors.UpstreamWrongTenant),
        ("redirect", {}, errors.UpstreamRedirect),
        ("truncated", {}, errors.UpstreamBadAnswer),
        ("truncated", {"framing": "chunked"}, errors.UpstreamBadAnswer),
        ("truncated", {"framing": "close"}, errors.UpstreamBadAnswer),
        ("bad-json", {}, errors.UpstreamBadAnswer),
        ("content-type", {}, errors.UpstreamBadAnswer),
        ("status", {"status": 403}, errors.UpstreamForbidden),
        ("status", {"status": 500}, errors.UpstreamServerError),
        ("status", {"status": 503}, errors.UpstreamUnavailable),
        ("status", {"status": 504}, errors.UpstreamTimeout),
    ],
)
async def test_a_fault_is_one_error_and_one_call(
    fault: str, parameters: dict[str, Any], error: type[errors.UpstreamError]
) -> None:
    async with simulated() as world:
        world.simulator.faults(fault, 1, **parameters)
        with pytest.raises(error):
            await world.read("valueOne")
        assert len(world.simulator.calls("list")) == 1
        assert ids(await world.read("valueOne")) == [DOCUMENTED]


@pytest.mark.parametrize("fault", ["bare-interaction", "results-object", "unknown-field", "wrong-type", "foreign-rows"])
async def test_an_odd_but_known_answer_is_read(fault: str) -> None:
    async with simulated() as world:
        world.simulator.faults(fault, 1)
        assert ids(await world.read("valueOne")) == [DOCUMENTED]
