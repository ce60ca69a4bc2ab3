"""All rows of the tenant: arrivals, documented ones, rows put in and taken out by hand, and those of magic values."""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from app.simulator.arrivals import Population
from app.simulator.clock import HOUR, parse_time, stamp
from app.simulator.dice import Dice, SeriesDice
from app.simulator.interaction import Form, Interaction, encode, newest_first, to_json
from app.simulator.kinds import play
from app.simulator.query import Query, select
from app.simulator.roll import WorkingDays
from app.simulator.scene import Record
from app.simulator.tenant import SimulatorOptions

_ANSWERED = (
    "voice-answered", "voice-holds", "voice-transfer", "voice-queue-abandon", "voice-rejected-offers", "voice-survey",
)  # fmt: skip
_ABANDONS = (
    "voice-ivr-abandon", "voice-queue-abandon", "voice-short-abandon", "voice-hold-abandon", "messaging-abandon",
)  # fmt: skip
_TRANSFERS = ("voice-transfer", "voice-transfer-chain", "voice-transfer-back")
_OPEN = ("voice-open-in-queue", "voice-open-in-conversation", "work-item-open")


@dataclass(frozen=True, slots=True)
class Magic:
    """The effect of asking for an attribute value, as of a test card: ``rows`` of these kinds, and perhaps a fault."""

    words: str
    rows: int = 3
    kinds: tuple[str, ...] = _ANSWERED
    fault: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    once: bool = False
    """The fault strikes the first call of each distinct query only."""


MAGIC: dict[str, Magic] = {
    "SIM-EMPTY": Magic("nothing matches", rows=0),
    "SIM-10K": Magic("10,000 interactions", rows=10_000),
    "SIM-2500": Magic("2,500 interactions", rows=2500),
    "SIM-OPEN": Magic("interactions still open", rows=6, kinds=_OPEN),
    "SIM-ABANDON": Magic("abandons in the menu, in the queue and on hold", rows=15, kinds=_ABANDONS),
    "SIM-TRANSFER": Magic("transfers with two to four segments", rows=12, kinds=_TRANSFERS),
    "SIM-SLOW": Magic("a slow answer", fault="slow"),
    "SIM-429": Magic("always throttled", fault="status", parameters={"status": 429, "retry_after": "2"}),
    "SIM-500-ONCE": Magic("fails once, then answers", fault="status", parameters={"status": 500}, once=True),
    "SIM-TIMEOUT": Magic("no answer until the caller gives up", fault="timeout"),
    "SIM-BADJSON": Magic("an answer that is not JSON", fault="bad-json"),
    "SIM-TRUNCATED": Magic("an answer that breaks off", fault="truncated"),
}

_TEMPLATES = 20
_MINUTES_APART = 2
_HOUR_MARK = "2000-01-01T00"
_NUMBER_MARK = "-000000000000"


@dataclass(frozen=True, slots=True)
class _Template:
    """A record played in the marked hour, whose own ids end in the marked number: both are filled in for each row."""

    kind: str
    record: Record
    whole: bytes
    listed: bytes


class SeriesRow(Interaction):
    """A row of a series: its template with the hour and the row's number filled in; it never changes."""

    __slots__ = ("_hour", "_number", "_template")

    def __init__(self, template: _Template, hour: str, number: int) -> None:
        super().__init__(template.kind, template.record)
        self._template = template
        self._hour = hour
        self._number = f"-{number:012x}"
        self.id = self.id.replace(_NUMBER_MARK, self._number)
        self.start = self.start.replace(_HOUR_MARK, hour)

    def at(self, now: str) -> Record:
        record: Record = json.loads(self._filled(self._template.whole))
        return record

    def hooks(self, now: str) -> list[Record]:
        """The template's hooks: names and values are the row's, ids are not."""
        hooks: list[Record] = self.record["hooks"]
        return hooks

    def encoded(self, now: str, form: Form) -> bytes:
        return self._filled(self._template.listed) if form == Form() else encode(self.at(now), form)

    def _filled(self, text: bytes) -> bytes:
        filled = text.replace(_HOUR_MARK.encode(), self._hour.encode())
        return filled.replace(_NUMBER_MARK.encode(), self._number.encode())


