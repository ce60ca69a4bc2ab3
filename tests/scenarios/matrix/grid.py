"""The result of the matrix as a grid: a line for each row of FAULTS 2.1, a mark for each state of the cache."""

from typing import Any

PROPERTY = "cell of the matrix"
STATES = ("empty", "fresh", "stale", "waiting", "old", "recovered")
MARKS = ("failed", "error", "passed")
SIGNS = {"failed": "✗", "error": "✗", "passed": "✓"}
"""From the worst to the best: a cell shows the worst of its variants."""


def summarise(terminalreporter: Any) -> None:
    """Print the grid, where any of it was run; results arrive here from every worker."""
    worst: dict[tuple[str, str], str] = {}
    for outcome in reversed(MARKS):
        for report in terminalreporter.stats.get(outcome, []):
            for name, cell in getattr(report, "user_properties", []):
                if name == PROPERTY:
                    worst[(cell[0], cell[1])] = outcome
    if not worst:
        return
    numbers = list(dict.fromkeys(number for number, _ in worst))
    numbers.sort(key=lambda number: (int(number.rstrip("b")), number))
    terminalreporter.section("fault matrix (FAULTS 2.1)")
    terminalreporter.write_line("row   " + "  ".join(STATES))
    for number in numbers:
        signs = (SIGNS.get(worst.get((number, state), ""), "–").center(len(state)) for state in STATES)
        terminalreporter.write_line(f"{number:<6}{'  '.join(signs)}")
    met = sum(outcome == "passed" for outcome in worst.values())
    terminalreporter.write_line(f"{met} of {len(worst)} cells as demanded; ✗ not, – not run")
