"""A canned upstream, a process: value `rows-1000-a` has a thousand rows, what begins with `slow-` takes a second.

Its argument says how many records it makes before it listens.
"""

import asyncio
import re
import sys
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from app.commands.servers import Server, run
from app.commands.sockets import listen, url_of
from app.listener.limits import ListenerLimits
from app.listener.state import ListenerState
from tests.benchmarks.asgi import lifespan, send_body
from tests.benchmarks.records import page, records

SLOW_SECONDS = 1.0
VALUE = re.compile(r"(rows|slow)-(\d+)-.*")
COUNT = "/calls"


def create_upstream() -> ASGIApp:
    """The application; it counts the lists asked for, and tells their number at COUNT."""
    calls = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal calls
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        elif scope["path"] == COUNT:
            await send_body(send, str(calls).encode())
        else:
            calls += 1
            await _list(scope, send)

    return app


async def _list(scope: Scope, send: Send) -> None:
    query = parse_qs(scope["query_string"].decode())
    value = query.get("attribute-value", ["rows-0-"])[0]
    known = VALUE.fullmatch(value)
    if known and known[1] == "slow":
        await asyncio.sleep(SLOW_SECONDS)
    total = int(known[2]) if known else 0
    await send_body(send, page(value, total, int(query["offset"][0]), int(query["limit"][0])))


if __name__ == "__main__":
    records(int(sys.argv[1]))
    server = Server(create_upstream(), listen("127.0.0.1", 0), ListenerState(ListenerLimits()))
    run([server], ready=lambda: print(url_of(server.listener), flush=True))
