"""Shared by the simulator's own tests: a client with the demo's credentials, and shorthand for questions."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from app.simulator import DEMO_PASSWORD, DEMO_USERNAME
from tests.support.simulator import Simulator, running_simulator

DOCUMENTED_ID = "c506eb9b-f523-4616-8839-fbce3fd89c17"


BRIEF = httpx.Timeout(None, read=0.05)
"""The wait for an answer that does not come; until the question is sent, as long as it takes."""


class Asking:
    """A simulator and a client that asks it questions as upstream's clients do."""

    def __init__(self, sim: Simulator, client: httpx.AsyncClient) -> None:
        self.sim = sim
        self.client = client

    async def get(self, *query: tuple[str, str | int], path: str = "", **more: Any) -> httpx.Response:
        return await self.client.get(self.sim.interactions_url + path, params=[*query], **more)

    async def ask(self, *query: tuple[str, str | int]) -> dict[str, Any]:
        """The decoded answer of the list."""
        response = await self.get(*query)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def rows(self, *query: tuple[str, str | int]) -> list[dict[str, Any]]:
        """The rows of one page."""
        return (await self.ask(*query))["results"] or []

    async def everything(self, *query: tuple[str, str | int]) -> list[dict[str, Any]]:
        """All rows that match, page by page."""
        found: list[dict[str, Any]] = []
        while page := await self.rows(*query, ("limit", 1000), ("offset", len(found))):
            found += page
        return found

    async def control(self, method: str, path: str, asked: Any = None, status: int = 200) -> dict[str, Any]:
        response = await self.client.request(method, f"{self.sim.url}/__sim{path}", json=asked)
        assert response.status_code == status, response.text
        answer: dict[str, Any] = response.json()
        return answer


def client(auth: tuple[str, str] | None = None) -> httpx.AsyncClient:
    """A client for plain HTTP on loopback: without verification it does not spend its time on a TLS context."""
    return httpx.AsyncClient(auth=auth, trust_env=False, timeout=20, verify=False)


@contextlib.asynccontextmanager
async def asking(**changes: Any) -> AsyncIterator[Asking]:
    async with running_simulator(**changes) as sim, client((DEMO_USERNAME, DEMO_PASSWORD)) as upstream:
        yield Asking(sim, upstream)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["interactionId"] for row in rows]
