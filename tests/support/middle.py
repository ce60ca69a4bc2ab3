"""A proxy in front of the server of the tier: it lets through, delays, cuts, or answers in the server's place."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

CHUNK_BYTES = 65_536


class Middle:
    """Connections at `url` to the server's socket; each has threads of its own, as the load has the loop.

    Each part of an answer comes `delay` seconds late. While it `is_down` connections are ended. While there are
    `words`, every command gets them in place of an answer, and the server does not see it.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self.url = f"unix://{folder}/middle"
        self.delay = 0.0
        self.is_down = False
        self.words = b""
        self._server = server
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/middle")
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, as at the begin and the end of an outage."""
        for one in [*self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End them all, and take no more."""
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_down:
                    client.close()
                else:
                    threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError, EOFError):
            self._open |= {client}
            try:
                if self.words:
                    self._refuse(client)
                    return
                server.connect(str(self._server))
                threading.Thread(target=self._pass_back, args=(server, client), daemon=True).start()
                while sent := client.recv(CHUNK_BYTES):
                    server.sendall(sent)
            finally:
                self._open -= {client}

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while received := server.recv(CHUNK_BYTES):
                self._stopping.wait(self.delay)
                client.sendall(received)
            client.shutdown(socket.SHUT_RDWR)

    def _refuse(self, client: socket.socket) -> None:
        with client.makefile("rb") as commands:
            for _ in _commands(commands):
                client.sendall(self.words)


def _commands(stream: BinaryIO) -> Iterator[list[bytes]]:
    """The commands of a client: `*2`, then a length and so many bytes for each of its two words."""
    while first := stream.readline():
        yield [stream.read(int(stream.readline()[1:]) + 2)[:-2] for _ in range(int(first[1:]))]


@contextmanager
def running_middle(server: Path) -> Iterator[Middle]:
    """A proxy in front of the server that listens on this socket."""
    with TemporaryDirectory() as folder:
        middle = Middle(Path(folder), server)
        try:
            yield middle
        finally:
            middle.close()
