"""A canned upstream, a process, with as many interactions as its argument says, each half a minute before the last.

It honours ranges, which long exports need.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from app.commands.servers import Server, run
from app.commands.sockets import listen, url_of
from app.listener.limits import ListenerLimits
from app.listener.state import ListenerState
from app.simulator.interaction import to_json
from app.upstream.query import timestamp
from tests.benchmarks.asgi import lifespan, send_body
from tests.benchmarks.records import HEAD, records

NEWEST = datetime(2026, 3, 1, tzinfo=UTC)
APART = timedelta(seconds=30)
DIFFERENT = 1_000  # records; further rows differ in their identity and start
_ID, _START = b"00000000-0000-4000-8000-00000000beef", b"2000-01-01T00:00:00.000Z"


def create_upstream(total: int) -> ASGIApp:
    """The application."""
    known = [_template(record) for record in records(DIFFERENT)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        query = parse_qs(scope["query_string"].decode())
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        end = datetime.fromisoformat(query["end"][0]) if "end" in query else NEWEST + APART
        first = max(0, -((end - NEWEST) // APART) if end <= NEWEST else 0)
        first += NEWEST - first * APART >= end
        start = datetime.fromisoformat(query["start"][0]) if "start" in query else None
        behind = total if start is None else max(first, min(total, (NEWEST - start) // APART + 1))
        numbers = range(first + offset, min(behind, first + offset + limit))
        rows = (_row(known[number % DIFFERENT], number) for number in numbers)
        await send_body(send, HEAD % (limit, offset, behind - first) + b",".join(rows) + b"]}")

    return app


def _template(record: bytes) -> bytes:
    return to_json({**json.loads(record), "interactionId": _ID.decode(), "startTimestamp": _START.decode()})


def _row(template: bytes, number: int) -> bytes:
    started = timestamp(NEWEST - number * APART).encode()
    return template.replace(_ID, b"00000000-0000-4000-8000-%012d" % number).replace(_START, started)


if __name__ == "__main__":
    server = Server(create_upstream(int(sys.argv[1])), listen("127.0.0.1", 0), ListenerState(ListenerLimits()))
    run([server], ready=lambda: print(url_of(server.listener), flush=True))
