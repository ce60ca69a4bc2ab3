"""The façade as a demo: over invented data, with the simulator beside it in one process."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from app.commands.allocation import return_large_blocks
from app.commands.servers import Server, listen, listen_nearby, run, url_of
from app.commands.serving import limits_of
from app.listener.limits import ListenerLimits
from app.main import create_app
from app.observe import logs
from app.observe.streams import announce
from app.settings import load
from app.simulator import DEFAULT_PORT, SimulatorOptions, create_simulator

LOOPBACK = "127.0.0.1"
SHOWN = "read,metrics:read"  # the explorer shows the counters too
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
                count=facade.count_ended,
                forwarding=facade.forwarding,
                replays=facade.replays,
            ),
        ],
        ready=lambda: announce(shown.words()),
        ending=simulated.state.simulator.close,  # else answers it holds back would keep the façade waiting
    )


def _answers_for(options: SimulatorOptions) -> dict[str, object]:
    """The settings a demo decides itself; anyone may look at invented data."""
    return {
        "tenant_id": options.tenant_id,
        "username": options.username,
        "password": options.password,
        "allow_anonymous": True,
        "demo": True,
    }
