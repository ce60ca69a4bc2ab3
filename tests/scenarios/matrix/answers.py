"""Faults of what upstream says: complete answers that are wrong, and statuses (rows 11 to 18, 25 to 30 and 37)."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from app.simulator.wire import whole
from tests.scenarios.matrix.desk import interaction, listed
from tests.scenarios.matrix.scene import Act, Fault, Scene, nothing
from tests.support.raw import Exchange

THEIR_WORDS = "upstream-words-6Hn1"
PAGE = f"<html><body>{THEIR_WORDS}</body></html>".encode()
ELSEWHERE = "0badcafe-0000-4000-8000-000000000bad"
FOREIGN_ROW = "a foreign row"

Body = Callable[[Exchange, Scene], bytes]


def bodied(make: Body, *fields: tuple[str, str], status: int = 200) -> Fault:
    """A complete answer with a body of one's own."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        await exchange.write(whole(make(exchange, scene), *fields, status=status))

    return Fault(strike)


def text(body: bytes) -> Fault:
    """A complete answer with this body."""
    return bodied(lambda _exchange, _scene: body)


def document(make: Callable[[Exchange], Any]) -> Fault:
    """A complete answer with this JSON document."""
    return bodied(lambda exchange, _: json.dumps(make(exchange)).encode())


def with_value(raw: bytes, field: str = "holdTime") -> Fault:
    """The right row with a field, unless it is named one that nobody knows, whose value is these bytes."""

    def make(exchange: Exchange, _: Scene) -> bytes:
        mark = "value-to-be-put-here"
        row = interaction(exchange.number, exchange.request, **{field: mark})
        return json.dumps(listed(row)).encode().replace(f'"{mark}"'.encode(), raw)

    return bodied(make)


def named(raw: bytes) -> Fault:
    """The right row whose name is these bytes within quotes."""

    def make(exchange: Exchange, _: Scene) -> bytes:
        row = interaction(exchange.number, exchange.request, flowName="name-to-be-put-here")
        return json.dumps(listed(row)).encode().replace(b"name-to-be-put-here", raw)

    return bodied(make)


def recoded(change: Callable[[bytes], bytes]) -> Fault:
    """The right body, its bytes changed."""
    return bodied(lambda exchange, scene: change(scene.desk.body(exchange)))


def status(status: int, *fields: tuple[str, str], body: bytes = PAGE, play: Act = nothing) -> Fault:
    """A status, with a body where it may have one."""
    content = b"" if status in (204, 304) else body
    fault = bodied(lambda _exchange, _scene: content, *fields, status=status)
    return replace(fault, play=play)


def paused(seconds: float, status_: int = 429, value: str | None = None) -> Fault:
    """A status that asks for a pause, which fits into the caller's wait."""

    async def play(scene: Scene) -> None:
        since = scene.slept
        while True:
            await scene.clock.asleep_for(seconds, since)
            since = len(scene.clock.asked)
            scene.clock.advance(seconds)

    fields = [] if value is None else [("retry-after", value)]
    return status(status_, *fields, play=play)


def dated(ahead: timedelta, play: Act = nothing) -> Fault:
    """A pause until a date."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        until = format_datetime(scene.clock.wall + ahead, usegmt=True)
        await exchange.write(whole(PAGE, ("retry-after", until), status=429))

    return Fault(strike, play=play)


def foreign_rows(exchange: Exchange) -> Any:
    """The right row, and one of another tenant."""
    foreign = interaction(999, exchange.request, tenantId=ELSEWHERE, flowName=FOREIGN_ROW)
    return listed(interaction(exchange.number, exchange.request), foreign)


def unasked_rows(exchange: Exchange) -> Any:
    """The right row, and one that was not asked for."""
    unasked = interaction(999, exchange.request, interactionAttributes=[], flowName="a row nobody asked for")
    return listed(interaction(exchange.number, exchange.request), unasked)


FOREIGN_TENANT = document(lambda exchange: listed(interaction(exchange.number, exchange.request), tenantId=ELSEWHERE))
