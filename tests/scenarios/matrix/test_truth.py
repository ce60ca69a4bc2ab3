"""What is stored is true, of now, and for whom it was asked: threats T19, T20 and T58 to T61 of FAULTS section 5."""

import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from tests.scenarios.matrix.desk import interaction, listed
from tests.scenarios.matrix.expected import rows_of
from tests.scenarios.matrix.rows import BASIC, ROWS, Row
from tests.scenarios.matrix.scene import Fault, Scene, staged
from tests.scenarios.matrix.setting import FRESH, STALE, VALUE
from tests.scenarios.walking import by_cursor, ids
from tests.support.facade import Facade
from tests.support.raw import Exchange
from tests.support.simulator import Simulator

ODD = {
    "8 KB header": b"GET {target} HTTP/1.1\r\nhost: localhost\r\nx-long: " + b"a" * 8192 + b"\r\n",
    "bell in a header": b"GET {target} HTTP/1.1\r\nhost: localhost\r\nx-bell: \a\r\n",
    "odd verb": b"GETT {target} HTTP/1.1\r\nhost: localhost\r\n",
    "no host": b"GET {target} HTTP/1.1\r\n",
    "another's host": b"GET {target} HTTP/1.1\r\nhost: evil.example\r\n",
    "a range": b"GET {target} HTTP/1.1\r\nhost: localhost\r\nrange: bytes=99999-\r\n",
}
TRUNCATED = [row for row in ROWS if row.number in ("7", "8", "9", "10", "22")]
STEPS = [timedelta(hours=1), timedelta(days=1), timedelta(seconds=1), timedelta(hours=-1), timedelta(days=-1)]
CUSTOMER = "+15550142"
SERIES = "SIM-2500"


@pytest.mark.threat("T19")
@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_request_leaves_nothing_behind_for_the_next(odd: str) -> None:
    async with staged(Fault(), BASIC) as scene:
        target = f"/interactions?attr={VALUE}&limit=2&fields=interaction_id%2Cflow_name%2Cdirection"
        address = urlsplit(scene.facade.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(ODD[odd].replace(b"{target}", target.encode()) + b"connection: close\r\n\r\n")
        await reader.read()
        writer.close()
        answer = await scene.ask()
        assert answer.status_code == 200
        assert len(rows_of(answer)) == 1


@pytest.mark.threat("T19")
@pytest.mark.parametrize("number", ["25", "26", "27"])
async def test_a_refusal_of_upstreams_is_remembered_for_a_minute_at_most(number: str) -> None:
    for row in (row for row in ROWS if row.number == number):
        async with staged(row.fault, row.setting) as scene:
            await scene.break_upstream()
            assert (await scene.ask()).status_code in (404, 502)
            await scene.mend()
            scene.clock.advance(61)
            assert (await scene.ask()).status_code == 200


@pytest.mark.threat("T20")
async def test_two_who_may_see_different_things_join_one_flight_and_each_sees_its_own() -> None:
    gate = asyncio.Event()

    async def held(exchange: Exchange, scene: Scene) -> None:
        await gate.wait()
        await exchange.json(listed(interaction(exchange.number, exchange.request, customer=CUSTOMER)))

    async with staged(Fault(held), BASIC, anonymous_scopes="read,pii:read") as scene:
        await scene.break_upstream()
        asked = {
            pii: asyncio.create_task(scene.facade.get("/interactions", ("attr", VALUE), ("pii", pii)))
            for pii in ("clear", "mask")
        }
        await scene.upstream.arrived(1)
        await scene.clock.asleep(3)
        gate.set()
        answers = {pii: await asking for pii, asking in asked.items()}
        assert scene.calls == 1
        assert CUSTOMER in answers["clear"].text
        assert answers["clear"].headers["cache-control"] == "private, no-store"
        assert CUSTOMER not in answers["mask"].text


@pytest.mark.threat("T58")
@pytest.mark.parametrize("row", TRUNCATED, ids=lambda row: row.name)
async def test_nothing_is_stored_of_an_answer_that_was_cut(row: Row) -> None:
    async with staged(row.fault, row.setting) as scene:
        await scene.break_upstream()
        await scene.ask()
        query = ("attr", VALUE), ("limit", "2"), ("fields", "interaction_id,flow_name,direction")
        stored = await scene.facade.get(
            "/interactions", *query, status=504, headers={"cache-control": "only-if-cached"}
        )
        assert stored.json()["code"] == "not-stored"
        assert len(scene.facade.services.queries.snapshots._store) == 0


@pytest.mark.threat("T59")
@pytest.mark.parametrize(
    "query", [("attr", "1234567"), ("attr.accountNumber", "1234567"), ("from", "2026-11-18T14:00:00Z")]
)
async def test_of_an_upstream_that_ignores_filters_no_row_gets_out_that_was_not_asked_for(
    facade: Facade, simulator: Simulator, query: tuple[str, str]
) -> None:
    right = await facade.ids(query, ("limit", "10000"))
    simulator.faults("filter-ignored", None)
    facade.services.queries.snapshots.purge(lambda _key, _report: True)
    assert await facade.ids(query, ("limit", "10000"), ("_", "again")) == right


@pytest.mark.threat("T60")
@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_a_wall_clock_that_steps_changes_no_age_and_no_lifetime(step: timedelta) -> None:
    async with staged(Fault(), BASIC) as scene:
        await scene.fill()
        scene.clock.step(wall=step.total_seconds())
        scene.clock.advance(FRESH - 1)
        answer = await scene.ask()
        assert answer.headers["cache-status"] == "cxfacade; hit; ttl=1"
        assert answer.headers["age"] == str(FRESH - 1)
        scene.clock.advance(3)
        assert (await scene.ask()).headers["cache-status"].startswith("cxfacade; hit; ttl=-2; detail=stale-")
        await scene.completed()
        scene.clock.step(wall=-2 * step.total_seconds())
        assert (await scene.ask()).headers["cache-status"] == f"cxfacade; hit; ttl={FRESH}"
        scene.clock.advance(FRESH + STALE + 1)
        assert (await scene.ask()).headers["cache-status"].startswith("cxfacade; fwd=uri-miss; stored")


@pytest.mark.threat("T61")
async def test_rows_that_arrive_between_pages_shift_none_out_of_a_walk_and_repeat_none(
    facade: Facade, simulator: Simulator
) -> None:
    known = await facade.ids(("attr", SERIES), ("limit", "10000"), ("fields", "interaction_id"))
    facade.services.queries.snapshots.purge(lambda _key, _report: True)
    simulator.faults("insert-before-page", None, endpoint="list", n=3)
    met = ids(await by_cursor(facade, ("attr", SERIES), ("limit", "250"), ("fields", "interaction_id")))
    assert len(set(met)) == len(met)
    assert set(known) <= set(met)
