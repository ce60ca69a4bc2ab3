"""`cxfacade demo` and `cxfacade simulate`: the service over invented data, and the simulated upstream alone."""

from collections.abc import Mapping
from dataclasses import replace

from app.commands.servers import Server, limits_of, return_large_blocks, run, server_of
from app.commands.sockets import listen, listen_nearby, url_of
from app.listener.limits import ListenerLimits
from app.listener.state import ListenerState
from app.main import create_app
from app.observe import logs
from app.observe.streams import announce
from app.settings import load
from app.simulator import DEFAULT_PORT, SimulatorOptions, create_simulator

LOOPBACK = "127.0.0.1"
ROWS, LEAST_PER_HOUR = 6_000, 20.0  # some arrive within minutes, whenever it is looked at
UNDRAINED = ListenerLimits(drain_seconds=0)


def demo(overrides: Mapping[str, object], options: SimulatorOptions, simulator_port: int | None = None) -> None:
    """Serve invented data until a signal, with the simulator in the same process; environment and files are not read.

    `simulator_port` is where the simulator listens; without it, on its usual port or the next that is free.
    Raises SettingsError, CannotListen.
    """
    decided = {
        "tenant_id": options.tenant_id,
        "username": options.username,
        "password": options.password,
        "allow_anonymous": True,  # anyone may look at invented data
        "demo": True,
    }
    settings = load({**overrides, **decided}, environ={}, env_file=None)
    logs.configure(settings.log_format, settings.log_level)
    return_large_blocks()
    facade_listener = listen(settings.host, settings.port)
    if simulator_port is None:
        simulator_listener = listen_nearby(LOOPBACK, DEFAULT_PORT)
    else:
        simulator_listener = listen(LOOPBACK, simulator_port, flag="--simulator-port")
    url, simulator_url = url_of(facade_listener), url_of(simulator_listener)
    simulated = create_simulator(replace(options, interactions=ROWS, least_per_hour=LEAST_PER_HOUR))
    facade = create_app(settings.model_copy(update={"upstream_url": simulator_url}))
    words = (
        "cxfacade demo: invented data, no credentials, no network\n"
        f"  open  {url}/\n"
        f"  try   curl '{url.removeprefix('http://').replace(LOOPBACK, 'localhost')}/interactions?attr=1234567'\n"
        f"  data  {simulator_url}/__sim/state (the simulator at {simulator_url})\n"
        "  stop  Ctrl-C\n"
    )
    run(
        [
            Server(simulated, simulator_listener, ListenerState(UNDRAINED)),
            server_of(facade, facade_listener, replace(limits_of(settings), drain_seconds=0)),
        ],
        ready=lambda: announce(words),
        ending=simulated.state.simulator.close,  # else answers it holds back would keep the façade waiting
    )


def simulate(overrides: Mapping[str, object], host: str, port: int, options: SimulatorOptions) -> None:
    """Serve the simulated upstream alone until a signal. Raises SettingsError, CannotListen."""
    settings = load(overrides, environ={}, env_file=None)
    logs.configure(settings.log_format, settings.log_level)
    app = create_simulator(options)
    simulator = Server(app, listen(host, port), ListenerState(UNDRAINED))
    url = url_of(simulator.listener)
    words = (
        f"cxfacade simulate: {url}\n"
        f"  tenant    {options.tenant_id}\n"
        f"  user      {options.username}, password {options.password}\n"
        f"  controls  {url}/__sim/state, and clock, faults, journal beside it\n"
        "  stop      Ctrl-C\n"
    )
    run([simulator], ready=lambda: announce(words), ending=app.state.simulator.close)
