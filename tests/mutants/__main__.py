"""Try every mutant of the chosen modules; exits with 1 where too few are noticed."""

import argparse
import ast
import os
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.mutants.changing import Mutant, mutants
from tests.mutants.running import Outcome, Trial, path_of, warm
from tests.mutants.table import EQUIVALENT, SUBJECTS, Subject

TIMES_AS_LONG, AT_LEAST_SECONDS = 5, 20.0
POLL_SECONDS = 0.02


class Survivor(NamedTuple):
    """A mutant that no test noticed."""

    mutant: Mutant
    text: str
    reason: str = ""


def main() -> int:
    """Print a line for each module, and one for each survivor."""
    options = argparse.ArgumentParser(prog="make mutants ARGS=…", description=__doc__)
    names = [one.name for one in SUBJECTS]
    options.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many are tried at once")
    chosen = options.parse_args()
    warm()
    began, is_well = time.monotonic(), True
    print("| module | mutants | killed | equivalent | survived | share killed |\n|---|---|---|---|---|---|", flush=True)
    for subject in SUBJECTS:
        if not chosen.only or subject.name in chosen.only:
            is_well &= _subject(subject, chosen.jobs)
    print(f"\n{time.monotonic() - began:.0f} s")
    return 0 if is_well else 1


def _subject(subject: Subject, jobs: int) -> bool:
    """Whether enough mutants of a module are noticed."""
    source = path_of(subject.module).read_text(encoding="utf-8")
    [(_, whole)] = _tried(subject, [Mutant(0, "", ast.parse(source))], 1, 600.0)
    if not whole.passed:
        print(f"| {subject.name} | its own tests do not pass | | | | |", flush=True)
        return False
    most_seconds = max(AT_LEAST_SECONDS, TIMES_AS_LONG * whole.seconds)
    lines, known = (
        source.splitlines(),
        {(one.line, one.what): one for one in EQUIVALENT if one.module == subject.module},
    )
    survivors: list[Survivor] = []
    count, unseen = 0, set(known)
    for mutant, outcome in _tried(subject, mutants(source), jobs, most_seconds):
        count += 1
        place = text, _ = lines[mutant.line - 1].strip(), mutant.what
        unseen.discard(place)
        if outcome.passed:
            survivors.append(Survivor(mutant, text, known[place].reason if place in known else ""))
    left = [one for one in survivors if not one.reason]
    equivalent = len(survivors) - len(left)
    share = 1 - len(left) / max(1, count - equivalent)
    killed = count - len(survivors)
    print(f"| {subject.name} | {count} | {killed} | {equivalent} | {len(left)} | {share:.0%} |", flush=True)
    for one in sorted(left, key=lambda one: one.mutant.line):
        print(
            f"  survived: {subject.module}:{one.mutant.line}: {one.mutant.what}: {one.text}",
            file=sys.stderr,
            flush=True,
        )
    for text, what in unseen:
        print(f"  no such change any more: {subject.module}: {what}: {text}", file=sys.stderr, flush=True)
    return share >= subject.least_killed and not unseen


def _tried(
    subject: Subject, ones: Iterator[Mutant] | list[Mutant], jobs: int, most_seconds: float
) -> Iterator[tuple[Mutant, Outcome]]:
    """Each mutant with what came of it, some at a time."""
    waiting, trials = iter(ones), list[tuple[Mutant, Trial]]()
    while True:
        while len(trials) < jobs and (mutant := next(waiting, None)):
            trials.append((mutant, Trial(subject.module, mutant.tree, subject.tests, most_seconds)))
        if not trials:
            return
        for mutant, trial in list(trials):
            if outcome := trial.outcome():
                trials.remove((mutant, trial))
                yield mutant, outcome
        time.sleep(POLL_SECONDS)  # children can be waited for one at a time only


if __name__ == "__main__":
    sys.exit(main())
