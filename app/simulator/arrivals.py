"""The arrivals: the interactions of each day, a function of the seed and the day alone."""

import math
import random
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.simulator.clock import DAY, HOUR, stamp
from app.simulator.dice import Dice
from app.simulator.interaction import Interaction, newest_first
from app.simulator.kinds import KINDS, play
from app.simulator.scene import Scene
from app.simulator.tenant import SimulatorOptions

RETENTION_DAYS = 60

WEEKDAY = (2, 1, 1, 1, 1, 2, 6, 18, 55, 90, 100, 95, 70, 80, 92, 88, 75, 52, 30, 20, 14, 9, 5, 3)
_SATURDAY = tuple(round(share * 0.35) for share in WEEKDAY)
_SUNDAY = tuple(round(share * 0.12) for share in WEEKDAY)
CURVE = (*(WEEKDAY * 5), *_SATURDAY, *_SUNDAY)
"""Arrivals over the 168 hours of a local week from Monday, in no unit (S12)."""

STRANGE_VALUES = (
    "10:30", "sip:1001@example.com", "a,b;c", 'say "hello"', "it's", "back\\slash", "R&D", "100 %", "50%25",
    "two\nlines", "tab\there", "Zoë Ñandú", "東京支社", "👩\u200d💻 ok", "مرحبا", "=1+1", "+15550142", "-5", "@here",
    "000123", " padded ", "a+b", "x/y?z#w", "<b>bold</b>", "null", '{"json": true}', "long " * 400,
)  # fmt: skip
"""Each day's first interactions carry one of these each, as the attribute ``reference`` (S8)."""

REASONS = ("billing question", "new order", "return", "technical fault", "change of address", "complaint")
DISPOSITIONS = ("Resolved", "Follow-up needed", "Wrong number", "Sale", "No sale", "Escalated")
NOTES = (
    ("Call back", "Customer asked for a call back on Tuesday."),
    ("Complaint", "Parcel arrived <b>damaged</b> & late; photo requested."),
    ("Order", "Ordered two, \"the blue ones\".\nPays by invoice."),
    ("Empfang", "Kundin möchte eine Kopie der Rechnung."),
)  # fmt: skip


class Population:
    """All arrivals, drawn day by day in UTC; the history ends at ``anchor`` (milliseconds)."""

    def __init__(self, options: SimulatorOptions, anchor: int) -> None:
        self._options = options
        self._known: list[Interaction] = []
        self._span = (0, -1)
        self._first_day, self._first_start = self._reach_back(anchor)

    def rows(self, now: int) -> list[Interaction]:
        """The arrivals until ``now`` (milliseconds) that are still kept, newest first."""
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
        given = chosen.seed, chosen.arrivals_per_hour, chosen.time_zone, chosen.tenant_id
        return arrivals(day, *given, least=chosen.least_per_hour)


@lru_cache(maxsize=2 * RETENTION_DAYS)
def arrivals(
    day: int, seed: int, per_hour: float, time_zone: str, tenant_id: str, *, least: float = 0.0
) -> tuple[Interaction, ...]:
    """The interactions that start on a UTC day (days since 1970): never changed, equal for equal arguments."""
    rng = random.Random(f"{seed}:{day}")
    rows = []
    for place, (start, kind) in enumerate(_plan(rng, day, per_hour, ZoneInfo(time_zone), least)):
        scene = play(kind, start, Dice(rng), seed, tenant_id)
        _vary(scene)
        if place < len(STRANGE_VALUES):
            scene.attribute("reference", STRANGE_VALUES[place], at=start)
        rows.append(Interaction(kind, scene.record, scene.edits))
    return tuple(rows)


def _plan(rng: random.Random, day: int, per_hour: float, zone: ZoneInfo, least: float) -> list[tuple[int, str]]:
    """Starts and kinds of a UTC day: each kind once, so that all occur every day, then arrivals along the curve."""
    if per_hour <= 0:
        return []
    names = [name for name, kind in KINDS.items() if kind.weight]
    weights = [KINDS[name].weight for name in names]
    expected = [max(least, expected_at(day * DAY + hour * HOUR, per_hour, zone)) for hour in range(24)]
    hours = rng.choices(range(24), expected, k=len(names))
    plan = [(day * DAY + hour * HOUR + rng.randrange(HOUR), name) for hour, name in zip(hours, names, strict=True)]
    for hour, mean in enumerate(expected):
        for name in rng.choices(names, weights, k=poisson(rng, mean)):
            plan.append((day * DAY + hour * HOUR + rng.randrange(HOUR), name))  # noqa: PERF401  (two draws in their order)
    return plan


def expected_at(ms: int, per_hour: float, zone: ZoneInfo) -> float:
    """How many arrive on average in the hour that begins then (milliseconds)."""
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(zone)
    return per_hour * CURVE[local.weekday() * 24 + local.hour] * len(CURVE) / sum(CURVE)


def poisson(rng: random.Random, mean: float) -> int:
    """Knuth's product of uniforms, in steps small enough for ``exp``."""
    count = 0
    while mean > 0:
        limit, product = math.exp(-min(mean, 500.0)), rng.random()
        while product > limit:
            count += 1
            product *= rng.random()
        mean -= 500.0
    return count


def _vary(scene: Scene) -> None:
    """Make arrivals of one kind differ: attributes, notes and outcomes, as the dice fall."""
    _attributes(scene)
    if scene.dice.chance(0.75):
        scene.record["updated"] = scene.record["startTimestamp"]
    if scene.answered_at is None or scene.ended_at is None:
        return
    _outcome(scene)
    if scene.dice.chance(0.35):
        late = 90 * scene.dice.number(0, 20)
        scene.note(*scene.dice.sample(NOTES, 1)[0], at=scene.ended_at + late * 1000)


def _attributes(scene: Scene) -> None:
    early = min(scene.start + 1500, scene.now)
    if scene.dice.chance(0.8):
        scene.attribute("accountNumber", scene.contact.account, at=early)
    if scene.dice.chance(0.5):
        scene.attribute("customerTier", "VIP" if scene.dice.chance(0.15) else "Standard", at=early)
    if scene.answered_at is None:
        return
    if scene.dice.chance(0.4):
        first, second = scene.dice.sample(REASONS, 2)
        scene.attribute("callReason", first, by_agent=True, at=scene.answered_at)
        if scene.dice.chance(0.2):
            scene.attribute("callReason", second, by_agent=True, at=scene.now)
    if scene.dice.chance(0.1):
        scene.attribute("orderNumber ", f"{scene.dice.number(0, 99_999):06d}", at=scene.answered_at)


def _outcome(scene: Scene) -> None:
    if scene.dice.chance(0.6):
        scene.edit(scene.dice.number(20, 400), dispositionName=scene.dice.sample(DISPOSITIONS, 1)[0])
    if scene.dice.chance(0.12):
        scene.edit(scene.dice.number(60, 3600), customerSatisfactionScore=scene.dice.number(1, 10))
    if scene.dice.chance(0.5):
        scene.edit(600, audioRecording=True)
    if scene.dice.chance(0.03):
        after = scene.dice.number(3600, 3 * 86_400)
        when = stamp((scene.ended_at or 0) + after * 1000)
        scene.edit(after, flagged=True, flagTimestamp=when, flagType=scene.dice.sample(("quality", "coaching"), 1)[0])
