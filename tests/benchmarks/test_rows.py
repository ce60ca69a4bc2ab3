"""The table of the benchmarks: it holds every figure of DESIGN section 6, and it can be measured."""

import subprocess
import sys

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.processes import ROOT
from tests.benchmarks.row import Measured, Row, Target
from tests.benchmarks.rows import ROWS
from tests.benchmarks.scene import Scene
from tests.benchmarks.table import HEAD, line

DESIGN = {
    "hit-bare": "≥ 3",
    "hit-route": "≥ 3",
    "hit-nginx": "≥ 0.9",
    "304": "≥ 3",
    "hit-origin": "≥ 0.25",
    "hit-max-age": "≥ 0.25",
    "304-any": "≥ 0.25",
    "hit-csv": "≥ 0.25",
    "page": "≤ 0.55",
    "refresh": "≤ 0.6",
    "miss-10": "≤ 4 ms",
    "miss-1000": "≤ 0.65",
    "crowd": "= 1",
    "interaction": "≤ 0.15",
    "full": "≤ 1.3",
    "ready": "≤ 2 s",
    "stall": "≤ 20 ms",
}
BESIDE_IT = {
    "hit-quota": "≥ 2",
    "export": "≤ 64 MiB",
    "stall-hits": "≤ 50 ms",
    "stall-answers": "≤ 50 ms",
    "stall-held": "≤ 50 ms",
    "poll": "≤ 30 ms",
    "summary-first": "≤ 1500 ms",
    "summary-turn": "≤ 20 ms",
    "summary-again": "≤ 60 ms",
    "summary-merge": "≤ 40 ms",
    "summary-size": "≤ 0.05",
    "day": "≤ 4",
    "day-shared": "≤ 4",
    "day-calls": "≤ 0.6",
    "day-304": "≥ 0.95",
    "workers": "≥ 1.7",
    "tier-hit": "≤ 2 ms",
    "tier-miss": "≤ 2 ms",
    "growth-stored": "≥ 0.8",
    "growth-rows": "≥ 0.8",
    "growth-clients": "≥ 0.8",
}


def measured_nowhere(scene: Scene) -> Measured:
    raise AssertionError("this row is only looked at, never measured")


ROW = Row("name", "what", Target("≤", 50, "ms"), measured_nowhere)


def test_every_figure_of_the_design_has_a_row_with_its_target() -> None:
    assert {row.name: str(row.target) for row in ROWS} == DESIGN | BESIDE_IT
    assert len(ROWS) == len(DESIGN | BESIDE_IT)


@pytest.mark.parametrize(
    ("sense", "below", "at", "above"), [("≥", False, True, True), ("≤", True, True, False), ("=", False, True, False)]
)
def test_a_target_is_a_bound_that_may_be_met_exactly(sense: str, below: bool, at: bool, above: bool) -> None:
    target = Target(sense, 1)
    assert [target.is_reached(value) for value in (0.5, 1, 1.5)] == [below, at, above]


@pytest.mark.parametrize(
    ("measured", "cells"),
    [
        (Measured(49.994, "a note"), "| 49.99 ms | reached | a note |"),
        (Measured(50.1), "| 50.10 ms | **misses** |  |"),
        (OSError("no such thing\nand more"), "| – | not measured | OSError: no such thing |"),
    ],
)
def test_a_line_says_plainly_whether_the_target_is_reached(measured: Measured | Exception, cells: str) -> None:
    assert line(ROW, measured) == f"| name | what | ≤ 50 ms {cells}"
    assert line(ROW, measured).count("|") == HEAD.splitlines()[0].count("|")


@pytest.mark.timeout(180)
def test_a_run_measures_the_rows_it_is_asked_for_and_ends_by_itself() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "crowd", "--only", "interaction"]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=170)
    rows = [
        printed.split(" | ") for printed in run.stdout.splitlines() if printed.startswith(("| crowd", "| interaction"))
    ]
    assert [(row[0], row[2]) for row in rows] == [(f"| {name}", DESIGN[name]) for name in ("crowd", "interaction")]
    assert {row[4] for row in rows} <= {"reached", "**misses**"}


def test_a_row_nobody_knows_is_refused_with_the_names_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "nothing"])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in DESIGN)
