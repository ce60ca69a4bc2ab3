"""The program with its imports done once: each command is a fork, and in every other way a process of its own.

A start is nearly all imports, a second of computing; a fork of a process that has done them takes some milliseconds.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import IO, Any

PROJECT = Path(__file__).parents[2]
COMMANDS = ("servers", "simulated", "check", "keys")
LONGEST_REQUEST = 32_768
_ONE_AT_A_TIME = threading.Lock()


class Forked:
    """A command under way, with what `subprocess.Popen` offers of it."""

    def __init__(self, pid: int, told: socket.socket, stdout: IO[str] | None) -> None:
        self.pid = pid
        self.stdout = stdout
        self._told = told
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        if self._code is None:
            self._told.settimeout(timeout)
            try:
                self._code = int(self._told.recv(16))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("a fork", timeout or 0) from None
            self._told.close()
        return self._code

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def fork(folder: Path, arguments: tuple[str, ...], environ: Mapping[str, str], out: int, error: int) -> Forked:
    """Start a command: in this folder, with this environment and nothing to read, writing to these descriptors."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # a number and a code are two messages
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    request = json.dumps([str(folder), arguments, dict(environ), limits]).encode()
    assert len(request) < LONGEST_REQUEST
    with _ONE_AT_A_TIME, theirs:
        socket.send_fds(_warm_process(), [request], [out, error, theirs.fileno()])
    return Forked(int(ours.recv(16)), ours, None)


@functools.cache
def _warm_process() -> socket.socket:
    """The way to the warm process of this one, which ends with it."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "tests.commands.forking", str(theirs.fileno())]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, cwd=PROJECT, env=environ, pass_fds=[theirs.fileno()])
    theirs.close()

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait()

    return ours


def _forks(requests: socket.socket) -> None:
    """Fork for every request, until nobody can make another; returns in each fork, made as it was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 3)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            break
        for descriptor in descriptors:
            os.close(descriptor)
    requests.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told = socket.socket(fileno=descriptors.pop())
    if pid := os.fork():
        _keep(pid, told, descriptors)
    told.close()
    folder, arguments, environ, files = json.loads(request)
    _become(folder, arguments, environ, files, descriptors)


def _keep(pid: int, told: socket.socket, descriptors: list[int]) -> None:
    """Tell a fork's number, and its exit code when it has ended."""
    for descriptor in (*descriptors, 0, 1, 2):
        os.close(descriptor)
    told.send(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        told.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(
    folder: str, arguments: list[str], environ: dict[str, str], files: tuple[int, int], streams: list[int]
) -> None:
    """Make this process what one started with all this would be."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    sys.argv[1:] = arguments
    for number, descriptor in enumerate([os.open(os.devnull, os.O_RDONLY), *streams]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = _text(0, "r")
    sys.stdout = _text(1, "w", "surrogateescape")
    sys.stderr = _text(2, "w", "backslashreplace", 1)


def _text(descriptor: int, mode: str, errors: str = "strict", buffering: int = -1) -> Any:
    return open(descriptor, mode, buffering, encoding="utf-8", errors=errors, closefd=False)


@atexit.register  # first of all, so it comes last
def _end_at_once() -> None:
    """Leave out the taking apart of all that was imported, which takes as long as the imports did."""
    if code is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


code: int | None = None

if __name__ == "__main__":
    gc.disable()  # as the program does before its imports
    for command in COMMANDS:
        import_module(f"app.commands.{command}")
    program = import_module("app.__main__")
    gc.freeze()
    _forks(socket.socket(fileno=int(sys.argv[1])))
    code = 1
    try:
        program.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise
