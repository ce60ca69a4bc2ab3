"""Faults of connections: none comes about, it ends too soon, or what it brings is not HTTP."""

import socket
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

from app.simulator.wire import BROKEN, Broken, cut, head, whole
from tests.scenarios.matrix.answers import PAGE, THEIR_WORDS, bodied
from tests.scenarios.matrix.scene import Fault, Scene
from tests.support.raw import Exchange
from tests.support.scripted import speak

MEBIBYTE = 1024 * 1024


def wired(make: Callable[[bytes], Broken]) -> Fault:
    """The right body, broken on the wire."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        await speak(exchange, make(scene.desk.body(exchange)))

    return Fault(strike)


def broken(how: str) -> Fault:
    """As the simulator breaks it."""
    return wired(BROKEN[how])


def kept(fault: Fault) -> Fault:
    """The same, on connections that nobody closes: what was left on one may be read by the next request."""
    return replace(fault, keeps_connections=True)


async def _close(scene: Scene) -> None:
    await scene.upstream.close()


async def _listen(scene: Scene) -> None:
    await scene.upstream.listen()


async def _fill(scene: Scene) -> None:
    await scene.upstream.fill()


async def _forget_the_name(scene: Scene) -> None:
    known = socket.getaddrinfo

    def lookup(host: Any, *more: Any, **others: Any) -> Any:
        if host in (scene.setting.host, scene.setting.host.encode()):
            raise socket.gaierror(socket.EAI_NONAME, THEIR_WORDS)
        return known(host, *more, **others)

    scene.exits.enter_context(mock.patch.object(socket, "getaddrinfo", lookup))


async def _remember_the_name(scene: Scene) -> None:
    scene.exits.close()


def certified(kind: str) -> Fault:
    """Upstream shows another certificate."""

    async def begin(scene: Scene) -> None:
        scene.upstream.certificate = scene.certificates[kind]

    async def end(scene: Scene) -> None:
        scene.upstream.certificate = scene.certificates["good"]

    return Fault(begin=begin, end=end, counted="handshakes")


def redirected(status_: int, *, to_itself: bool = False) -> Fault:
    """A redirect to a spy, or round in a loop."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        location = scene.upstream.url() + exchange.request.target if to_itself else f"{scene.spy.url}/v1/x"
        body = b"" if status_ == 304 else PAGE
        await exchange.write(whole(body, ("location", location), status=status_))

    return Fault(strike)


def ending_at_second_turn(how: Broken, *, every: bool = False) -> Fault:
    """A kept connection ends at its second request, without a byte; `every`: so does the next one at its first."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        if every or exchange.turn > 1:
            await speak(exchange, how)
        else:
            await scene.desk(exchange)

    return Fault(strike, keeps_connections=True)


async def _endless_chunks(exchange: Exchange, scene: Scene) -> None:
    await exchange.write(head(("content-type", "application/json"), ("transfer-encoding", "chunked")))
    for _ in range(100):
        await exchange.write(b"%x\r\n" % MEBIBYTE + b" " * MEBIBYTE + b"\r\n")


def _bomb() -> bytes:
    """0.4 MB of gzip that would be 400 MB: one flushed block over and over, as no block refers to the one before."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = packing.compress(b"") + packing.flush(zlib.Z_FULL_FLUSH)
    block = packing.compress(bytes(MEBIBYTE)) + packing.flush(zlib.Z_FULL_FLUSH)
    return first + 400 * block


REFUSED = Fault(begin=_close, end=_listen, counted="calls")
NAMELESS = Fault(begin=_forget_the_name, end=_remember_the_name, counted="calls")
HANGING = Fault(begin=_fill, end=_listen, counted="calls")
RESET = wired(lambda _: Broken(ending="reset"))
RESET_IN_BODY = wired(lambda body: cut(body, ending="reset"))
NAMED_LENGTH = wired(lambda _: Broken(head(("content-length", str(100 * MEBIBYTE))), "open"))
CHUNKS = Fault(_endless_chunks)
BOMB = bodied(lambda _exchange, _scene: _bomb(), ("content-encoding", "gzip"))
