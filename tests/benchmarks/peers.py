"""What a hit is measured against: the façade's own answer, sent by a bare ASGI application or by a FastAPI route.

`python -m tests.benchmarks.peers bare|route URL TARGET [NAME VALUE]…` asks URL once, then gives that answer to all.
"""

import asyncio
import sys
from collections.abc import Callable

from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.commands.servers import Server, run
from app.commands.sockets import listen, url_of
from app.listener.state import ListenerState
from tests.benchmarks.asgi import lifespan
from tests.benchmarks.client import Received, fetched
from tests.benchmarks.wide import WIDE

BY_THE_SERVER = frozenset({"date", "server", "connection"})


def bare(answer: Received) -> ASGIApp:
    """Two messages, made beforehand."""
    fields = [(name.encode(), value.encode()) for name, value in answer.headers if name not in BY_THE_SERVER]
    start = {"type": "http.response.start", "status": answer.status, "headers": fields}
    body = {"type": "http.response.body", "body": answer.body}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        else:
            await send(start)
            await send(body)

    return app


def route(answer: Received) -> ASGIApp:
    """A FastAPI route that returns the bytes."""
    api = FastAPI(openapi_url=None)
    fields = {name: value for name, value in answer.headers if name not in BY_THE_SERVER}

    @api.get("/{path:path}")
    async def known() -> Response:
        return Response(answer.body, answer.status, fields)

    return api


PEERS: dict[str, Callable[[Received], ASGIApp]] = {"bare": bare, "route": route}


def main(kind: str, url: str, target: str, *headers: str) -> None:
    """Serve until a signal, with the options the façade is served with."""
    fields = dict(zip(headers[::2], headers[1::2], strict=True))
    answer = asyncio.run(fetched(url, target, fields))
    server = Server(PEERS[kind](answer), listen("127.0.0.1", 0), ListenerState(WIDE))
    run([server], ready=lambda: print(url_of(server.listener), flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
