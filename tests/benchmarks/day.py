"""A day of dashboards, of this tree and of one before: `python -m tests.benchmarks.day` prints all its figures."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree

from tests.benchmarks.client import Unanswered
from tests.benchmarks.earlier import COMMIT, tree
from tests.benchmarks.machine import pinned
from tests.benchmarks.processes import ROOT
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import Scene
from tests.benchmarks.stretch import Outcome, Stretch, Tally, Verdict

PROGRAM = "tests.benchmarks.driven"
PROCESSES = 3
MOST_TOLD = 10  # of the answers unlike a whole reading


def rows_per_row(scene: Scene) -> Measured:
    """Rows that upstream sends for each distinct row."""
    verdict = _now(scene).verdict
    made_of = f"{verdict.calls:,} calls, {verdict.rows:,} rows, {verdict.first:,} distinct"
    settled = f"settled and sent again early {verdict.settled_early:,}, {verdict.uncaused:,} of them without a cause"
    return Measured(verdict.rows_per_row, f"{made_of}; membership {verdict.readings_per_row:.3f}; {settled}")


def calls(scene: Scene) -> Measured:
    """Calls to upstream, against the commit before."""
    now, before = _now(scene).verdict.calls, _before(scene).verdict.calls
    return Measured(now / before, f"{now:,} against {before:,}; {_told(scene.budget.day)}")


def not_modified(scene: Scene) -> Measured:
    """The share of polls without news that are answered with 304."""
    tally = _now(scene).tally
    sent = f"{tally.answers:,} answers, {tally.not_modified:,} of them 304; {tally.same:,} with a 200 and without news"
    return Measured(tally.unchanged_share, sent)


def shared_rows(scene: Scene) -> Measured:
    """Rows that upstream sends three processes with a tier, of which one is replaced each minute, for each row."""
    with pinned(scene.cores.server):
        verdict = run(ROOT, replace(scene.budget.day, processes=PROCESSES)).verdict
    made_of = f"{verdict.calls:,} calls, {verdict.rows:,} rows, {verdict.first:,} distinct"
    return Measured(verdict.rows_per_row, f"{made_of}; membership {verdict.readings_per_row:.3f}")


@cache
def _now(scene: Scene) -> Outcome:
    with pinned(scene.cores.server):
        return run(ROOT, scene.budget.day)


@cache
def _before(scene: Scene) -> Outcome:
    with pinned(scene.cores.server), tree_before() as folder:
        return run(folder, scene.budget.day)


@contextmanager
def tree_before(commit: str = COMMIT) -> Iterator[Path]:
    """The application of a commit, with the simulator of this tree. Raises Unanswered where git does not know it."""
    with tree(commit) as folder:
        rmtree(folder / "app/simulator")
        copytree(ROOT / "app/simulator", folder / "app/simulator")
        yield folder


def run(folder: Path, stretch: Stretch) -> Outcome:
    """The outcome of a stretch, run by the application in a folder. Raises Unanswered where it fails."""
    command = [sys.executable, "-P", "-m", PROGRAM, json.dumps(asdict(stretch))]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT)))}
    ended = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        raise Unanswered(f"The day ended with status {ended.returncode}.")
    told = json.loads(ended.stdout)
    return Outcome(Verdict(**told.pop("verdict")), Tally(**told.pop("tally")), **told)


def figures(outcome: Outcome) -> dict[str, str]:
    """All figures by their names, as they are shown."""
    verdict, tally = outcome.verdict, outcome.tally
    return {
        "calls": f"{verdict.calls:,}",
        "of these counts without rows": f"{verdict.counting:,}",
        "rows": f"{verdict.rows:,}",
        "distinct rows": f"{verdict.first:,}",
        "distinct rows and versions": f"{verdict.versions:,}",
        "rows per distinct row": f"{verdict.rows_per_row:.2f}",
        "rows per distinct row and version": f"{verdict.rows_per_version:.2f}",
        "first readings per distinct row": f"{verdict.readings_per_row:.3f}",
        "sent again, allowance run out": f"{verdict.due:,}",
        "sent again early": f"{verdict.early:,}",
        "of these between due ones": f"{verdict.beside:,}",
        "rows due by the schedule alone": f"{verdict.owed:,}",
        "rechecks, of these": f"{verdict.rechecks_per_owed:.2f}",
        "rechecks with the rows between them, of these": f"{verdict.again_per_owed:.2f}",
        "later than promised": f"{verdict.late:,}",
        "settled rows sent again": f"{verdict.settled_again:,}",
        "settled rows sent again early": f"{verdict.settled_early:,}",
        "of these without a cause": f"{verdict.uncaused:,}",
        "polls": f"{tally.polls:,}",
        "answers": f"{tally.answers:,}",
        "304 of all answers": f"{tally.not_modified_share:.1%}",
        "304 of answers without news": f"{tally.unchanged_share:.1%}",
        "same ids as a whole reading": f"{outcome.same_ids} of {outcome.compared}",
        "same rows as a whole reading": f"{outcome.same_rows} of {outcome.compared}",
        "same rows as a whole reading at `as_of`": f"{outcome.same_as_of} of {outcome.compared}",
        "processor seconds": f"{outcome.cpu_seconds:.0f}",
    }


def _told(stretch: Stretch) -> str:
    return f"{stretch.seconds / 60:g} min from {stretch.from_hour}:00 of a day of {stretch.per_weekday:,}"


def main() -> None:
    """Run it in this tree, and in another with `--before`; print a table."""
    options, usual = argparse.ArgumentParser(prog="python -m tests.benchmarks.day", description=__doc__), Stretch()
    options.add_argument("--per-weekday", type=int, default=usual.per_weekday, help="interactions a weekday")
    options.add_argument("--from-hour", type=int, default=usual.from_hour, help="of the day")
    options.add_argument("--seconds", type=int, default=usual.seconds, help="how long the boards poll")
    options.add_argument("--samples", type=int, default=usual.samples, help="polls compared with whole readings")
    options.add_argument("--processes", type=int, default=usual.processes, help="façades, which share a tier")
    options.add_argument("--before", metavar="COMMIT", help=f"a commit to compare with, such as {COMMIT}")
    chosen = vars(options.parse_args())
    commit = chosen.pop("before")
    stretch = Stretch(**chosen)
    outcomes = {"this tree": run(ROOT, stretch)}
    if commit:
        with tree_before(commit) as folder:
            outcomes[commit] = run(folder, stretch)
    columns = [figures(one) for one in outcomes.values()]
    print(f"{_told(stretch)}\n\n| | {' | '.join(outcomes)} |\n|---|{'---|' * len(outcomes)}")
    for name in columns[0]:
        print(f"| {name} | {' | '.join(told[name] for told in columns)} |")
    for tree_name, one in outcomes.items():
        for words in one.unlike[:MOST_TOLD]:
            print(f"\n{tree_name}: {words}")


if __name__ == "__main__":
    main()
