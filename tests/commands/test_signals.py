"""What a server does when the machine speaks to it, from its start to its end: signals, and a socket it is handed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from app.errors import UpstreamAuth
from app.remedies import REMEDIES
from app.simulator import DEMO_PASSWORD, create_simulator
from tests.commands.running import (
    CANARY,
    PROGRAM,
    Running,
    environment,
    get,
    put_away,
    ran,
    started,
    wait_until_ready,
)
from tests.commands.test_serving import NOWHERE, SERVES, TENANT, asked_in_vain, control, listens_no_more
from tests.support.serving import serve_in_thread
from tests.support.simulator import QUIET

WARM = "/interactions?attr=valueOne"
NEW_PASSWORD = "invented-new-password-8d1f"
HANG_SECONDS = 30
TAKES = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid()); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)
"""What systemd does between fork and exec."""
SIGNALLED = """
import atexit, os, signal, sys
start, end = (eval(one) for one in sys.argv[1:3])
del sys.argv[1:3]

class AtTheImports:
    def find_spec(name, path, target):
        if name == "app.cli":
            for number in start:
                os.kill(os.getpid(), number)

atexit.register(lambda: [os.kill(os.getpid(), number) for number in end])
sys.meta_path.insert(0, AtTheImports)
from app.__main__ import main
main()
"""
"""The program, which gets signals as it begins to import itself, and others after its end."""


@pytest.fixture
def upstream() -> Iterator[str]:
    with serve_in_thread(create_simulator(QUIET)) as url:
        yield url


def serving(folder: Path, upstream: str, **environ: str) -> AbstractContextManager[Running]:
    return started(folder, "serve", "--port", "0", "--upstream-url", upstream, last=SERVES, **{**TENANT, **environ})


def drains(origin: str) -> None:
    """Wait until new connections are told that they end; all are answered."""
    until = time.monotonic() + HANG_SECONDS
    while time.monotonic() < until:
        answer = get(f"{origin}/health/live")
        assert answer.status_code == 200
        if answer.headers.get("connection") == "close":
            return
    raise AssertionError("it does not drain")


def says(program: Running, words: str, times: int = 1) -> None:
    """Wait until it has logged this."""
    until = time.monotonic() + HANG_SECONDS
    while program.errors.read_text().count(words) < times:
        assert time.monotonic() < until, program.errors.read_text()
        os.sched_yield()


def test_sigterm_answers_who_comes_still_and_what_has_begun(tmp_path: Path, upstream: str) -> None:
    with ThreadPoolExecutor() as threads, serving(tmp_path, upstream) as facade:
        url = facade.url(SERVES)
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as kept:
            assert "connection" not in kept.get("/health/live").headers
            begun = asked_in_vain(threads, url, upstream)
            facade.process.send_signal(signal.SIGTERM)
            drains(url)
            assert kept.get("/health/live").headers["connection"] == "close"
            control(upstream, "DELETE", "/faults")
            answer = begun.result(HANG_SECONDS)
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
            listens_no_more(url)
        assert facade.process.wait(HANG_SECONDS) == 0
        assert "Traceback" not in facade.errors.read_text()


def test_a_second_sigterm_waits_for_nobody(tmp_path: Path, upstream: str) -> None:
    with ThreadPoolExecutor() as threads, serving(tmp_path, upstream) as facade:
        begun = asked_in_vain(threads, facade.url(SERVES), upstream)
        facade.process.send_signal(signal.SIGTERM)
        drains(facade.url(SERVES))
        facade.process.send_signal(signal.SIGTERM)
        assert facade.process.wait(HANG_SECONDS) == 0
        assert begun.exception(HANG_SECONDS) or begun.result().status_code != 200, "nobody let upstream go on"


@pytest.mark.threat("T41")
def test_who_does_not_read_cannot_hold_the_end(tmp_path: Path, upstream: str) -> None:
    with serving(tmp_path, upstream) as facade:
        url = httpx.URL(facade.url(SERVES))
        assert get(f"{url}/interactions?limit=1000").status_code == 200
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((url.host, url.port or 0))
        deaf.sendall(b"GET /interactions?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        assert deaf.recv(12) == b"HTTP/1.1 200"
        facade.process.send_signal(signal.SIGTERM)
        assert facade.process.wait(HANG_SECONDS) == 0
        deaf.close()


@contextmanager
def load(url: str) -> Iterator[list[object]]:
    """Ask for the same, one request after the other, each on a connection of its own; what was answered."""
    over, answered = threading.Event(), list[object]()

    def ask() -> None:
        while not over.is_set():
            try:
                answered.append(get(url).status_code)
            except httpx.TransportError as error:
                answered.append(repr(error))

    with ThreadPoolExecutor() as threads:
        asking = threads.submit(ask)
        try:
            yield answered
        finally:
            over.set()
            asking.result()


@pytest.mark.threat("T08", "T09")
@pytest.mark.parametrize("auth", ["basic", "token"])
def test_sighup_takes_a_new_password_whole_or_not_at_all(auth: str, tmp_path: Path, upstream: str) -> None:
    secret = tmp_path / "password"
    secret.touch(0o600)
    secret.write_text(DEMO_PASSWORD)
    given = {"CXF_PASSWORD": "", "CXF_PASSWORD_FILE": str(secret), "CXF_AUTH": auth}
    with serving(tmp_path, upstream, **given) as facade, load(facade.url(SERVES) + WARM) as answered:
        cold = iter(range(1000))

        def hup(words: str, times: int = 1) -> None:
            facade.process.send_signal(signal.SIGHUP)
            says(facade, words, times)
            assert get(f"{facade.url(SERVES)}/interactions?limit=1&attr=cold-{next(cold)}").status_code == 200

        secret.write_text("")
        hup("CXF_PASSWORD_FILE (environment) names a file that is empty.")
        secret.write_text(CANARY)
        secret.chmod(0o620)
        hup("CXF_PASSWORD_FILE (environment) names a file that others may write")
        secret.chmod(0o600)
        hup(f"CXF_USERNAME and CXF_PASSWORD not taken; what was in force stays: {REMEDIES[UpstreamAuth]}")
        control(upstream, "POST", "/expire-tokens", password=NEW_PASSWORD)
        secret.write_text(NEW_PASSWORD)
        hup("The upstream credentials were read again.")
        hup("The upstream credentials were read again.", times=2)
    assert set(answered) == {200}
    said = facade.errors.read_text() + "".join(facade.said)
    assert not any(value in said for value in (CANARY, NEW_PASSWORD, DEMO_PASSWORD))


@pytest.mark.threat("T08")
def test_a_secret_that_others_may_write_is_no_start(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(CANARY)
    secret.chmod(0o602)
    refused = ran(tmp_path, "serve", **{**TENANT, "CXF_PASSWORD": "", "CXF_PASSWORD_FILE": str(secret)})
    assert (refused.returncode, refused.stdout, refused.stderr) == (
        2,
        "",
        "cxfacade: CXF_PASSWORD_FILE (environment) names a file that others may write; "
        "its mode must be 0644 or stricter, better 0440 or 0400.\n",
    )


@pytest.mark.threat("T08")
def test_a_secret_that_others_may_read_starts_with_a_warning(tmp_path: Path, upstream: str) -> None:
    """As Docker Swarm gives it; a secret of the group, as Kubernetes gives it, starts without."""
    secret = tmp_path / "password"
    secret.write_text(DEMO_PASSWORD)
    given = {"CXF_PASSWORD": "", "CXF_PASSWORD_FILE": str(secret)}
    for mode, warnings in ((0o444, 1), (0o440, 0)):
        secret.chmod(mode)
        with serving(tmp_path, upstream, **given) as facade:
            assert get(f"{facade.url(SERVES)}/health/live").status_code == 200
        said = facade.errors.read_text()
        assert said.count("CXF_PASSWORD_FILE (environment) names a file that others may read") == warnings
        assert DEMO_PASSWORD not in said


@pytest.mark.parametrize("command", ["serve", "demo", "simulate"])
def test_sigusr2_ends_no_process_that_has_no_workers(command: str, tmp_path: Path) -> None:
    last = SERVES if command == "serve" else "stop"
    given = {**TENANT, "CXF_UPSTREAM_URL": NOWHERE}
    with started(tmp_path, command, "--port", "0", last=last, **given) as program:
        program.process.send_signal(signal.SIGUSR2)
        says(program, "SIGUSR2 is passed over")
        assert program.ended()[0] == 0


def signalled(
    folder: Path, *arguments: str, start: Sequence[int] = (), end: Sequence[int] = ()
) -> AbstractContextManager[Running]:
    """The program, which gets these signals at its start and after its end."""
    numbers = (str([int(number) for number in each]) for each in (start, end))
    return begun(folder, SIGNALLED, *numbers, *arguments, environ={"CXF_UPSTREAM_URL": NOWHERE})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("arguments", [("serve",), ("serve", "--workers", "2"), ("demo",), ("simulate",)])
def test_a_start_is_ended_without_a_word(arguments: Sequence[str], number: int, tmp_path: Path) -> None:
    with signalled(tmp_path, *arguments, "--port", "0", start=[number]) as ended:
        assert ended.process.wait(HANG_SECONDS) == 0
        assert ended.process.stdout is not None
        assert ended.process.stdout.read() == ended.errors.read_text() == ""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_orders_that_come_during_the_start_or_after_the_end_end_nothing(workers: str, tmp_path: Path) -> None:
    orders = [signal.SIGHUP, signal.SIGUSR2]
    with signalled(tmp_path, "serve", "--port", "0", "--workers", workers, start=orders, end=orders) as program:
        wait_until_ready(program, SERVES)
        if workers == "1":
            says(program, "The upstream credentials were read again.")
            says(program, "SIGUSR2 is passed over")
        assert program.ended()[0] == 0
        assert "Traceback" not in program.errors.read_text()


@contextmanager
def handed(folder: Path, handing: socket.socket) -> Iterator[Running]:
    """`serve` on a socket that its starter holds, as systemd hands it over."""
    given = {"LISTEN_FDS": "1", "CXF_UPSTREAM_URL": NOWHERE}
    descriptor = handing.fileno()
    with begun(folder, TAKES, str(descriptor), *PROGRAM, "serve", environ=given, pass_fds=[descriptor]) as program:
        yield program


@contextmanager
def begun(
    folder: Path, code: str, *arguments: str, environ: Mapping[str, str], pass_fds: Sequence[int] = ()
) -> Iterator[Running]:
    """A new interpreter with this code, and the settings of the tenant."""
    errors = folder / f"stderr-{time.monotonic_ns()}"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=folder,
            env=environment(**environ, **TENANT),
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    program = Running(process, [], errors)
    try:
        yield program
    finally:
        put_away(program)


def test_two_processes_take_turns_at_one_socket_and_no_connection_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as outside:
        url = f"http://127.0.0.1:{outside.getsockname()[1]}"
        with handed(tmp_path, outside) as old:
            wait_until_ready(old, SERVES)
            assert old.url(SERVES) == url
            with handed(tmp_path, outside) as new, load(f"{url}/health/live") as answered:
                wait_until_ready(new, SERVES)
                assert old.ended()[0] == 0
                assert get(f"{url}/health/live").status_code == 200
            assert set(answered) == {200}


@pytest.mark.threat("T37")
def test_a_socket_beyond_loopback_asks_for_keys_whatever_the_setting_says(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as outside, handed(tmp_path, outside) as refused:
        assert refused.process.wait(HANG_SECONDS) == 2
        assert "CXF_ALLOW_ANONYMOUS" in refused.errors.read_text()


def test_a_socket_that_cannot_be_served_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as outside, handed(tmp_path, outside) as refused:
        assert refused.process.wait(HANG_SECONDS) == 1
        assert refused.errors.read_text() == (
            "cxfacade: LISTEN_FDS hands over other than one listening TCP socket; hand over one, or none.\n"
        )
