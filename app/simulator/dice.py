"""Dice: the chances that an interaction is made of, random or always the typical ones."""

import random
import uuid
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_LONGEST_FACTOR = 4.0


class Dice:
    """The choices that a scene leaves open, drawn from a seeded generator."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.whole = False
        """Durations fall on whole seconds (S9)."""

    def ms(self, seconds: float) -> int:
        """A duration in milliseconds for one that typically takes ``seconds``."""
        drawn = seconds * self.factor()
        return round(drawn) * 1000 if self.whole else int(drawn * 1000)

    def factor(self) -> float:
        return min(self.rng.lognormvariate(0.0, 0.5), _LONGEST_FACTOR)

    def sample(self, things: Sequence[T], count: int) -> list[T]:
        return self.rng.sample(things, count)

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return self.rng.randint(low, high)

    def chance(self, likelihood: float) -> bool:
        return self.rng.random() < likelihood

    def id(self) -> str:
        """A new UUID."""
        digits = f"{self.rng.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class SeriesDice(Dice):
    """Dice for a series: short durations, and ids that end in twelve zeros, where the row's number goes."""

    def factor(self) -> float:
        return self.rng.uniform(0.6, 1.4)

    def id(self) -> str:
        return super().id()[:24] + "0" * 12


class PlainDice(Dice):
    """Dice that always show the typical figure, the first choice and the next number."""

    def __init__(self) -> None:
        self._ids = 0

    def ms(self, seconds: float) -> int:
        return round(seconds * 1000)

    def sample(self, things: Sequence[T], count: int) -> list[T]:
        return list(things[:count])

    def number(self, low: int, high: int) -> int:
        return low

    def id(self) -> str:
        self._ids += 1
        return str(uuid.UUID(f"00000000-0000-4000-8000-{self._ids:012x}"))
