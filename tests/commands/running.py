"""The program as its users run it: a process of its own in an empty folder, with a clean environment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import httpx

from tests.commands.forking import PROJECT, Forked, fork
from tests.support.serving import NO_TLS

PROGRAM = (sys.executable, "-m", "app")
CANARY = "invented-canary-3c81f0"


def environment(**more: str) -> dict[str, str]:
    """Nothing of the developer's own settings."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **more}


def ran(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The program run to its end, output captured."""
    with TemporaryFile("w+", encoding="utf-8") as output, TemporaryFile("w+", encoding="utf-8") as errors:
        process = fork(folder, arguments, environment(**environ), output.fileno(), errors.fileno())
        try:
            code = process.wait(45)
        finally:
            process.kill()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())


def ran_afresh(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The same, where the start of the interpreter matters."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env=environment(**environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=45,
    )


@dataclass(slots=True)
class Running:
    """A program that has said it is ready, and what it said."""

    process: subprocess.Popen[str] | Forked
    said: list[str]
    errors: Path

    def url(self, label: str) -> str:
        """The origin of the first URL in the line that begins with `label`."""
        [line] = [line for line in self.said if line.strip().startswith(label)]
        url = httpx.URL(next(word for word in line.replace(",", "").split() if word.startswith("http")))
        return f"{url.scheme}://{url.netloc.decode()}"

    def ended(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Exit code and seconds from the signal to the end."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(30)
        return code, time.monotonic() - began


def launched(folder: Path, *arguments: str, **environ: str) -> Running:
    """The program started, nothing read yet."""
    errors = folder / f"stderr-{time.monotonic_ns()}"
    reader, writer = os.pipe()
    with errors.open("w") as stderr:
        process = fork(folder, arguments, environment(**environ), writer, stderr.fileno())
    os.close(writer)
    process.stdout = os.fdopen(reader, encoding="utf-8")
    return Running(process, [], errors)


def wait_until_ready(program: Running, last: str) -> None:
    """Read what it says up to the line that holds `last`."""
    assert program.process.stdout is not None
    for line in program.process.stdout:
        program.said.append(line)
        if last in line:
            return
    raise AssertionError(f"it ended: {program.said} {program.errors.read_text()}")


def put_away(program: Running) -> None:
    """End it, whatever the test has left of it."""
    if program.process.poll() is None:
        program.process.kill()
    program.process.wait()
    assert program.process.stdout is not None
    program.process.stdout.close()


@contextmanager
def started(folder: Path, *arguments: str, last: str = "stop", **environ: str) -> Iterator[Running]:
    """The program while it serves."""
    program = launched(folder, *arguments, **environ)
    try:
        wait_until_ready(program, last)
        yield program
    finally:
        put_away(program)


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=20, verify=NO_TLS)
