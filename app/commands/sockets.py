"""Listening sockets: bound by us, or handed over by whoever started the process."""

import contextlib
import errno
import socket

from app.errors import CxfacadeError
from app.settings import inherited_sockets, is_supervised

BACKLOG = 2048
MOST_PORTS_TRIED = 100
FIRST_INHERITED = 3  # after the three standard streams (sd_listen_fds(3))

REASONS = {
    errno.EADDRINUSE: "Port {port} is taken; choose another with {flag}.",
    errno.EACCES: "Port {port} needs more rights than this user has; choose one above 1023 with {flag}.",
    errno.EADDRNOTAVAIL: "The address is none of this machine's; choose another with --host.",
}
NO_ADDRESS = "The host to listen on has no usable address; choose another with --host."
NOT_ONE_SOCKET = "LISTEN_FDS hands over other than one listening TCP socket; hand over one, or none."


class CannotListen(CxfacadeError):
    """The address or port cannot be had; `detail` says which flag to change."""


def listen(host: str, port: int, flag: str = "--port") -> socket.socket:
    """A socket that takes connections at once, IPv4 where the name has both; port 0 is any free one.

    Raises CannotListen, which names the flag that chooses the port.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
    except (OSError, ValueError):
        raise CannotListen(NO_ADDRESS) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # now, as with SO_REUSEADDR two may bind one port, and the second to listen fails
    except OSError as error:
        listener.close()
        raise CannotListen(REASONS.get(error.errno or 0, NO_ADDRESS).format(port=port, flag=flag)) from None
    return listener


def listen_nearby(host: str, port: int) -> socket.socket:
    """As `listen`, on `port` or the next free one. Raises CannotListen where there is none."""
    for candidate in range(port, port + MOST_PORTS_TRIED):
        with contextlib.suppress(CannotListen):
            return listen(host, candidate)
    return listen(host, 0)


def inherited() -> socket.socket | None:
    """The socket that whoever started this process opened for it, if any: it outlives restarts. Raises CannotListen."""
    count = inherited_sockets()
    if not count:
        return None
    listener = socket.socket(fileno=FIRST_INHERITED)
    listener.set_inheritable(False)
    is_tcp = listener.family in {socket.AF_INET, socket.AF_INET6} and listener.type == socket.SOCK_STREAM
    if (
        (count > 1 and not is_supervised())
        or not is_tcp
        or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    ):
        listener.close()
        raise CannotListen(NOT_ONE_SOCKET)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a client on this machine finds it; an address that stands for all is shown as loopback."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def served_at(listener: socket.socket) -> str:
    """The line that says where the service is, once it answers."""
    url = url_of(listener)
    return f"cxfacade serves {url}/interactions, the explorer is {url}/ and the reference {url}/docs\n"
