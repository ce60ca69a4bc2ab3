"""The population: which interactions there are at a moment, a function of the seed and that moment alone."""

import json
import math
import random
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.simulator.adorn import STRANGE_VALUES, adorn
from app.simulator.clock import stamp
from app.simulator.dice import SeededDice
from app.simulator.interaction import Interaction, Row
from app.simulator.kinds import KINDS
from app.simulator.options import SimulatorOptions
from app.simulator.people import contacts
from app.simulator.scene import Scene
from app.simulator.writing import attribute

R = TypeVar("R", bound=Row)

DAY = 86_400_000
HOUR = 3_600_000
RETENTION_DAYS = 60

_WEEKDAY = (2, 1, 1, 1, 1, 2, 6, 18, 55, 90, 100, 95, 70, 80, 92, 88, 75, 52, 30, 20, 14, 9, 5, 3)
_SATURDAY = tuple(round(share * 0.35) for share in _WEEKDAY)
_SUNDAY = tuple(round(share * 0.12) for share in _WEEKDAY)
CURVE = (*(_WEEKDAY * 5), *_SATURDAY, *_SUNDAY)
"""Arrivals over the 168 hours of a local week from Monday, in no unit (S12)."""


@cache
def documented() -> tuple[Interaction, ...]:
    """The interactions of the vendor's documentation (S11), newest first."""
    records = json.loads(Path(__file__).with_name("documented.json").read_text("utf-8"))
    return tuple(newest_first([Interaction("documented", record) for record in records]))


def newest_first(rows: list[R]) -> list[R]:
    """Upstream's only order: by start, ties by ``interactionId`` (S15)."""
    return sorted(sorted(rows, key=lambda row: row.id), key=lambda row: row.start, reverse=True)


class Population:
    """Arrivals by UTC day, drawn when their day comes; history reaches back from ``anchor`` (milliseconds)."""

    def __init__(self, options: SimulatorOptions, anchor: int) -> None:
        self._options = options
        self._known: list[Interaction] = []
        self._span = (0, -1)
        self._first_day, self._first_start = self._reach_back(anchor)

    def rows(self, now: int) -> list[Interaction]:
        """What has arrived by ``now`` (milliseconds) and is still kept, newest first, without the documented ones."""
        today = now // DAY
        span = (max(self._first_day, today - RETENTION_DAYS), today)
        if self._span != span:
            kept = [row for day in range(span[0], today + 1) for row in self._day(day)]
            self._known = newest_first([row for row in kept if row.start >= self._first_start])
            self._span = span
        limit = stamp(now)
        arrived = next((place for place, row in enumerate(self._known) if row.start <= limit), len(self._known))
        return self._known[arrived:]

    def _reach_back(self, anchor: int) -> tuple[int, str]:
        """First day and first start of the history that holds the wanted number of rows at the anchor."""
        wanted, now = self._options.interactions, stamp(anchor)
        today = day = anchor // DAY
        starts: list[str] = []
        while wanted and self._options.arrivals_per_hour > 0 and today - day <= RETENTION_DAYS:
            starts += [row.start for row in self._day(day) if row.start <= now]
            if len(starts) >= wanted:
                return day, sorted(starts, reverse=True)[wanted - 1]
            day -= 1
        return (day, "") if starts else (today, stamp(anchor + 1))

    def _day(self, day: int) -> tuple[Interaction, ...]:
        chosen = self._options
        return arrivals(day, chosen.seed, chosen.arrivals_per_hour, chosen.time_zone, chosen.tenant_id)


@lru_cache(maxsize=2 * RETENTION_DAYS)
def arrivals(day: int, seed: int, per_hour: float, time_zone: str, tenant_id: str) -> tuple[Interaction, ...]:
    """The interactions that start on a UTC day (days since 1970): never changed, equal for equal arguments."""
    rng = random.Random(f"{seed}:{day}")
    rows = []
    for place, (start, kind) in enumerate(_plan(rng, day, per_hour, ZoneInfo(time_zone))):
        scene = Scene(start, SeededDice(rng), rng.choice(contacts(seed)), tenant_id)
        KINDS[kind].play(scene)
        adorn(scene)
        if place < len(STRANGE_VALUES):
            attribute(scene, "reference", STRANGE_VALUES[place], at=start)
        rows.append(Interaction(kind, scene.record, scene.edits))
    return tuple(rows)


def _plan(rng: random.Random, day: int, per_hour: float, zone: ZoneInfo) -> list[tuple[int, str]]:
    """Starts and kinds of a UTC day: each kind once, so that all occur every day, then arrivals along the curve."""
    if per_hour <= 0:
        return []
    names = [name for name, kind in KINDS.items() if kind.weight]
    weights = [KINDS[name].weight for name in names]
    expected = [_expected(day * DAY + hour * HOUR, per_hour, zone) for hour in range(24)]
    hours = rng.choices(range(24), expected, k=len(names))
    plan = [(day * DAY + hour * HOUR + rng.randrange(HOUR), name) for hour, name in zip(hours, names, strict=True)]
    for hour, mean in enumerate(expected):
        for name in rng.choices(names, weights, k=_poisson(rng, mean)):
            plan.append((day * DAY + hour * HOUR + rng.randrange(HOUR), name))  # noqa: PERF401  (two draws in their order)
    return plan


def _expected(ms: int, per_hour: float, zone: ZoneInfo) -> float:
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(zone)
    return per_hour * CURVE[local.weekday() * 24 + local.hour] * len(CURVE) / sum(CURVE)


def _poisson(rng: random.Random, mean: float) -> int:
    """Knuth's product of uniforms, in steps small enough for ``exp``."""
    count = 0
    while mean > 0:
        limit, product = math.exp(-min(mean, 500.0)), rng.random()
        while product > limit:
            count += 1
            product *= rng.random()
        mean -= 500.0
    return count
