"""Servers as processes of their own, each on the cores it is given; they say where they listen in their first line."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.benchmarks.client import Unanswered
from tests.benchmarks.machine import pinned

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
SECONDS_TO_END = 15
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens; `began` is the moment its process was started, by perf_counter."""

    url: str
    pid: int
    began: float

    def resident_bytes(self) -> int:
        """What the process holds of the machine's memory now."""
        return self._status("VmRSS")

    def most_resident_bytes(self) -> int:
        """The most it ever held."""
        return self._status("VmHWM")

    def cpu_seconds(self) -> float:
        """What the server and the processes it started have worked so far, in its own code and in the system's."""
        return _cpu_seconds(self.pid)

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(rf"(?m)^{name}:\s+(\d+) kB$", text)
        if found is None:
            raise Unanswered(f"The system does not tell {name}.")
        return int(found[1]) * 1024


def _cpu_seconds(pid: int) -> float:
    folder = Path(f"/proc/{pid}")
    facts = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()  # from the third field on
    children = (folder / f"task/{pid}/children").read_text(encoding="ascii").split()
    return (int(facts[11]) + int(facts[12])) / TICKS_A_SECOND + sum(_cpu_seconds(int(child)) for child in children)


@contextmanager
def process(
    command: Sequence[str], cores: frozenset[int], environ: Mapping[str, str], folder: Path = ROOT
) -> Iterator[Running]:
    """A Python server: `command` as after `python -m` in `folder`. Raises Unanswered where it ends unheard."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    began = perf_counter()
    with pinned(cores):
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env={**kept, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    with ending(child):
        yield Running(_address(command[0], child), child.pid, began)


@contextmanager
def ending(child: subprocess.Popen[str]) -> Iterator[None]:
    """End the child at last, kindly first."""
    try:
        yield
    finally:
        child.terminate()
        try:
            child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()


def _address(name: str, child: subprocess.Popen[str]) -> str:
    for line in child.stdout or ():
        if found := ADDRESS.search(line):
            return found.group()
    raise Unanswered(f"{name} ended before it listened, with exit code {child.wait()}.")


def free_port() -> int:
    """A port nobody listens on just now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
