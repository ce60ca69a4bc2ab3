"""The command line: names and flags of the commands, the flags made from the table of settings."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args

import typer

from app import __version__
from app.errors import CxfacadeError, SettingsError
from app.observe.streams import complain, hold_standard_descriptors, say
from app.settings import SECRETS, SETTINGS, Scope

BAD_USE, FAILED = 2, 1
SCOPES = ", ".join(get_args(Scope))

BY_ATTRIBUTE = {row.name.removeprefix("CXF_").lower(): row for row in SETTINGS}
SWITCHES = frozenset({"allow_anonymous"})

PUBLIC = tuple(name for name in BY_ATTRIBUTE if name not in SECRETS)  # a secret would stand in the list of processes
WHOSE_DATA = frozenset({"upstream_url", "tenant_id", "auth", "client_keys_file", "allow_anonymous", "workers"})
DEMO = tuple(name for name in PUBLIC if name not in WHOSE_DATA)
LOGS, KEYS = ("log_format", "log_level"), ("client_keys_file",)

Latency = Annotated[
    Literal["none", "fast", "typical", "bad-day"], typer.Option(help="How slow the simulated upstream is.")
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same invented data.")]
SimulatorPort = typer.Option(
    help="Port of the simulator; 0 lets the system choose. [default: 8090, or the next that is free]", min=0, max=65_535
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Probe = Annotated[
    bool,
    typer.Option("--probe", help="Ask the tenant also how upstream reads queries, by fewer than 30 reading calls."),
]
Overrides = Mapping[str, object]
Command = Callable[..., None]

program = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Run the program with the arguments of the process."""
    hold_standard_descriptors()
    program(prog_name="cxfacade")


def settings_flags(
    names: tuple[str, ...], *, environment: bool = False, usual: Mapping[str, str] = {}
) -> Callable[[Command], Command]:
    """Give a command a flag for each of these settings; it gets those given as `overrides`, None for the others.

    With `environment` a flag that is not given is looked for there, by the name of its setting. `usual` are values of
    the command's own for those given nowhere. A command that cannot start writes one line for each fault.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def called(**given: Any) -> None:
            try:
                command(overrides={name: given.pop(name) for name in names}, **given)
            except SettingsError as error:
                complain(error.faults)
                raise typer.Exit(BAD_USE) from None
            except CxfacadeError as error:
                complain([error.detail])
                raise typer.Exit(FAILED) from None

        own = [each for each in inspect.signature(command).parameters.values() if each.name != "overrides"]
        flags = [_flag(name, usual.get(name), environment=environment) for name in names]
        called.__dict__["__signature__"] = inspect.Signature([*own, *flags])
        return called

    return decorate


def _flag(name: str, usual: str | None, *, environment: bool) -> inspect.Parameter:
    row = BY_ATTRIBUTE[name]
    default = usual or row.default
    option = typer.Option(
        usual,
        help=row.description if default == "none" else f"{row.description} [default: {default}]",
        show_default=False,
        metavar=None if name in SWITCHES else "TEXT",
        envvar=row.name if environment else None,
        show_envvar=False,
    )
    annotation = bool | None if name in SWITCHES else str | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=annotation)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"cxfacade {__version__}\n")
        raise typer.Exit


@program.callback()
def cxfacade(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """One URL with flat, cached rows in front of the CxEngage reporting API."""


@program.command()
@settings_flags(DEMO, environment=True, usual={"anonymous_scopes": "read,metrics:read"})  # the explorer shows counters
def demo(
    overrides: Overrides,
    simulator_port: Annotated[int | None, SimulatorPort] = None,
    latency: Latency = "fast",
    seed: Seed = 7,
) -> None:
    """Serve invented data, without credentials or network."""
    from app.commands.simulated import demo
    from app.simulator import SimulatorOptions

    demo(overrides, SimulatorOptions(latency=latency, seed=seed), simulator_port)


@program.command()
@settings_flags(PUBLIC)
def serve(overrides: Overrides) -> None:
    """Serve the interactions of the configured tenant."""
    from app.settings import is_supervised, load

    read = functools.partial(load, overrides)
    settings = read()  # before the rest is imported: a wrong flag is answered at once
    if settings.workers > 1 and not is_supervised():
        from app.commands.supervisor import supervise

        raise typer.Exit(supervise(settings))
    from app.commands.servers import serve

    serve(settings, read)


@program.command()
@settings_flags(LOGS, environment=True)
def simulate(
    overrides: Overrides,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 lets the system choose.", min=0, max=65_535)] = 8090,
    latency: Latency = "none",
    seed: Seed = 7,
) -> None:
    """Run the simulated upstream alone."""
    from app.commands.simulated import simulate
    from app.simulator import SimulatorOptions

    simulate(overrides, host, port, SimulatorOptions(latency=latency, seed=seed))


@program.command()
@settings_flags(PUBLIC)
def check(overrides: Overrides, probe: Probe = False, json: AsJson = False) -> None:
    """Check the settings, log in upstream and fetch one row."""
    from app.commands.check import check

    if not check(overrides, probe=probe, as_json=json):
        raise typer.Exit(FAILED)


keys = typer.Typer(no_args_is_help=True, help="Make, show and revoke the keys of clients.")
program.add_typer(keys, name="keys")


@keys.command("new")
@settings_flags(KEYS)
def new_key(
    overrides: Overrides,
    label: Annotated[str, typer.Argument(help="What the key is called in logs and lists.")],
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help=f"What it may do: {SCOPES}. Several with commas. [default: read]")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="A web origin whose pages may use it; several with commas.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="90d, a date, or a time with its zone. [default: never]")] = None,
    quota: Annotated[int | None, typer.Option(help="Requests a minute. [default: none]")] = None,
    json: AsJson = False,
) -> None:
    """Make a key, and print it this once."""
    from app.commands.keys import new

    scopes = ["read"] if scope is None else scope
    new(overrides, label, scopes=scopes, origins=origin or [], expires=expires, quota=quota, as_json=json)


@keys.command("list")
@settings_flags(KEYS)
def list_keys(overrides: Overrides, json: AsJson = False) -> None:
    """Show every key with what it may do, and never the key."""
    from app.commands.keys import show

    show(overrides, as_json=json)


@keys.command("revoke")
@settings_flags(KEYS)
def revoke_key(
    overrides: Overrides, label: Annotated[str, typer.Argument(help="The key's label.")], json: AsJson = False
) -> None:
    """Take a key away from its client."""
    from app.commands.keys import revoke

    revoke(overrides, label, as_json=json)


@program.command()
def openapi() -> None:
    """Print the OpenAPI document of the service."""
    from app.http.openapi import text
    from app.interactions.grains import GRAINS
    from app.settings import load

    say(text(GRAINS, load(environ={}, env_file=None).max_rows))