@lru_cache(maxsize=4 * len(MAGIC))
def series(value: str, seed: int, anchor: int, tenant_id: str) -> tuple[Interaction, ...]:
    """The rows of a magic value, newest first, in the whole hours before ``anchor`` (milliseconds)."""
    magic = MAGIC[value]
    templates = [_template(value, seed, place, tenant_id) for place in range(min(_TEMPLATES, magic.rows))]
    hours = [stamp(anchor // HOUR * HOUR - (back + 1) * HOUR)[:13] for back in range(-(-magic.rows // _TEMPLATES))]
    return tuple(
        newest_first(
            SeriesRow(templates[number % _TEMPLATES], hours[number // _TEMPLATES], number)
            for number in range(magic.rows)
        )
    )


def _template(value: str, seed: int, place: int, tenant_id: str) -> _Template:
    rng = random.Random(f"{seed}:{value}:{place}")
    kind = MAGIC[value].kinds[place % len(MAGIC[value].kinds)]
    start = parse_time(f"{_HOUR_MARK}:{place * _MINUTES_APART:02d}:00.000Z") + rng.randrange(60_000)
    scene = play(kind, start, SeriesDice(rng), seed, tenant_id)
    scene.attribute("simulation", value, at=start)
    return _Template(kind, scene.record, to_json(scene.record), encode(scene.record, Form()))


@cache
def documented() -> tuple[Interaction, ...]:
    """The interactions of the vendor's documentation (S11), newest first."""
    records = json.loads(Path(__file__).with_name("documented.json").read_text("utf-8"))
    return tuple(newest_first(Interaction("documented", record) for record in records))


class World:
    """All rows there are; times are simulated milliseconds."""

    def __init__(self, options: SimulatorOptions, anchor: int) -> None:
        self._options = options
        self._series = partial(series, seed=options.seed, anchor=anchor, tenant_id=options.tenant_id)
        self._days = WorkingDays(options, anchor) if options.per_weekday else None
        self._population = self._days or Population(options, anchor)
        self._inserted: list[Interaction] = []
        self._removed: set[str] = set()

    def rows(self, now: int, values: Iterable[str] = ()) -> list[Interaction]:
        """Every row listed at ``now``, newest first; attribute ``values`` that are magic bring their series along."""
        rows = [*self._population.rows(now), *documented()]
        called = [row for value in dict.fromkeys(values) if value in MAGIC for row in self._series(value)]
        if called or self._inserted:
            rows = newest_first([*self._inserted, *called, *rows])
        return [row for row in rows if row.id not in self._removed] if self._removed else rows

    def matching(self, asked: Query, query: Query, now: int) -> list[Interaction]:
        """The rows listed at ``now`` that meet a ``query``, newest first; ``asked`` tells the magic values."""
        text, values = stamp(now), asked.values("attribute-value")
        if self._days is None or self._inserted or not query.is_plain or not MAGIC.keys().isdisjoint(values):
            return select(self.rows(now, values), query, text)
        rows, rest = self._days.narrowed(query, now)
        found = [*(select(rows, rest, text) if rest.filters else rows), *select(documented(), query, text)]
        return [row for row in found if row.id not in self._removed] if self._removed else found

    def find(self, interaction_id: str, now: int) -> Interaction | None:
        """The interaction with this id, if it has begun."""
        everything = chain(self.rows(now), *map(self._series, MAGIC))
        found = next((row for row in everything if row.id == interaction_id and row.start <= stamp(now)), None)
        return None if interaction_id in self._removed else found

    def insert(
        self, count: int, start: int, attributes: Iterable[tuple[str, str]] = (), kind: str = "voice-answered"
    ) -> list[str]:
        """Put in interactions that begin at ``start``, with attributes written at once; their ids."""
        attributes, seed = list(attributes), self._options.seed
        new = []
        for number in range(len(self._inserted), len(self._inserted) + count):
            dice = Dice(random.Random(f"{seed}:insert:{number}"))
            scene = play(kind, start, dice, seed, self._options.tenant_id)
            for name, value in attributes:
                scene.attribute(name, value, at=start)
            new.append(Interaction(kind, scene.record, scene.edits))
        self._inserted += new
        return [row.id for row in new]

    def remove(self, ids: Iterable[str]) -> None:
        """Take interactions out, as if they had never been."""
        self._removed |= set(ids)
