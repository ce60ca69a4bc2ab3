"""The façade at work: for the configured tenant, or as a demo over invented data."""

import resource
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from app import logs
from app.commands.allocation import return_large_blocks
from app.commands.servers import Server, inherited, listen, listen_nearby, run, url_of
from app.commands.terminal import announce
from app.listener.limits import ListenerLimits
from app.main import create_app
from app.reloading import reload
from app.settings import Settings, load
from app.simulator import DEFAULT_PORT, SimulatorOptions, create_simulator

LOOPBACK = "127.0.0.1"
SHOWN = "read,metrics:read"  # the explorer shows the counters too
OTHER_FILES = 64  # descriptors that are no connection: standard streams, listener, loop, secrets while they are read
UNDRAINED = ListenerLimits(drain_seconds=0)


class Demo(NamedTuple):
    """What the demo shows once both servers listen."""

    facade: str
    simulator: str

    def words(self) -> str:
        """Where to look, what to try first, and how to stop."""
        at = self.facade.removeprefix("http://").replace(LOOPBACK, "localhost")
        return (
            "cxfacade demo: invented data, no credentials, no network\n"
            f"  open  {self.facade}/\n"
            f"  try   curl '{at}/interactions?attr=1234567'\n"
            f"  data  {self.simulator}/__sim/state (the simulator at {self.simulator})\n"
            "  stop  Ctrl-C\n"
        )


def serve(settings: Settings, read: Callable[[], Settings]) -> None:
    """The façade for the configured tenant, until a signal; `read` gives the settings anew, for SIGHUP.

    It listens where it is told to, or on the socket it inherits. Raises SettingsError, CannotListen.
    """
    logs.configure(settings.log_format, settings.log_level)
    return_large_blocks()
    listener = inherited()
    if listener:  # whoever may ask without a key is decided by where we listen (FAULTS T37)
        settings = settings.model_copy(update={"host": listener.getsockname()[0]})
    app = create_app(settings)
    facade = Server(
        app,
        listener or listen(settings.host, settings.port),
        limits_of(settings),
        app.count_ended,
        app.forwarding,
    )
    url = url_of(facade.listener)
    run(
        [facade],
        ready=lambda: announce(f"cxfacade serves {url}/interactions, its reference is {url}/docs\n"),
        reload=lambda: reload(read, app.state.reloadable),
    )


def demo(overrides: Mapping[str, object], options: SimulatorOptions, simulator_port: int | None = None) -> None:
    """Façade and simulator in one process, until a signal; nothing is taken from the environment or a file.

    The simulator listens on this port; where none is named, on its usual one or the next that is free.
    Raises SettingsError, CannotListen.
    """
    scopes = overrides.get("anonymous_scopes") or SHOWN
    settings = load({**overrides, **_answers_for(options), "anonymous_scopes": scopes}, environ={}, env_file=None)
    logs.configure(settings.log_format, settings.log_level)
    return_large_blocks()
    facade_listener = listen(settings.host, settings.port)
    if simulator_port is None:
        simulator_listener = listen_nearby(LOOPBACK, DEFAULT_PORT)
    else:
        simulator_listener = listen(LOOPBACK, simulator_port, flag="--simulator-port")
    shown = Demo(url_of(facade_listener), url_of(simulator_listener))
    simulated = create_simulator(options)
    facade = create_app(settings.model_copy(update={"upstream_url": shown.simulator}))
    run(
        [
            Server(simulated, simulator_listener, UNDRAINED),
            Server(
                facade,
                facade_listener,
                replace(limits_of(settings), drain_seconds=0),
                facade.count_ended,
                facade.forwarding,
            ),
        ],
        ready=lambda: announce(shown.words()),
        ending=simulated.state.simulator.close,  # else answers it holds back would keep the façade waiting
    )


def limits_of(settings: Settings) -> ListenerLimits:
    """The listener's bounds: its connections leave room among the files the system allows for what else is open."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = OTHER_FILES + 2 * settings.upstream_concurrency
    bound = 0 if most == resource.RLIM_INFINITY else max(most - others, most // 2)
    return ListenerLimits(connections_per_peer=settings.connections_per_address, connections=bound)


def _answers_for(options: SimulatorOptions) -> dict[str, object]:
    """The settings a demo decides itself; anyone may look at invented data."""
    return {
        "tenant_id": options.tenant_id,
        "username": options.username,
        "password": options.password,
        "allow_anonymous": True,
        "demo": True,
    }
