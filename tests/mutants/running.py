"""One mutant tried: a fork of this process imports it in place of the module and runs the tests until one fails."""

import ast
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).parents[2]

POLL_SECONDS = 0.02
WEIRD = 99  # an exit code that no run of pytest has
FLAGS = (
    "-q",
    "-x",
    "--assert=plain",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "--hypothesis-seed=0",
    "--timeout=0",
    "--no-header",
)
LIBRARIES = ("fastapi", "httpx", "hypothesis", "pydantic", "pytest_asyncio", "msgspec", "uvicorn", "zstandard")


class Outcome(NamedTuple):
    """Whether the tests passed, or None where they took too long; and how long it was."""

    passed: bool | None
    seconds: float


class Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module from a tree of one's own."""

    def __init__(self, module: str, tree: ast.Module, path: Path) -> None:
        self._module = module
        self._path = path
        self._code: CodeType = compile(tree, str(path), "exec")

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The one module."""
        if name != self._module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(self._path))

    def exec_module(self, module: ModuleType) -> None:
        """Run the tree."""
        exec(self._code, module.__dict__)


def warm() -> None:
    """Import what every fork needs and no mutant changes: that is most of the time a run of tests takes."""
    os.chdir(PROJECT)
    sys.path.insert(0, str(PROJECT))
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not [name for name in sys.modules if name.split(".")[0] == "app"], "a mutant has to be imported anew"
    gc.collect()
    gc.freeze()


def path_of(module: str) -> Path:
    """Where a module stands."""
    return PROJECT / (module.replace(".", "/") + ".py")


class Trial:
    """A fork at work."""

    def __init__(self, module: str, tree: ast.Module, tests: Sequence[str], most_seconds: float) -> None:
        self.began = time.monotonic()
        self._most_seconds = most_seconds
        self._pid = os.fork()
        if self._pid == 0:
            os._exit(_tried(module, tree, tests))

    def outcome(self) -> Outcome | None:
        """What came of it; None while it goes on."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        seconds = time.monotonic() - self.began
        if pid:
            return Outcome(os.waitstatus_to_exitcode(status) == 0, seconds)
        if seconds < self._most_seconds:
            return None
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        return Outcome(None, seconds)


def _tried(module: str, tree: ast.Module, tests: Sequence[str]) -> int:
    os.setpgid(0, 0)
    try:
        with _silent():
            sys.meta_path.insert(0, Instead(module, tree, path_of(module)))
            return int(pytest.main([*FLAGS, *tests]))
    except BaseException:
        return WEIRD


@contextmanager
def _silent() -> Iterator[None]:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    yield
