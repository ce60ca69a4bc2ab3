"""The simulator at work on its own."""

from collections.abc import Mapping

from app.commands.servers import Server, listen, run, url_of
from app.listener.limits import ListenerLimits
from app.observe import logs
from app.observe.streams import announce
from app.settings import load
from app.simulator import SimulatorOptions, create_simulator


def simulate(overrides: Mapping[str, object], host: str, port: int, options: SimulatorOptions) -> None:
    """The simulator alone, until a signal. Raises SettingsError, CannotListen."""
    settings = load(overrides, environ={}, env_file=None)
    logs.configure(settings.log_format, settings.log_level)
    app = create_simulator(options)
    simulator = Server(app, listen(host, port), ListenerLimits(drain_seconds=0))
    url = url_of(simulator.listener)
    words = (
        f"cxfacade simulate: {url}\n"
        f"  tenant    {options.tenant_id}\n"
        f"  user      {options.username}, password {options.password}\n"
        f"  controls  {url}/__sim/state, and clock, faults, journal beside it\n"
        "  stop      Ctrl-C\n"
    )
    run([simulator], ready=lambda: announce(words), ending=app.state.simulator.close)
