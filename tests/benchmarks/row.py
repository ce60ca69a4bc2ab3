"""What a row of the table is: a figure of DESIGN section 6, its target, and how it is measured."""

import operator
from collections.abc import Callable
from typing import NamedTuple

from tests.benchmarks.scene import Scene

SENSES: dict[str, Callable[[float, float], bool]] = {"≥": operator.ge, "≤": operator.le, "=": operator.eq}


class Target(NamedTuple):
    """A bound; `unit` is empty for a ratio."""

    sense: str
    bound: float
    unit: str = ""

    def is_reached(self, value: float) -> bool:
        """Whether the value is on the right side."""
        return SENSES[self.sense](value, self.bound)

    def __str__(self) -> str:
        """As the table shows it."""
        return f"{self.sense} {self.bound:g} {self.unit}".strip()

    def shown(self, value: float) -> str:
        """A value in the target's unit; counts are whole."""
        number = f"{value:.0f}" if self.sense == "=" else f"{value:.2f}"
        return f"{number} {self.unit}".strip()


class Measured(NamedTuple):
    """The figure, and in a few words what it is made of."""

    value: float
    note: str = ""


class Row(NamedTuple):
    """One line of the table; `name` is what `--only` takes."""

    name: str
    what: str
    target: Target
    measure: Callable[[Scene], Measured]
