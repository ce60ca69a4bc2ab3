"""The figures of several workers as those of one service: texts for Prometheus in, one such text out.

Counters and histograms add up, also those of workers that have ended: a counter never falls. A gauge is a matter of its
row in METRICS.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from app.observe.metrics import METRICS, PREFIX, Across

RULES: dict[Across, Callable[[float, float], float]] = {"sum": lambda one, other: one + other, "max": max, "min": min}
ACROSS: dict[str, Across] = {
    f"{PREFIX}process_start_time_seconds": "min",
    f"{PREFIX}process_max_fds": "min",
    **{row.full_name: row.across for row in METRICS if row.kind == "gauge"},
}
WORKERS = f"{PREFIX}workers"
KIND = "# TYPE "


@dataclass(slots=True)
class Family:
    """The samples of one metric, by their names with labels, and the lines that explain it."""

    kind: str
    head: list[str]
    samples: dict[str, float] = field(default_factory=dict)


class Figures:
    """Figures, added up."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def add(self, text: str, *, counted_only: bool = False) -> None:
        """Add those of a worker, or of one that does not answer any more: its gauges are left out."""
        help_line, family, rule = "", Family("", []), RULES["sum"]
        for line in text.splitlines():
            if line.startswith(KIND):
                name, kind = line.removeprefix(KIND).split(" ")
                family = self._families.setdefault(name, Family(kind, [help_line, line]))
                rule = RULES[ACROSS.get(name, "sum") if kind == "gauge" else "sum"]
            elif line.startswith("#"):
                help_line = line
            elif not (counted_only and family.kind == "gauge"):
                sample, _, value = line.rpartition(" ")
                known = family.samples.get(sample)
                family.samples[sample] = float(value) if known is None else rule(known, float(value))

    def text(self, **workers: int) -> str:
        """All of them, and how many `workers` there are in each state."""
        if WORKERS in self._families:
            counted = {f'{WORKERS}{{state="{state}"}}': float(count) for state, count in workers.items()}
            self._families[WORKERS].samples = counted
        lines = []
        for family in self._families.values():
            lines += [*family.head, *(f"{sample} {_written(value)}" for sample, value in family.samples.items())]
        return "".join(f"{line}\n" for line in lines)


def _written(value: float) -> str:
    return {inf: "+Inf", -inf: "-Inf"}.get(value, repr(value))
