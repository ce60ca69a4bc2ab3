"""The system around a running `serve`: the files it allows, streams that take nothing, memory that is given back."""

import contextlib
import fcntl
import os
import platform
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.commands.servers import OTHER_FILES, limits_of, share_of
from app.settings import load
from app.workers import ALONE, Worker
from tests.commands.forking import Forked, fork
from tests.commands.running import PROGRAM, environment, get, started
from tests.commands.test_serving import NOWHERE, SERVES, TENANT
from tests.commands.test_signals import HANG_SECONDS, says

FILES = 256
MIB = 1024 * 1024
GLIBC = platform.libc_ver()[0] == "glibc"
SCRIPT = """
import sys
from pathlib import Path
from app.commands.servers import return_large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

assert return_large_blocks() or "--without" in sys.argv
blocks = [bytes(8_000_000)]
blocks.clear()  # from now on glibc would take as much from its own heap
before = resident()
kept = []
for _ in range(100):
    blocks.append(b"x" * 1_000_000)
    kept.append(bytes(2_000))
blocks.clear()
print(resident() - before)
"""


@contextmanager
def files_allowed(most: int) -> Iterator[None]:
    """This process and those it starts may open so many."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("files", "concurrency", "connections"),
    [(1024, 8, 1024 - OTHER_FILES - 16), (20_000, 256, 20_000 - OTHER_FILES - 512), (FILES, 256, FILES // 2)],
)
def test_the_bound_of_all_connections_leaves_room_for_what_else_is_open(
    files: int, concurrency: int, connections: int
) -> None:
    settings = load({"upstream_concurrency": concurrency, "connections_per_address": 7}, environ={}, env_file=None)
    with files_allowed(files):
        limits = limits_of(settings)
    assert (limits.connections, limits.connections_per_peer) == (connections, 7)


@pytest.mark.threat("T49")
def test_more_connections_than_files_leave_those_alone_who_are_in(tmp_path: Path) -> None:
    with ExitStack() as crowd:
        with files_allowed(FILES):
            given = {**TENANT, "CXF_CONNECTIONS_PER_ADDRESS": "0", "CXF_UPSTREAM_URL": NOWHERE}
            facade = crowd.enter_context(started(tmp_path, "serve", "--port", "0", last=SERVES, **given))
        url = httpx.URL(facade.url(SERVES))
        kept = crowd.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=20))
        assert kept.get("/health/live").status_code == 200
        for _ in range(2 * FILES):
            crowd.enter_context(socket.create_connection((url.host, url.port or 0)))
        for _ in range(10):
            assert kept.get("/health/live").status_code == 200
        says(facade, "too-many-connections")
        assert "Traceback" not in facade.errors.read_text()
        assert "out of system resource" not in facade.errors.read_text()


class Streams(NamedTuple):
    """What a process is given as standard output and error, and what keeps it as it is."""

    output: int
    error: int
    held: tuple[int, ...] = ()


def full_disk() -> Streams:
    full = os.open("/dev/full", os.O_WRONLY)
    return Streams(full, full, (full,))


def nobody_reads() -> Streams:
    """Both are one pipe, which is full already."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 512)
    os.set_blocking(writer, True)
    return Streams(writer, writer, (reader, writer))


def reader_has_left() -> Streams:
    reader, writer = os.pipe()
    os.close(reader)
    return Streams(writer, writer, (writer,))


@pytest.mark.threat("T52")
@pytest.mark.parametrize(
    "made", [full_disk, nobody_reads, reader_has_left, None], ids=lambda made: str(made and made.__name__)
)
def test_it_serves_whatever_becomes_of_what_it_says(made: Callable[[], Streams] | None, tmp_path: Path) -> None:
    """None: both streams are closed."""
    with socket.socket() as holding:
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holding.bind(("127.0.0.1", 0))
        port = str(holding.getsockname()[1])
        arguments = ("serve", "--port", port, "--upstream-url", NOWHERE)
        process: Forked | subprocess.Popen[bytes]
        if made:
            output, error, held = made()
            process = fork(tmp_path, arguments, environment(**TENANT), output, error)
        else:
            closing = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *PROGRAM, *arguments]
            held = ()
            process = subprocess.Popen(closing, cwd=tmp_path, env=environment(**TENANT), stdin=subprocess.DEVNULL)
        try:
            answers(f"http://127.0.0.1:{port}/health/live", process)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
                for _ in range(50):
                    assert client.get("/whoami").status_code == 200
                    assert client.get("/nowhere").status_code == 404
            process.terminate()
            assert process.wait(HANG_SECONDS) == 0
        finally:
            process.kill()
            process.wait()
            for descriptor in held:
                os.close(descriptor)


def answers(url: str, process: Forked | subprocess.Popen[bytes]) -> None:
    """Wait until it answers: it cannot say that it does."""
    until = time.monotonic() + HANG_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            assert get(url).status_code == 200
        except httpx.ConnectError:
            os.sched_yield()
        else:
            return
    raise AssertionError(f"it does not answer: {process.poll()}")


@pytest.mark.skipif(not GLIBC, reason="a setting of glibc alone")
def test_what_large_blocks_took_is_given_back_whatever_small_ones_lie_between() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=50)
    assert int(run.stdout) < 10_000_000


def test_workers_divide_their_bounds_and_have_one_key_of_pseudonyms() -> None:
    given = {"upstream_concurrency": 3, "cache_bytes": 3 * MIB, "connections_per_address": 0}
    whole = load(given, environ={}, env_file=None)
    shares = [share_of(whole, Worker(n, n, 2, b"invented")) for n in (1, 2)]
    assert [one.upstream_concurrency for one in shares] == [2, 1]
    assert sum(one.cache_bytes for one in shares) == 3 * MIB
    assert {one.connections_per_address for one in shares} == {0}, "no bound stays none"
    assert shares[0].pseudonym_secret == shares[1].pseudonym_secret is not None
    assert share_of(whole, ALONE) is whole
