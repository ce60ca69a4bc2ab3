"""How connections are taken: a few in each turn of the loop, and none while no file is left for another one."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import cast

import pytest

from app.listener import acceptor
from app.listener.acceptor import MOST_UNSENT, TAKEN_AT_ONCE, Acceptor

BURST = 3 * TAKEN_AT_ONCE


class Counted(asyncio.Protocol):
    """A connection that counts itself, and closes with its client."""

    def __init__(self, made: list[asyncio.Transport], all_made: asyncio.Event) -> None:
        self.made, self.all_made = made, all_made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.append(cast("asyncio.Transport", transport))
        if len(self.made) >= BURST:
            self.all_made.set()


class Listener(socket.socket):
    """A listening socket that may have no file left; `accepted` counts what is taken in each turn of the loop."""

    full = False
    taken = 0

    def accept(self) -> tuple[socket.socket, object]:
        if self.full:
            raise OSError(errno.EMFILE, "too many open files")
        taken = super().accept()
        self.taken += 1
        return taken


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Listener, list[asyncio.Transport], asyncio.Event]]:
    made: list[asyncio.Transport] = []
    all_made = asyncio.Event()
    with Listener() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(BURST)
        server = Acceptor(listener, lambda: Counted(made, all_made))
        try:
            yield listener, made, all_made
        finally:
            server.close()
            await server.wait_closed()
            for transport in made:
                transport.abort()
            await asyncio.sleep(0)


def clients(listener: socket.socket, stack: ExitStack) -> None:
    for _ in range(BURST):
        stack.enter_context(socket.create_connection(listener.getsockname()))


async def test_of_a_burst_a_few_are_taken_in_each_turn() -> None:
    async with listening() as (listener, made, all_made):
        with ExitStack() as stack:
            clients(listener, stack)
            turns, before = [], 0
            while not all_made.is_set():
                await asyncio.sleep(0)
                turns.append(listener.taken - before)
                before = listener.taken
            assert max(turns) == TAKEN_AT_ONCE
            assert sum(turns) == BURST == len(made)


async def test_the_system_keeps_little_of_what_a_client_does_not_read() -> None:
    async with listening() as (listener, made, all_made):
        with ExitStack() as stack:
            clients(listener, stack)
            await all_made.wait()
            accepted = made[0].get_extra_info("socket")
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == MOST_UNSENT


async def test_where_no_file_is_left_taking_rests_and_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "PAUSE_SECONDS", 0)
    async with listening() as (listener, made, all_made):
        with ExitStack() as stack:
            listener.full = True
            clients(listener, stack)
            for _ in range(5):
                await asyncio.sleep(0)
            assert made == []
            listener.full = False
            await all_made.wait()
            assert len(made) == BURST
