"""The commit before, checked out beside this tree, and both measured in turn by the same interpreter."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.client import Unanswered
from tests.benchmarks.machine import pinned
from tests.benchmarks.processes import ROOT
from tests.benchmarks.records import TENANT_ID, page
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import Scene

COMMIT = "f48b4d9"  # the last one before a page was decoded at once
PROGRAM = Path(__file__).with_name("asked.py")
ROWS = 1_000
BLOCKS = ((0, 100), (100, 900))  # offset and limit of the façade's calls (DESIGN §4)

Seconds = dict[str, float]


@contextmanager
def tree(commit: str = COMMIT) -> Iterator[Path]:
    """A folder with the application of a commit. Raises Unanswered where git does not know it."""
    archive = subprocess.run(["git", "archive", commit, "app"], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise Unanswered(f"git does not know {commit}.")
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def page_to_answer(scene: Scene) -> Measured:
    """All that stands between the page's last byte and the answer's first, storing included."""
    before, now = _in_turns(scene)
    return Measured(now["miss"] / before["miss"], f"{_ms(now, 'miss')} against {_ms(before, 'miss')}; {_loads(now)}")


def refresh(scene: Scene) -> Measured:
    """A page that is received again as it was."""
    before, now = _in_turns(scene)
    return Measured(
        now["refresh"] / now["loads"], f"{_ms(now, 'refresh')}, before {_ms(before, 'refresh')}; {_loads(now)}"
    )


@cache
def _in_turns(scene: Scene) -> tuple[Seconds, Seconds]:
    """Before and now: the least of each, of rounds that alternate."""
    with tree() as earlier, TemporaryDirectory() as pages, pinned(scene.cores.server):
        for offset, limit in BLOCKS:
            (Path(pages) / f"{offset}.json").write_bytes(page("benchmark", ROWS, offset, limit))
        rounds = [(_run(earlier, pages), _run(ROOT, pages)) for _ in range(scene.budget.starts)]
    before, now = zip(*rounds, strict=True)
    return _least(before), _least(now)


def _run(folder: Path, pages: str) -> Seconds:
    command = [sys.executable, "-P", str(PROGRAM), pages, TENANT_ID, "/interactions", f"attr=benchmark&limit={ROWS}"]
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    seconds: Seconds = json.loads(subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE).stdout)
    return seconds


def _least(rounds: tuple[Seconds, ...]) -> Seconds:
    return {name: min(one[name] for one in rounds) for name in rounds[0]}


def _ms(seconds: Seconds, name: str) -> str:
    return f"{1000 * seconds[name]:.1f} ms"


def _loads(seconds: Seconds) -> str:
    return f"orjson.loads {_ms(seconds, 'loads')}"
