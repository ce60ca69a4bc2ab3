"""Faults of circumstance: upstream keeps us waiting, knows our credentials no more, or a clock is wrong.

A caller's wait and a fetch's life end by the clock; a silence ends by the socket's own time-out.
"""

import asyncio
from datetime import timedelta
from email.utils import format_datetime

from app.simulator.wire import cut, head, whole
from tests.scenarios.matrix.answers import THEIR_WORDS
from tests.scenarios.matrix.desk import is_login
from tests.scenarios.matrix.scene import Fault, Scene
from tests.scenarios.matrix.setting import OTHER_VALUE, WAIT
from tests.support.raw import Exchange
from tests.support.scripted import speak

DRIP_SECONDS = 4


async def _until_the_wait_is_over(scene: Scene) -> None:
    await scene.upstream.arrived(len(scene.upstream.requests) - scene.calls + 1)
    await scene.clock.asleep_for(WAIT, scene.slept)
    scene.clock.advance(WAIT)
    await asyncio.Event().wait()


async def _silence(exchange: Exchange, scene: Scene) -> None:
    await asyncio.Event().wait()


async def _half(exchange: Exchange, scene: Scene) -> None:
    await speak(exchange, cut(scene.desk.body(exchange), ending="open"))
    await asyncio.Event().wait()


def dripping(first: bytes, then: bytes) -> Fault:
    """`first`, then byte after byte of `then`: one for each turn of the clock by DRIP_SECONDS."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        await exchange.write(first)
        for byte in then:
            scene.dripped.release()
            await scene.turned.acquire()
            await exchange.write(bytes([byte]))

    async def play(scene: Scene) -> None:
        while True:
            await scene.dripped.acquire()
            scene.clock.advance(DRIP_SECONDS)
            scene.turned.release()

    return Fault(strike, play=play)


def dripping_body() -> Fault:
    """A head at once, and a body that never ends."""
    return dripping(head(("content-type", "application/json"), ("content-length", "100000")), b" " * 1000)


def dripping_head() -> Fault:
    """A head that never ends."""
    return dripping(b"", b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 1000)


async def _expire(scene: Scene) -> None:
    scene.desk.granted.clear()


async def _refused(exchange: Exchange, scene: Scene) -> None:
    await (scene.desk(exchange) if is_login(exchange) else exchange.json({"error": THEIR_WORDS}, 401))


def refused_login(status: int) -> Fault:
    """The token has expired, and logging in is refused."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        await exchange.json({"error": THEIR_WORDS}, status if is_login(exchange) else 401)

    return Fault(strike, begin=_expire)


def upstream_days_off(days: int) -> Fault:
    """Upstream's Date is days off."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        date = format_datetime(scene.clock.wall + timedelta(days=days), usegmt=True)
        await exchange.write(whole(scene.desk.body(exchange), ("date", date)))

    return Fault(strike)


def wall_hours_off(hours: int) -> Fault:
    """Our wall clock is set by hours."""

    async def step(scene: Scene) -> None:
        scene.clock.step(wall=3600 * hours)

    return Fault(begin=step)


async def _hold(scene: Scene) -> None:
    scene.broken = True
    before = len(scene.upstream.requests)
    asking = scene.facade.get("/interactions", ("attr", OTHER_VALUE), status=None)
    scene.held.append(asyncio.create_task(asking))
    await scene.upstream.arrived(before + 1)


async def _release(scene: Scene) -> None:
    scene.held_gate.set()


async def _at_the_gate(exchange: Exchange, scene: Scene) -> None:
    await scene.held_gate.wait()
    await scene.desk(exchange)


async def _until_the_slot_is_given_up(scene: Scene) -> None:
    limits, is_told = scene.setting.limits, False
    while not is_told:
        foreground = asyncio.ensure_future(scene.clock.asleep_for(limits.slot_wait_seconds, scene.slept))
        behind = asyncio.ensure_future(scene.clock.asleep_for(limits.background_slot_wait_seconds, scene.slept))
        try:
            await asyncio.wait({foreground, behind}, return_when=asyncio.FIRST_COMPLETED)
            is_told = foreground.done()
            seconds = limits.slot_wait_seconds if is_told else limits.background_slot_wait_seconds
            scene.slept = len(scene.clock.asked)
            scene.clock.advance(seconds)
        finally:
            foreground.cancel()
            behind.cancel()


SILENT = Fault(_silence, play=_until_the_wait_is_over)
STALLED = Fault(_half, play=_until_the_wait_is_over)
EXPIRED = Fault(begin=_expire)
REFUSED_ALWAYS = Fault(_refused)
TAKEN = Fault(_at_the_gate, begin=_hold, end=_release, play=_until_the_slot_is_given_up, keeps_connections=True)
