"""`cxfacade serve`, and the bounds and memory settings that it shares with the demo."""

import ctypes
import resource
import socket
from collections.abc import Callable
from contextlib import suppress

from app.commands.servers import Server, inherited, listen, run, url_of
from app.listener.limits import ListenerLimits
from app.main import Application, create_app
from app.observe import logs
from app.observe.streams import announce
from app.settings import Settings
from app.upkeep import reload

OTHER_FILES = 64  # descriptors that are no connection: standard streams, listener, loop, secrets while they are read
MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h
OWN_PAGES_BYTES = 128 * 1024  # glibc's own start, which it raises as it goes unless it is told


def serve(settings: Settings, read: Callable[[], Settings]) -> None:
    """Serve the configured tenant until a signal; `read` gives the settings anew, for SIGHUP.

    An inherited socket wins over host and port. Raises SettingsError, CannotListen.
    """
    logs.configure(settings.log_format, settings.log_level)
    return_large_blocks()
    listener = inherited()
    if listener:  # whoever may ask without a key is decided by where we listen (FAULTS T37)
        settings = settings.model_copy(update={"host": listener.getsockname()[0]})
    app = create_app(settings)
    facade = server_of(app, listener or listen(settings.host, settings.port), limits_of(settings))
    url = url_of(facade.listener)
    run(
        [facade],
        ready=lambda: announce(f"cxfacade serves {url}/interactions, its reference is {url}/docs\n"),
        reload=lambda: reload(read, app.state.reloadable),
    )


def server_of(app: Application, listener: socket.socket, limits: ListenerLimits) -> Server:
    """A server of the application, wired to the parts of it that the listener works with."""
    return Server(app, listener, limits, count=app.count_ended, forwarding=app.forwarding, replays=app.replays)


def limits_of(settings: Settings) -> ListenerLimits:
    """The listener's bounds: connections may use up the files that the system allows, less those for other uses."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = OTHER_FILES + 2 * settings.upstream_concurrency
    bound = 0 if most == resource.RLIM_INFINITY else max(most - others, most // 2)
    return ListenerLimits(connections_per_peer=settings.connections_per_address, connections=bound)


def return_large_blocks() -> bool:
    """Have blocks of 128 KiB and more go back to the system as soon as they are freed; whether it could be arranged.

    Else glibc keeps them for later: a full cache that replaced its answers took 1.36 times its bytes, with this 1.11.
    Other C libraries have no such setting, and nothing happens.
    """
    with suppress(OSError, TypeError, AttributeError):
        return bool(ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, OWN_PAGES_BYTES))
    return False
