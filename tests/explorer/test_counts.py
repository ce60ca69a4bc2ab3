"""How many there are, said beside the rows: where that is not known, or not all can be reached, the page says so."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.explorer.conftest import Explorer, Place, served


@pytest.fixture
def answers(explorer: Explorer) -> Callable[..., None]:
    """Makes the façade's answers of rows other than they are: members of `meta`, and of the envelope."""

    def change(meta: dict[str, Any], **envelope: Any) -> None:
        def changed(route: Route) -> None:
            answer = route.fetch()
            body = {**answer.json(), **envelope}
            body["meta"] |= meta
            route.fulfill(response=answer, json=body)

        explorer.page.route("**/interactions?*", changed)

    return change


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "all are known": ({}, "12 interactions"),
    "some cannot be reached": (
        {"truncated": True, "total": None},
        "12 interactions; how many match is not known; the answer is cut short: more match than can be reached",
    ),
    "cut short, and counted": (
        {"truncated": True, "total": 90},
        "12 of 90 interactions; the answer is cut short: more match than can be reached",
    ),
    "from the middle on": (
        {"total": None, "offset": 4},
        "12 interactions; how many match is not known",
    ),
}


@pytest.mark.parametrize(("meta", "found"), CASES.values(), ids=list(CASES))
def test_counts_say_what_is_not_known(
    explorer: Explorer, answers: Callable[..., None], meta: dict[str, Any], found: str
) -> None:
    answers(meta)
    explorer.open("?attr=SIM-TRANSFER")
    expect(explorer.found).to_have_text(found)


def test_an_empty_answer_that_is_cut_short_does_not_say_that_nothing_matches(
    explorer: Explorer, answers: Callable[..., None]
) -> None:
    answers({"truncated": True, "total": None, "count": 0}, items=[])
    explorer.open("?attr=SIM-TRANSFER")
    empty = explorer.page.get_by_role("region", name="No rows")
    expect(empty).to_contain_text("Nothing found")
    expect(empty).to_contain_text("Not all that there is could be looked through")
    expect(empty).not_to_contain_text("Nothing matches")


def test_an_answer_without_rows_and_with_a_next_page_is_walked_on_by_hand(explorer: Explorer) -> None:
    def sparse(route: Route) -> None:
        answer = route.fetch(url=route.request.url.partition("&cursor=")[0])
        body = answer.json()
        if "cursor=" not in route.request.url:
            body |= {"items": [], "next_cursor": "further", "next": "further"}
            body["meta"] |= {"total": None, "count": 0}
        route.fulfill(response=answer, body=json.dumps(body))

    explorer.page.route("**/interactions?*", sparse)
    explorer.open("?attr=SIM-TRANSFER")
    none_yet = explorer.page.get_by_role("region", name="No rows yet")
    expect(none_yet).to_contain_text("None found so far")
    expect(explorer.found).to_have_text("No interactions so far; how many match is not known")
    none_yet.get_by_role("button", name="Look further back").click()
    explorer.says("12 interactions")


@pytest.fixture
def narrow() -> Iterator[Place]:
    """A façade with few rows in an answer."""
    with served(max_rows=7) as place:
        yield place


def test_no_more_rows_are_asked_for_than_an_answer_may_hold(narrow: Place, explore: Callable[..., Explorer]) -> None:
    explorer = explore(narrow, viewport={"width": 1280, "height": 800})
    asked: list[str] = []
    explorer.page.on("request", lambda request: asked.append(request.url))
    explorer.open("?attr=SIM-TRANSFER")
    explorer.says("12 interactions")
    pages = [url for url in asked if "/interactions?" in url]
    assert len(pages) == 2
    assert not [url for url in pages if re.search(r"&limit=(?!7&)", url)]
