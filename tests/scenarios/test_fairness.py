"""Nobody waits behind another's line: upstream's few places are shared out between the owners of questions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext

import httpx
import pytest

from app.http.sending import PART_BYTES
from tests.scenarios.matrix.desk import interaction, listed
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.keys import given, write
from tests.support.raw import Exchange
from tests.support.scripted import ScriptedUpstream, scripted_upstream
from tests.support.simulator import Simulator

SLOTS, LINE, SHORT_LINE, ROWS = 8, 190, 20, 1400
UPKEEP = 2  # tasks of a façade that sleep until something is due
READER = given("reader", "read")
NO_TLS = SSLContext(PROTOCOL_TLS_CLIENT)  # one of its own would read every root certificate for each client


@dataclass
class Held:
    """An upstream that answers one call each time it is told to; `asked` is what for, in its order."""

    asked: list[str] = field(default_factory=list)
    answers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        self.asked.append(dict(request.query)["attribute-value"])
        await self.answers.acquire()
        offset, limit = request.number("offset"), request.number("limit")
        many = ROWS if self.asked[exchange.number - 1].startswith("long") else 1
        rows = [interaction(1 + number, request) for number in range(offset, min(offset + limit, many))]
        await exchange.json(listed(*rows, total=many))


@dataclass
class Place:
    """A façade with eight places upstream, and clients of several addresses."""

    facade: Facade
    upstream: ScriptedUpstream
    held: Held
    clock: HandClock
    asking: list["asyncio.Task[httpx.Response]"] = field(default_factory=list)

    def ask(self, value: str, *, address: str = "127.0.0.1", key: bool = False, limit: int = 100) -> None:
        """One more client asks."""

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(
                base_url=self.facade.url,
                transport=httpx.AsyncHTTPTransport(local_address=address, verify=NO_TLS),
                timeout=30,
            ) as client:
                headers = READER.bearer if key else {}
                return await client.get("/interactions", params={"attr": value, "limit": limit}, headers=headers)

        self.asking.append(asyncio.create_task(asked()))

    async def lined_up(self, under_way: int) -> None:
        """Wait until all who ask wait for their answers, and for their turns those who are not under way."""
        await self.upstream.arrived(under_way)
        await self.asleep(2 * len(self.asking) - under_way)

    async def asleep(self, waiting: int) -> None:
        """Wait until so many wait, beside the upkeep of the façade."""
        await self.clock.asleep(UPKEEP + waiting)

    async def answered(self, arrived: int) -> None:
        """One call is answered, and the next one has arrived."""
        self.held.answers.release()
        await self.upstream.arrived(arrived)

    async def finished(self) -> list[int]:
        """All are answered: with which statuses."""
        for _ in range(10 * len(self.asking)):
            self.held.answers.release()
        return [answer.status_code for answer in await asyncio.gather(*self.asking)]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(tmp_path) as opening:
        yield opening


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Place]:
    held, clock, keys = Held(), HandClock(), write(folder / "keys.json", READER)
    async with (
        scripted_upstream(held) as upstream,
        running_facade(upstream.url(), clock=clock.clock, client_keys_file=keys, allow_anonymous=True) as facade,
    ):
        await clock.asleep(UPKEEP)
        assert clock.sleepers == UPKEEP
        yield Place(facade, upstream, held, clock)


async def test_a_key_and_another_address_get_the_next_free_places_before_the_line_of_one_address(place: Place) -> None:
    for number in range(LINE):
        place.ask(f"line-{number}")
    await place.lined_up(SLOTS)
    place.ask("of a key", key=True)
    place.ask("of another address", address="127.0.0.2")
    await place.lined_up(SLOTS)
    for arrived in range(SLOTS + 1, SLOTS + 4):
        await place.answered(arrived)
    assert all(value.startswith("line-") for value in place.held.asked[:SLOTS])
    assert set(place.held.asked[SLOTS : SLOTS + 2]) == {"of a key", "of another address"}
    assert place.held.asked[SLOTS + 2].startswith("line-")
    assert set(await place.finished()) == {200}
    assert place.upstream.open_most == SLOTS


async def test_a_key_that_joins_what_an_address_waits_for_brings_it_forward(place: Place) -> None:
    for number in range(SHORT_LINE):
        place.ask(f"line-{number}")
    await place.lined_up(SLOTS)
    last = next(f"line-{number}" for number in reversed(range(SHORT_LINE)) if f"line-{number}" not in place.held.asked)
    sleepers = place.clock.sleepers
    place.ask(last, key=True)
    await place.clock.asleep(sleepers + 1)
    await place.answered(SLOTS + 1)
    assert place.held.asked[SLOTS] == last
    assert set(await place.finished()) == {200}
    assert len(place.held.asked) == SHORT_LINE


async def test_each_address_has_a_share_of_its_own(place: Place) -> None:
    """Three lines are more than one owner may have under way, and nobody is refused."""
    place.facade.services.queries.flights._most_of_one_owner = SHORT_LINE
    for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
        for number in range(SHORT_LINE):
            place.ask(f"{address}-{number}", address=address)
    await place.lined_up(SLOTS)
    place.ask("of a fourth", address="127.0.0.4")
    await place.lined_up(SLOTS)
    assert set(await place.finished()) == {200}


async def test_an_owner_reads_two_long_lists_at_once_and_the_others_wait_their_turn(place: Place) -> None:
    for number in range(3):
        place.ask(f"long-{number}", limit=ROWS)
    await place.upstream.arrived(3)  # the first block of each, which tells how long the list is
    for _ in range(3):
        place.held.answers.release()
    await place.upstream.arrived(5)
    await place.asleep(4)  # three clients, and the one list that has to wait
    place.ask("long-of-a-key", key=True, limit=ROWS)
    await place.upstream.arrived(6)
    assert len(set(place.held.asked[3:5])) == 2
    waits = ({f"long-{number}" for number in range(3)} - set(place.held.asked[3:5])).pop()
    place.held.answers.release()  # the oldest: one of the long lists ends, and the third goes on
    await place.upstream.arrived(7)
    assert place.held.asked[6] == waits
    assert set(await place.finished()) == {200}


async def test_whose_address_leaves_too_much_unread_is_told_to_read_it(simulator: Simulator) -> None:
    """The first request goes the ordinary way, its repeat may be a replay; another part of the bytes is as large."""
    async with running_facade(simulator) as facade:
        large = (("attr", "SIM-2500"), ("limit", "1000"))
        plain = {"accept-encoding": "identity"}
        assert len((await facade.get("/interactions", *large, headers=plain)).content) > PART_BYTES
        facade.services.unread._most = 0
        for headers in ({}, {}, {"accept": "text/csv"}, {"range": "bytes=1-900000"}):
            refused = await facade.get("/interactions", *large, status=429, headers={**plain, **headers})
            assert refused.json()["code"] == "rate-limited"
            assert refused.headers["retry-after"] == "1"
        assert (await facade.get("/interactions", *large, headers={**plain, "range": "bytes=0-9"}, status=206)).content
        await facade.get("/interactions", ("attr", "SIM-2500"), headers=plain)
        facade.services.unread._most = 2**30
        await facade.get("/interactions", *large, headers=plain)
        assert facade.services.unread._sending == {}
