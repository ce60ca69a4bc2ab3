"""The command line as such: help, version, the OpenAPI document, and what it makes of odd input."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import __version__
from app.cli import DEMO, PUBLIC, main
from app.commands.sockets import CannotListen, listen, listen_nearby, url_of
from app.settings import SECRETS, SETTINGS
from tests.commands.forking import PROJECT
from tests.commands.running import CANARY, PROGRAM, environment, ran, ran_afresh

COMMANDS = ("demo", "serve", "simulate", "check", "openapi")
TENANT = "87165f24-f1d4-4b2e-acec-05ac94e0ead4"

# Arguments, and what the complaint must name.
ODD: dict[tuple[str, ...], str] = {
    ("frobnicate",): "frobnicate",
    ("--frobnicate",): "--frobnicate",
    ("serve", "now"): "now",
    ("serve", f"--password={CANARY}"): "--password",
    ("check", "--pseudonym-secret", CANARY): "--pseudonym-secret",
    ("serve", "--port"): "--port",
    ("serve", "--port", "http"): "CXF_PORT",
    ("serve", "--port", "-1"): "CXF_PORT",
    ("serve", "--port", "65536"): "CXF_PORT",
    ("serve", "--port", "8080.5"): "CXF_PORT",
    ("serve", "--host", "http://localhost"): "CXF_HOST",
    ("serve", "--host", "two words"): "CXF_HOST",
    ("serve", "--tenant-id", "87165f24"): "CXF_TENANT_ID",
    ("serve", "--auth", "bearer"): "CXF_AUTH",
    ("serve", "--time-zone", "Mars/Olympus"): "CXF_TIME_ZONE",
    ("serve", "--upstream-url", "http://api.example.com"): "CXF_UPSTREAM_URL",
    ("serve", "--upstream-url", f"https://user:{CANARY}@api.example.com"): "CXF_UPSTREAM_URL",
    ("serve", "--cache-bytes", "1"): "CXF_CACHE_BYTES",
    ("serve", "--fresh-open-seconds", "nan"): "CXF_FRESH_OPEN_SECONDS",
    ("serve", "--log-level", "loud"): "CXF_LOG_LEVEL",
    ("demo", "--port", "\x1b[2J\n"): "CXF_PORT",
    ("demo", "--tenant-id", TENANT): "--tenant-id",
    ("demo", "--latency", "glacial"): "--latency",
    ("demo", "--seed", "lucky"): "--seed",
    ("simulate", "--port", "65536"): "--port",
}
NOWHERE = ("no such host", "x.invalid", "192.0.2.1")


def refused(code: object, stdout: str, stderr: str, named: str) -> None:
    """The last line of the complaint names what is wrong; nothing else is let out."""
    assert code in {1, 2}
    assert named in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    assert CANARY not in stderr
    assert stdout == ""
    assert stderr.replace("\n", "").isprintable()


@pytest.mark.parametrize("arguments", ODD, ids=lambda arguments: ascii(" ".join(arguments)))
def test_odd_input_is_refused_by_naming_it(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CXF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["cxfacade", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    refused(ended.value.code, *capfd.readouterr(), ODD[arguments])


def test_an_address_nobody_can_listen_on_is_refused_by_naming_its_flag(tmp_path: Path) -> None:
    with ThreadPoolExecutor(max_workers=3) as threads:
        for run in threads.map(lambda host: ran(tmp_path, "simulate", "--host", host), NOWHERE):
            refused(run.returncode, run.stdout, run.stderr, "--host")


def test_every_command_explains_itself_and_its_flags(tmp_path: Path) -> None:
    with ThreadPoolExecutor(max_workers=3) as threads:
        runs = threads.map(lambda command: ran(tmp_path, command, "--help", COLUMNS="200"), COMMANDS)
        shown = dict(zip(COMMANDS, (run.stdout for run in runs), strict=True))
    for command, text in shown.items():
        usage, _, sentence, *_ = text.splitlines()
        assert usage.startswith(f"Usage: cxfacade {command}")
        assert sentence.strip().endswith(".")
    overview = ran(tmp_path, "--help").stdout
    assert all(text.splitlines()[2].strip() in overview for text in shown.values())
    for name in PUBLIC:
        assert f"--{name.replace('_', '-')} " in shown["serve"].replace("/", " ")
    assert not any(f"--{name.replace('_', '-')}" in shown["serve"] for name in SECRETS)
    assert "[default: read,metrics:read]" in " ".join(shown["demo"].split()), "its own, not that of the setting"


def test_the_program_says_what_it_can_do_when_asked_for_nothing(tmp_path: Path) -> None:
    shown = ran(tmp_path)
    assert all(command in shown.stdout + shown.stderr for command in COMMANDS)


def test_flags_cover_every_setting_that_is_no_secret() -> None:
    assert set(PUBLIC) == {row.name.removeprefix("CXF_").lower() for row in SETTINGS} - SECRETS
    assert not {"upstream_url", "tenant_id", "auth", "client_keys_file"} & set(DEMO)


def test_the_installed_program_is_the_same(tmp_path: Path) -> None:
    installed = Path(sys.executable).with_name("cxfacade")
    run = subprocess.run([installed, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout == ran(tmp_path, "--version").stdout == f"cxfacade {__version__}\n"


def test_the_openapi_document_is_the_one_in_the_repository(tmp_path: Path) -> None:
    plain = ran(tmp_path, "openapi")
    odd = ran_afresh(tmp_path, "openapi", CXF_MAX_ROWS="7", CXF_NONSENSE="1", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert odd.stdout == plain.stdout
    assert plain.stdout.encode() == (PROJECT / "openapi/facade.json").read_bytes()


@contextmanager
def deaf_pipe() -> Iterator[int]:
    """Where to write when nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@pytest.mark.parametrize("arguments", [("openapi",), ("--version",), ("--help",)], ids=str)
def test_a_reader_that_has_left_is_no_traceback(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with deaf_pipe() as nobody:
        run = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=tmp_path,
            env=environment(),
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert run.stderr == ""


def test_the_next_free_port_is_taken_where_any_will_do() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotListen, match=f"Port {port} is taken; choose another with --port."):
            listen("127.0.0.1", port)
        with listen_nearby("127.0.0.1", port) as second:
            assert second.getsockname()[1] != port


@pytest.mark.parametrize(("host", "shown"), [("localhost", "127.0.0.1"), ("0.0.0.0", "127.0.0.1")])
def test_the_address_shown_is_one_to_go_to(host: str, shown: str) -> None:
    with listen(host, 0) as listener:
        assert url_of(listener) == f"http://{shown}:{listener.getsockname()[1]}"
