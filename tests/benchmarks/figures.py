"""Arithmetic of measurements: medians, ratios of medians, percentiles. Pure."""

import math
from collections.abc import Sequence
from statistics import median


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios, each of neighbours in time. ZeroDivisionError where the peer did nothing."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of a hundred are not above (nearest rank). ValueError if empty."""
    if not values:
        raise ValueError("Nothing was measured.")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def flatness(values: Sequence[float]) -> float:
    """The worst value against the first: 1 where growth costs nothing."""
    return min(values[1:], default=values[0]) / values[0]
