"""How uvicorn is run, wherever it is run (FAULTS 8)."""

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn

from app.listener.protocol import Protocol

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 15  # longer than clients keep idle connections: they, not we, end them
GRACEFUL_SECONDS = 11  # longer than the longest wait of a client


def listener_config(
    app: Callable[..., Any],
    *,
    protocol: type[asyncio.Protocol] = Protocol,
    graceful_seconds: int = GRACEFUL_SECONDS,
) -> uvicorn.Config:
    """The options of a server; `graceful_seconds` is how long what has begun may take at the end."""
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # of a tick before the request came: see DatedHeaders
        proxy_headers=False,  # a client could claim any address (FAULTS T34)
        reset_contextvars=True,  # else one request's context reaches the next of its connection (FAULTS T22)
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=graceful_seconds,
    )
