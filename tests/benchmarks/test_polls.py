"""A board's polls: pages followed, ETags sent, answers counted."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.benchmarks.boards import BOARDS, Board
from tests.benchmarks.client import Unanswered
from tests.benchmarks.driven import times
from tests.benchmarks.polls import Screen
from tests.benchmarks.stretch import Tally

FOLLOWING = Board("two pages", "pages=2", follows=True)
FIRST_ONLY = Board("a page of two", "pages=2")


class Listed:
    """A list of two pages; its rows and its ETag are set by hand."""

    def __init__(self) -> None:
        self.etag = '"1"'
        self.rows = "[1"
        self.total = "2"
        self.asked: list[str] = []
        self.app = Starlette(routes=[Route("/interactions", self.page)])

    async def page(self, request: Request) -> Response:
        self.asked.append(request.url.query)
        is_first = "cursor" not in request.query_params
        link = {"link": '<http://127.0.0.1/interactions?cursor=2>; rel="next"'} if is_first else {}
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers={"etag": self.etag, **link})
        body = f'{{"items":{self.rows if is_first else "[2"}],"next":null,"etag":{len(self.asked)}}}'
        return Response(body, headers={"etag": self.etag, "x-total-count": self.total, **link})


async def test_pages_are_followed_where_all_rows_are_wanted() -> None:
    listed, tally = Listed(), Tally()
    await Screen(listed.app, FOLLOWING).poll(tally)
    await Screen(listed.app, FIRST_ONLY).poll(tally)
    assert listed.asked == ["pages=2", "cursor=2", "pages=2"]
    assert (tally.polls, tally.answers) == (2, 3)


async def test_an_unchanged_poll_is_a_304_or_the_same_rows_again() -> None:
    listed, tally = Listed(), Tally()
    screen = Screen(listed.app, FOLLOWING)
    await screen.poll(tally)
    await screen.poll(tally)
    assert (tally.not_modified, tally.same) == (2, 0)
    listed.etag, listed.rows = '"2"', "[3"
    await screen.poll(tally)
    assert (tally.not_modified, tally.same) == (2, 1)  # the second page
    assert (tally.not_modified_share, tally.unchanged_share) == (1 / 3, 2 / 3)


async def test_another_total_is_news() -> None:
    listed, tally = Listed(), Tally()
    screen = Screen(listed.app, FIRST_ONLY)
    await screen.poll(tally)
    listed.etag, listed.total = '"2"', "3"
    await screen.poll(tally)
    assert (tally.answers, tally.not_modified, tally.same) == (2, 0, 0)


async def test_a_refusal_ends_the_run() -> None:
    with pytest.raises(Unanswered, match="404"):
        await asyncio.wait_for(Screen(Starlette(), FOLLOWING).poll(Tally()), 5)


def test_forty_boards_poll_in_turn() -> None:
    polls = list(times(BOARDS, 60))
    assert len(BOARDS) == 40
    assert polls == sorted(polls)
    assert [sum(place == one for _, place in polls) for one in (0, 33, 39)] == [4, 1, 1]
    assert all(at < 15 for at, _ in polls[:40])
