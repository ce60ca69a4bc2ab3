"""`make bench`: one table of ratios, each of interleaved rounds in this run."""

import argparse
import gc
from contextlib import ExitStack
from time import perf_counter

from tests.benchmarks import nginx
from tests.benchmarks.budget import FULL, QUICK, WHOLE
from tests.benchmarks.client import Unanswered
from tests.benchmarks.machine import Cores, described, many_files, pinned
from tests.benchmarks.row import Measured, Row
from tests.benchmarks.rows import ROWS
from tests.benchmarks.scene import Scene
from tests.benchmarks.table import HEAD, line

NAMES = [row.name for row in ROWS]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    options.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes, within a minute")
    options.add_argument("--full", action="store_true", help="a whole day of 20,000 interactions, a million rows held")
    options.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    chosen = options.parse_args()
    cores, began = Cores.here(), perf_counter()
    many_files()
    print(described(cores), end="\n\n")
    print(HEAD, flush=True)
    with pinned(cores.load), ExitStack() as stack:
        scene = Scene(QUICK if chosen.quick else FULL if chosen.full else WHOLE, cores, stack)
        for row in ROWS:
            if not chosen.only or row.name in chosen.only:
                print(line(row, _measured(row, scene)), flush=True)
    print(f"\n{perf_counter() - began:.0f} s")


def _measured(row: Row, scene: Scene) -> Measured | Exception:
    """A row that fails costs the others nothing."""
    if row.name == "hit-nginx" and not nginx.is_installed():
        return Unanswered("nginx is not installed")
    gc.collect()
    try:
        return row.measure(scene)
    except Exception as error:
        return error


if __name__ == "__main__":
    main()
