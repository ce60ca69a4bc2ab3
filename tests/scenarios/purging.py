"""Asking to forget, and asking what is remembered, as clients do."""

from typing import Any

import httpx

from tests.support.facade import Facade

OWN = {"content-type": "application/json", "x-requested-with": "tests"}


async def purge(facade: Facade, *, status: int = 200, headers: dict[str, str] | None = None, **order: Any) -> Any:
    """What the answer to a purge says, which must have this status."""
    return (await posted(facade, status=status, headers=headers, json=order)).json()


async def posted(
    facade: Facade, *, status: int = 200, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """The answer to a purge with this body."""
    answer = await facade.client.post("/cache/purge", headers=OWN if headers is None else headers, **body)
    assert answer.status_code == status, answer.text
    return answer


async def explained(facade: Facade, *query: tuple[str, str]) -> dict[str, Any]:
    """What is told of a question."""
    told: dict[str, Any] = (await facade.get("/cache/explain", *query)).json()
    return told
