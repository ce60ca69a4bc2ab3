"""Walking through pages as clients do: by `next_cursor`, or by the links as given."""

from collections.abc import Callable
from typing import Any

from app.simulator.query import parse, select
from tests.support.facade import Facade
from tests.support.simulator import Simulator

Between = Callable[[int], None]
"""What happens before a page is asked for, whose number is given, from 0."""


def nothing(_page: int) -> None:
    """An upstream that stands still."""


async def by_cursor(facade: Facade, *query: tuple[str, str], before: Between = nothing) -> list[dict[str, Any]]:
    """The envelopes of all pages, each asked for by the cursor of the one before."""
    pages: list[dict[str, Any]] = []
    cursor: str | None = None
    while cursor is not None or not pages:
        before(len(pages))
        pages.append(await facade.ask(*query, *([("cursor", cursor)] if cursor else [])))
        cursor = pages[-1]["next_cursor"]
    return pages


async def by_links(facade: Facade, path: str, *, before: Between = nothing) -> list[dict[str, Any]]:
    """The envelopes of all pages, each by the link of the one before, which the `Link` header must repeat."""
    pages: list[dict[str, Any]] = []
    link: str | None = path
    while link is not None:
        before(len(pages))
        answer = await facade.get(link)
        pages.append(answer.json())
        link = pages[-1]["next"]
        assert answer.links.get("next", {}).get("url") == link
    return pages


def ids(pages: list[dict[str, Any]]) -> list[str]:
    """The ids of all rows, in the order they came."""
    return [row["interaction_id"] for page in pages for row in page["items"]]


def upstream_ids(simulator: Simulator, *, value: str = "") -> list[str]:
    """The ids upstream lists now, newest first; only those with an attribute value, where one is given."""
    query = parse([("attribute-value", value)])
    rows = simulator.state.world.rows(simulator.state.now(), query.values("attribute-value"))
    return [row.id for row in select(rows, query, simulator.now)]
