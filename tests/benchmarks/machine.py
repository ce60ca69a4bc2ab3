"""The machine under the figures: which cores serve and which ask, and the versions that were measured."""

import os
import platform
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import NamedTuple

PACKAGES = ("uvicorn", "uvloop", "httptools", "fastapi", "starlette", "httpx", "msgspec", "orjson", "zstandard")


class Cores(NamedTuple):
    """One core for the server, the others for whoever asks it; with one core both share it."""

    server: frozenset[int]
    load: frozenset[int]

    @classmethod
    def here(cls) -> "Cores":
        """The cores this process may use, divided."""
        first, *others = sorted(os.sched_getaffinity(0))
        return cls(frozenset({first}), frozenset(others or [first]))


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """This process, and whatever it starts meanwhile, runs on `cores` alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def many_files() -> None:
    """As many open connections as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def described(cores: Cores) -> str:
    """Cores, load and versions, in one paragraph."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{platform.system()} {platform.machine()}, {len(cores.server | cores.load)} cores"
    load = f"load average {os.getloadavg()[0]:.2f} at the start"
    programs = ", ".join(filter(None, (_program("wrk", "-v"), _program("nginx", "-v"))))
    asks = programs or "neither wrk nor nginx: an asyncio load generator, and no row against nginx"
    return f"{system}, {load}; Python {platform.python_version()}, {packages}; {asks}"


def _program(name: str, flag: str) -> str:
    path = shutil.which(name)
    if path is None:
        return ""
    told = subprocess.run([path, flag], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[.\d]*", told.stdout + told.stderr)
    return f"{name} {found.group()}" if found else name
