"""An answer is whole or says that it is not, whatever upstream sends and however many requests a walk takes."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios.walking import by_cursor, by_links, ids
from tests.support.clock import HandClock
from tests.support.facade import running_facade
from tests.support.raw import RawServer, raw_server
from tests.support.simulator import Simulator
from tests.upstream.moving import MovingList
from tests.upstream.support import TENANT

SLIM = ("fields", "interaction_id,started_at")
ENDED = (("from", "2026-11-19"), ("to", "2026-11-21"))
TIED = 3  # rows 99 to 101, 498 to 500 and 999 to 1001 share their start


def turning(size: int) -> MovingList:
    """A list whose rows of one start stand in the other order with every second call."""
    return MovingList.of(size, tied=TIED, reorder=lambda call, group: group[::-1] if call % 2 else group)


def in_front_of(server: RawServer, clock: HandClock, **settings: Any) -> Any:
    """A façade that asks every question whole: the list knows no ranges."""
    return running_facade(server.url, clock=clock.clock, tenant_id=TENANT, holds=False, **settings)


@pytest.mark.parametrize(("size", "limit"), [(150, 100), (1200, 100), (1200, 500), (1200, 1000)])
async def test_ties_in_another_order_on_the_next_block_lose_no_row(size: int, limit: int, clock: HandClock) -> None:
    moving = turning(size)
    async with raw_server(moving) as server, in_front_of(server, clock) as facade:
        pages = await by_cursor(facade, SLIM, *ENDED, ("limit", str(limit)))
    assert sorted(ids(pages)) == moving.ids
    assert [(page["meta"]["truncated"], page["meta"]["total"]) for page in pages] == [(False, size)] * len(pages)


@pytest.mark.parametrize("size", [150, 1200])
async def test_ties_in_another_order_lose_no_row_of_a_sorted_answer(size: int, clock: HandClock) -> None:
    moving = turning(size)
    async with raw_server(moving) as server, in_front_of(server, clock) as facade:
        await facade.ask(SLIM, *ENDED)  # the first hundred are held, so that what follows is a continuation
        answer = await facade.ask(SLIM, *ENDED, ("sort", "duration_seconds"), ("limit", "2000"))
    assert sorted(ids([answer])) == moving.ids
    assert (answer["meta"]["truncated"], answer["meta"]["total"]) == (False, size)


async def test_rows_of_one_start_are_answered_in_the_order_of_their_ids(clock: HandClock) -> None:
    moving = MovingList.of(90, tied=30, reorder=lambda _call, group: group[::-1])
    async with raw_server(moving) as server, in_front_of(server, clock) as facade:
        assert ids([await facade.ask(SLIM, *ENDED)]) == moving.ids


def ignored(_offset: int, limit: int, rows: list[str]) -> list[str]:
    return rows[:limit]


def repeated(offset: int, limit: int, rows: list[str]) -> list[str]:
    return rows[offset : offset + limit] or rows[-100:]


def cut(offset: int, limit: int, rows: list[str]) -> list[str]:
    return rows[offset : min(offset + limit, 120)]


class Lacking(MovingList):
    """A list that sends other rows than it counts."""

    sent: Callable[[int, int, list[str]], list[str]] = staticmethod(cut)

    def page(self, offset: int, limit: int) -> tuple[list[str], int]:
        self.asked.append((offset, limit))
        return self.sent(offset, limit, self.ids), 150


@pytest.mark.parametrize("sent", [ignored, repeated, cut])
@pytest.mark.parametrize("first", [100, 1000])
async def test_a_list_that_sends_fewer_rows_than_it_counts_is_told_and_soon_asked_again(
    sent: Callable[[int, int, list[str]], list[str]], first: int, clock: HandClock
) -> None:
    moving = Lacking([f"row-{number:05d}" for number in range(140)])
    moving.sent = sent
    async with raw_server(moving) as server, in_front_of(server, clock) as facade:
        pages = await by_cursor(facade, SLIM, *ENDED, ("limit", str(first)))
        last = await facade.get("/interactions.csv", SLIM, *ENDED, ("limit", "1000"))
    assert len(set(ids(pages))) == len(ids(pages))
    assert (pages[-1]["meta"]["truncated"], pages[-1]["meta"]["total"], pages[-1]["next"]) == (True, None, None)
    assert "max-age=15," in last.headers["cache-control"]
    assert len(moving.asked) <= 10


async def test_an_answer_that_called_itself_whole_is_not_given_again_once_rows_are_found_to_lack(
    clock: HandClock,
) -> None:
    moving = Lacking([f"row-{number:05d}" for number in range(140)])
    async with raw_server(moving) as server, in_front_of(server, clock) as facade:
        told = [
            (await facade.get("/interactions", SLIM, *ENDED, ("limit", limit))).headers["x-truncated"]
            for limit in ("100", "1000", "100", "100")
        ]
    assert told == ["false", "true", "true", "true"]


# Long walks are made in many requests.


LONG = 12_500
SEEN = "fields=interaction_id&from=2026-11-19&to=2026-11-21"


def blocks_read(moving: MovingList) -> int:
    """How many calls asked for rows; what the time zone is, is asked for without."""
    return sum(limit > 0 for _, limit in moving.asked)


async def test_one_request_makes_ten_calls_and_the_next_goes_on_where_it_ended(clock: HandClock) -> None:
    moving = MovingList.of(LONG)
    async with raw_server(moving) as server, in_front_of(server, clock) as facade:
        first = await facade.get(f"/interactions?queue_name=nobody&limit=1&{SEEN}")
        assert (first.json()["items"], first.json()["meta"]["truncated"]) == ([], False)
        assert first.json()["next"] == first.links["next"]["url"]
        assert blocks_read(moving) == 10
        last = (await facade.get(first.json()["next"])).json()
        assert (last["items"], last["next"], last["meta"]["truncated"]) == ([], None, False)
        assert blocks_read(moving) == 14
        assert (await facade.get(f"/interactions?queue_name=nobody&limit=2&{SEEN}")).json()["next"] is None
        assert blocks_read(moving) == 14


async def test_a_row_beyond_the_calls_of_one_request_is_found_by_walking_on(clock: HandClock) -> None:
    moving = MovingList.of(LONG, fields={"row-12345": {"channelType": "email"}})
    async with raw_server(moving) as server, in_front_of(server, clock) as facade:
        pages = await by_links(facade, f"/interactions?channel_type=email&limit=5&{SEEN}")
    assert [ids([page]) for page in pages] == [[], ["row-12345"]]


@pytest.mark.parametrize(
    ("narrowed", "found"), [("", range(12_490, LONG)), ("&channel_type=email", range(12_475, LONG, 5))]
)
async def test_an_offset_beyond_the_calls_of_one_request_is_walked_to(
    clock: HandClock, narrowed: str, found: range
) -> None:
    fields = {f"row-{number:05d}": {"channelType": "email"} for number in range(0, LONG, 5)}
    moving = MovingList.of(LONG, fields=fields)
    offset = 12_490 if not narrowed else 12_475 // 5
    async with raw_server(moving) as server, in_front_of(server, clock) as facade:
        pages = await by_links(facade, f"/interactions?limit=10&offset={offset}{narrowed}&{SEEN}")
    assert ids(pages) == [f"row-{number:05d}" for number in found]
    assert [page["meta"]["truncated"] for page in pages] == [False] * 2
    assert pages[0]["items"] == []
    assert blocks_read(moving) == 13


async def test_a_walk_that_ends_before_its_last_row_says_so_in_the_answer_that_ends_it(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=150) as facade:
        pages = await by_cursor(facade, ("attr", "SIM-2500"), ("limit", "100"), ("fields", "interaction_id"))
    assert len(ids(pages)) == 1500
    assert (pages[-1]["next"], pages[-1]["meta"]["truncated"], pages[-1]["meta"]["total"]) == (None, True, 2500)


async def test_a_walk_whose_snapshot_cannot_be_kept_says_so(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, cache_bytes=2**20) as facade:
        pages = await by_cursor(facade, ("attr", "SIM-10K"), ("limit", "1000"), ("fields", "interaction_id"))
    assert len(ids(pages)) < 10_000
    assert (pages[-1]["next"], pages[-1]["meta"]["truncated"]) == (None, True)
    assert not any(page["meta"]["truncated"] for page in pages[:-1])
