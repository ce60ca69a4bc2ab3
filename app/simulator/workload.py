"""The workload of "a day of dashboards": a call centre's days, a function of the seed and the day alone.

Shares are of all interactions of a day. Times between two moments are log-normal about their median.
"""

import math
import random
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.simulator.arrival import Arrival, Key
from app.simulator.arrivals import CURVE, DISPOSITIONS, NOTES, REASONS, WEEKDAY, expected_at, poisson
from app.simulator.clock import DAY, HOUR, stamp
from app.simulator.dice import Dice
from app.simulator.kinds import KINDS
from app.simulator.people import Contact, contacts
from app.simulator.scene import ATTRIBUTE, Scene

CHANNELS: dict[str, tuple[float, tuple[str, ...]]] = {
    "voice": (0.70, (
        "voice-answered", "voice-holds", "voice-uneven-talk", "voice-whole-seconds", "voice-ivr-abandon",
        "voice-queue-abandon", "voice-short-abandon", "voice-hold-abandon", "voice-transfer", "voice-transfer-chain",
        "voice-transfer-back", "voice-conference", "voice-rejected-offers", "voice-overflow", "voice-self-service",
        "voice-outbound", "voice-click-to-call",
    )),
    "messaging": (0.15, ("messaging", "messaging-abandon")),
    "email": (0.10, ("email-backlog",)),
    "work-item": (0.05, ("work-item", "work-item-open")),
}  # fmt: skip
"""The share of each channel, and its kinds, which occur by their weights."""

VISIBLE_SECONDS = (2.0, 5.0)
LATE_JOINERS, LATE_SECONDS, LATEST_SECONDS = 0.01, 60.0, 6 * 3600.0
ERASED, ERASED_WITHIN_SECONDS = 0.0005, 14 * 86_400
NOTED, NOTE_SECONDS = 0.25, 1800
CSAT, CSAT_SECONDS = 0.15, 2400.0
FLAGGED, FLAG_SECONDS = 0.02, 2 * 86_400.0
CORRECTED, CORRECTED_WITHIN_SECONDS = 0.003, 14 * 86_400
DISPOSED = 0.6
UPDATED = 0.75
"""Records with ``updated``, which tells of every change; the others change without a trace of when."""

WRITTEN_MS = 1500
"""From the start until the attributes are written: before anything is visible."""

ACCOUNTS, TIERS, VIPS, REASONED, ORDERED = 0.8, 0.5, 0.15, 0.4, 0.1
_SPREAD = 0.8

Attributes = tuple[tuple[str, str], ...]


class Day(NamedTuple):
    """A UTC day (days since 1970) of a tenant."""

    day: int
    seed: int
    per_weekday: int
    time_zone: str
    tenant_id: str


class Plan(NamedTuple):
    """All that decides how an arrival goes; ``start`` in milliseconds, ``named`` its attributes."""

    interaction_id: str
    kind: str
    start: int
    contact: Contact
    named: Attributes
    seed: int
    tenant_id: str

    def played(self) -> Scene:
        """The scene, with all that comes after its end."""
        scene = Scene(self.start, Dice(random.Random(self.seed)), self.contact, self.tenant_id)
        scene.record["interactionId"] = self.interaction_id
        KINDS[self.kind].play(scene)
        for name, value in self.named:
            scene.attribute(name, value, at=self.start + WRITTEN_MS)
        if scene.dice.chance(UPDATED):
            scene.record["updated"] = scene.record["startTimestamp"]
        if scene.ended_at is not None:
            _aftermath(scene, scene.ended_at)
        return scene


@lru_cache(maxsize=64)
def arrivals_of(day: Day) -> tuple[Arrival, ...]:
    """The interactions that start on a day, in no order."""
    rng, zone = random.Random(f"{day.seed}:{day.day}:workload"), ZoneInfo(day.time_zone)
    per_hour = day.per_weekday * sum(CURVE) / len(CURVE) / sum(WEEKDAY)
    hours = [day.day * DAY + hour * HOUR for hour in range(24)]
    counts = [poisson(rng, expected_at(began, per_hour, zone)) for began in hours]
    return tuple(_planned(rng, began, day) for began, count in zip(hours, counts, strict=True) for _ in range(count))


def _planned(rng: random.Random, hour: int, day: Day) -> Arrival:
    """An arrival within the hour that begins then (milliseconds)."""
    dice, start = Dice(rng), hour + rng.randrange(HOUR)
    interaction_id, kind, contact = dice.id(), rng.choices(*_COURSES)[0], rng.choice(contacts(day.seed))
    named = _attributes(dice, contact)
    plan = Plan(interaction_id, kind, start, contact, named, rng.getrandbits(64), day.tenant_id)
    seen = start + int(1000 * rng.uniform(*VISIBLE_SECONDS))
    if dice.chance(LATE_JOINERS):
        seen = max(seen, start + int(1000 * min(_about(rng, LATE_SECONDS), LATEST_SECONDS)))
    gone = seen + rng.randrange(1, ERASED_WITHIN_SECONDS) * 1000 if dice.chance(ERASED) else None
    return Arrival(interaction_id, kind, start, plan.played, keys=_keys(named), seen=seen, gone=gone)


def _courses() -> tuple[list[str], list[float]]:
    """Every kind with its share of all arrivals."""
    weights: dict[str, float] = {}
    for share, kinds in CHANNELS.values():
        whole = sum(KINDS[kind].weight or 1 for kind in kinds)
        weights |= {kind: share * (KINDS[kind].weight or 1) / whole for kind in kinds}
    return list(weights), list(weights.values())


_COURSES = _courses()


def _attributes(dice: Dice, contact: Contact) -> Attributes:
    """Names and values that the flow writes."""
    chances = (
        (ACCOUNTS, "accountNumber", contact.account),
        (TIERS, "customerTier", "VIP" if dice.chance(VIPS) else "Standard"),
        (REASONED, "callReason", dice.rng.choice(REASONS)),
        (ORDERED, "orderNumber", f"{dice.number(0, 99_999):06d}"),
    )
    return tuple((name, value) for share, name, value in chances if dice.chance(share))


def _keys(named: Attributes) -> frozenset[Key]:
    keys = {("hookSubType", ATTRIBUTE)} if named else set[Key]()
    for name, value in named:
        keys |= {("hookType", name), ("attribute-value", value), ("hook-name", value)}
    return frozenset(keys)


def _aftermath(scene: Scene, ended_at: int) -> None:
    dice = scene.dice
    if dice.chance(DISPOSED) and scene.agent:
        scene.edit(dice.number(5, 60), dispositionName=dice.rng.choice(DISPOSITIONS))
    if dice.chance(NOTED):
        scene.note(*dice.rng.choice(NOTES), at=ended_at + dice.number(0, NOTE_SECONDS) * 1000)
    if dice.chance(CSAT):
        scene.edit(_about(dice.rng, CSAT_SECONDS), customerSatisfactionScore=dice.number(1, 10))
    if dice.chance(FLAGGED):
        after = _about(dice.rng, FLAG_SECONDS)
        when = stamp(ended_at + round(after * 1000))
        scene.edit(after, flagged=True, flagTimestamp=when, flagType=dice.rng.choice(("quality", "coaching")))
    if dice.chance(CORRECTED):
        scene.edit(dice.number(3600, CORRECTED_WITHIN_SECONDS), dispositionName="Corrected")


def _about(rng: random.Random, median: float) -> float:
    return rng.lognormvariate(math.log(median), _SPREAD)
