"""An upstream in bytes on a port it never loses: it can be closed, filled up, made to fail over TLS, and mended."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import cast

from app.simulator.wire import Broken, reset
from tests.support.raw import Exchange, RawRequest, Script, _request

BACKLOG = 100
FILLING = 4  # connections that fill the backlog of a socket that takes none


class ScriptedUpstream:
    """One port of 127.0.0.1 and what arrives there; `script` answers each request, and may be changed at any time.

    Under TLS `certificate` is shown to whoever connects next; `handshakes` counts also those that fail.
    """

    def __init__(self, script: Script, certificate: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.certificate = certificate
        self.requests: list[RawRequest] = []
        self.connections = 0
        self.handshakes = 0
        self.failures: list[BaseException] = []
        self.open_now = 0
        self.open_most = 0
        self._reserved = _bound(0)  # so that nobody else is given the port while it is closed
        self.port: int = self._reserved.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._filling: list[socket.socket] = []
        self._turned = asyncio.Event()

    def url(self, host: str = "127.0.0.1") -> str:
        """Its origin, by address or by a name for it."""
        return f"http{'s' if self.certificate else ''}://{host}:{self.port}"

    async def listen(self) -> None:
        """Take connections."""
        await self.close()
        listener = _bound(self.port)
        context = None
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.sni_callback = self._shaking_hands
        self._server = await asyncio.start_server(
            self._accept, sock=listener, ssl=context, limit=2**20, backlog=BACKLOG
        )

    async def close(self) -> None:
        """Refuse connections, and end those there are."""
        for filler in self._filling:
            filler.close()
        self._filling.clear()
        if self._server:
            self._server.close()
        await self.hang_up()
        if self._server:
            await self._server.wait_closed()
        self._server = None

    async def fill(self) -> None:
        """Take no further connections: they hang, as the queue of those not yet accepted is full."""
        await self.close()
        full = _bound(self.port)
        full.listen(0)
        self._filling.append(full)
        for _ in range(FILLING):
            filler = socket.socket()
            filler.setblocking(False)
            self._filling.append(filler)
            filler.connect_ex(("127.0.0.1", self.port))

    async def hang_up(self) -> None:
        """End every connection there is, so that the next request opens a new one."""
        talks = dict(self._talks)
        for talk, writer in talks.items():
            writer.transport.abort()  # closing would wait for the other side's farewell under TLS
            talk.cancel()
        if talks:
            await asyncio.wait(talks)

    async def arrived(self, count: int) -> None:
        """Wait until so many requests have arrived in all."""
        while len(self.requests) < count:
            self._turned.clear()
            await self._turned.wait()

    async def aclose(self) -> None:
        """End, and raise what a script has raised."""
        await self.close()
        self._reserved.close()
        if self.failures:
            raise self.failures[0]

    def _shaking_hands(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        self.handshakes += 1
        connection.context = cast("ssl.SSLContext", self.certificate)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._talks[talk] = writer
        talk.add_done_callback(self._talks.pop)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        turn = 0
        try:
            while (request := await _request(reader)) is not None:
                turn += 1
                self.requests.append(request)
                self._turned.set()
                exchange = Exchange(request, len(self.requests), turn, writer)
                await self._answer(exchange)
                if exchange.gone:
                    return
        except (ConnectionError, asyncio.CancelledError):  # the client left while the script wrote, or it was hung up
            return
        except BaseException as error:
            self.failures.append(error)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _answer(self, exchange: Exchange) -> None:
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        try:
            await self.script(exchange)
        finally:
            self.open_now -= 1


async def speak(exchange: Exchange, broken: Broken) -> None:
    """Write what the simulator would write, and end likewise; an open connection takes the next request."""
    if broken.written:
        await exchange.write(broken.written)
    if broken.ending == "reset":
        await asyncio.sleep(0)
        exchange.gone = True
        reset(cast("asyncio.Transport", exchange._writer.transport))
    elif broken.ending == "close":
        exchange.close()


def _bound(port: int) -> socket.socket:
    """A socket with the port, not listening: whoever connects is refused."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


@contextlib.asynccontextmanager
async def scripted_upstream(
    script: Script, certificate: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedUpstream]:
    """An upstream that listens, until the end of the block."""
    upstream = ScriptedUpstream(script, certificate)
    await upstream.listen()
    try:
        yield upstream
    finally:
        await upstream.aclose()
