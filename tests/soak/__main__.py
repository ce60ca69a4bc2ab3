"""`make soak`: one table of figures under load, faults, signals and restarts; about five minutes."""

import argparse
import gc
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

from tests.benchmarks.machine import Cores, described, many_files, pinned
from tests.benchmarks.processes import ROOT
from tests.benchmarks.row import Measured
from tests.soak.rows import ROWS, Row
from tests.soak.stage import staged
from tests.soak.upstream import SEED

WHOLE, QUICK = 0.25, 0.05  # of the times that FAULTS names
NAMES = [row.name for row in ROWS if row.measure]
HEAD = "| row | what | target | reached | | how it was |\n|---|---|---|---|---|---|"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(prog="make soak ARGS=…", description=__doc__)
    options.add_argument("--quick", action="store_true", help="shorter, within two minutes")
    options.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    chosen = options.parse_args()
    cores, began = Cores.here(), perf_counter()
    many_files()
    gc.freeze()  # a full collection of what was imported would hold the generator for 100 ms, and whoever is due
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    print(f"Commit {commit or 'unknown'}; {described(cores)}; seed {SEED}", end="\n\n")
    print(HEAD, flush=True)
    with pinned(cores.load):
        for row in ROWS:
            if not chosen.only or row.name in chosen.only:
                print(line(row, _measured(row, cores, QUICK if chosen.quick else WHOLE)), flush=True)
    print(f"\n{perf_counter() - began:.0f} s")


def _measured(row: Row, cores: Cores, scale: float) -> Measured | Exception | None:
    """A row that fails costs the others nothing."""
    if row.measure is None:
        return None
    try:
        with tempfile.TemporaryDirectory() as folder, staged(cores, scale, Path(folder)) as stage:
            return row.measure(stage)
    except Exception as error:
        return error


def line(row: Row, measured: Measured | Exception | None) -> str:
    """A row as measured, or why not."""
    head = f"| {row.name} | {row.what} | {row.target} |"
    if measured is None:
        return f"{head} – | elsewhere | |"
    if isinstance(measured, Exception):
        return f"{head} – | not measured | {type(measured).__name__}: {str(measured)[:200]} |"
    verdict = "reached" if row.target.is_reached(measured.value) else "**misses**"
    return f"{head} {row.target.shown(measured.value)} | {verdict} | {measured.note} |"


if __name__ == "__main__":
    main()
