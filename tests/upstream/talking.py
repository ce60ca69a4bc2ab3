"""A client and a scripted server that talk to each other."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading
from tests.support.counted import value_of
from tests.support.raw import Exchange, RawServer, http, raw_server
from tests.upstream.support import Opened, access, opened


@dataclass
class Talk:
    """A client and the server it talks to."""

    opened: Opened
    server: RawServer

    async def read(self, query: UpstreamQuery = UpstreamQuery(), rows: int = 100) -> Reading:  # noqa: B008 - frozen
        return await self.opened.client.interactions(query, Position(), rows=rows, most=10_000)

    def sent(self) -> list[tuple[str, str]]:
        """The query of the last request."""
        return self.server.requests[-1].query

    def counted(self, name: str, **labels: str) -> float:
        return value_of(self.opened.metrics, name, **labels)


@contextlib.asynccontextmanager
async def talk(document: Any) -> AsyncIterator[Talk]:
    """A client and a server that always answers with this document."""
    async with talking(json.dumps(document).encode()) as asked:
        yield asked


@contextlib.asynccontextmanager
async def talking(body: bytes) -> AsyncIterator[Talk]:
    """A client and a server that always answers with these bytes."""

    async def script(exchange: Exchange) -> None:
        await exchange.write(http(body, content_type="application/json", x_simulated="true"))

    async with raw_server(script) as server, opened(access(server.url)) as client:
        yield Talk(client, server)


def ids(reading: Reading) -> list[str]:
    return [record.interaction.interaction_id for record in reading.records]
