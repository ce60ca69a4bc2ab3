"""An upstream that answers in bytes of the case's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.proof.suite.case import World
from tests.support.facade import running_facade
from tests.support.raw import Exchange, http, raw_server

BODY = b'{"total": 0, "offset": 0, "limit": 100, "page": null, "results": []}'
SAID = "said-by-upstream"
ANSWER = http(BODY, content_type="application/json")
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
)


@asynccontextmanager
async def scripted(world: World, *parts: bytes) -> AsyncIterator[World]:
    """The world with an upstream that answers with these bytes, and may be asked once."""

    async def script(exchange: Exchange) -> None:
        await exchange.write(*parts)

    async with raw_server(script) as upstream, running_facade(upstream.url, clock=world.clock.clock) as facade:
        yield replace(world, facade=facade)
        assert len(upstream.requests) == 1
