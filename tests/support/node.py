"""Node programs for tests, from the packages that tests/typescript pins with their hashes; installed once for all."""

import fcntl
import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests/typescript"
PROGRAMS = ("node", "npm")
NO_NETWORK = re.compile(r"EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A program's end, within four minutes."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def with_packages(folder: Path, reason: str) -> Path:
    """A copy of tests/typescript with its packages; where they cannot be had, skip for this reason, or fail in CI."""
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        _unavailable(f"no {' and no '.join(missing)} on this machine: {reason}")
    project = shutil.copytree(SOURCES, folder / "project")
    (project / "node_modules").symlink_to(_packages() / "node_modules")
    return project


def _packages() -> Path:
    """The folder of the installed packages, kept for the next run while the lock file is the same."""
    lock = sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()[:16]
    kept = ROOT / "build" / f"node-{lock}"
    kept.parent.mkdir(exist_ok=True)
    with Path(f"{kept}.lock").open("w") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        if kept.is_dir():
            return kept
        begun = kept.with_suffix(".begun")
        begun.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCES / name, begun)
        installed = run(begun, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
        if installed.returncode and NO_NETWORK.search(installed.stderr):
            _unavailable("the packages pinned in tests/typescript cannot be had from here")
        assert installed.returncode == 0, installed.stderr
        return begun.rename(kept)


def _unavailable(reason: str) -> None:
    pytest.fail(reason) if os.environ.get("REQUIRE_NODE") == "1" else pytest.skip(reason)
