"""Magic attribute values: like test cards, asking for one brings its rows, or its trouble, without any header."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from app.simulator.clock import parse_time, stamp
from app.simulator.data import HOUR, newest_first
from app.simulator.dice import SeriesDice
from app.simulator.forms import Form, encode, to_json
from app.simulator.kinds import KINDS
from app.simulator.people import contacts
from app.simulator.scene import Record, Scene
from app.simulator.writing import attribute

_ANSWERED = (
    "voice-answered",
    "voice-holds",
    "voice-transfer",
    "voice-queue-abandon",
    "voice-rejected-offers",
    "voice-survey",
)
_ABANDONS = (
    "voice-ivr-abandon",
    "voice-queue-abandon",
    "voice-short-abandon",
    "voice-hold-abandon",
    "messaging-abandon",
)
_TRANSFERS = ("voice-transfer", "voice-transfer-chain", "voice-transfer-back")
_OPEN = ("voice-open-in-queue", "voice-open-in-conversation", "work-item-open")


@dataclass(frozen=True, slots=True)
class Magic:
    """What a magic value brings: ``rows`` of these kinds, and a fault with its parameters."""

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
    """A record played within the hour of the mark, whose own ids end in the number mark."""

    kind: str
    record: Record
    whole: bytes
    listed: bytes


class SeriesRow:
    """One row of a series: its template with the hour and the number put in place."""

    __slots__ = ("_hour", "_number", "_template", "id", "kind", "start")

    def __init__(self, template: _Template, hour: str, number: int) -> None:
        self._template = template
        self._hour = hour
        self._number = f"-{number:012x}"
        self.kind = template.kind
        self.id: str = template.record["interactionId"].replace(_NUMBER_MARK, self._number)
        self.start: str = template.record["startTimestamp"].replace(_HOUR_MARK, hour)

    def at(self, _: str) -> Record:
        record: Record = json.loads(self._placed(self._template.whole))
        return record

    def hooks(self, _: str) -> list[Record]:
        """The template's hooks: names and values are the row's, ids are not."""
        hooks: list[Record] = self._template.record["hooks"]
        return hooks

    def contact(self) -> str | None:
        contact: str | None = self._template.record.get("contactId")
        return contact

    def encoded(self, now: str, wanted: Form) -> bytes:
        if wanted is Form.LIST:
            return self._placed(self._template.listed)
        return encode(self.at(now), wanted)

    def _placed(self, text: bytes) -> bytes:
        placed = text.replace(_HOUR_MARK.encode(), self._hour.encode())
        return placed.replace(_NUMBER_MARK.encode(), self._number.encode())


@lru_cache(maxsize=4 * len(MAGIC))
def series(value: str, seed: int, anchor: int, tenant_id: str) -> tuple[SeriesRow, ...]:
    """The rows of a magic value, newest first, in the whole hours before ``anchor`` (milliseconds)."""
    magic = MAGIC[value]
    templates = [_template(value, seed, place, tenant_id) for place in range(min(_TEMPLATES, magic.rows))]
    hours = [stamp(anchor // HOUR * HOUR - (back + 1) * HOUR)[:13] for back in range(-(-magic.rows // _TEMPLATES))]
    rows = [
        SeriesRow(templates[number % _TEMPLATES], hours[number // _TEMPLATES], number) for number in range(magic.rows)
    ]
    return tuple(newest_first(rows))


def _template(value: str, seed: int, place: int, tenant_id: str) -> _Template:
    rng = random.Random(f"{seed}:{value}:{place}")
    kind = MAGIC[value].kinds[place % len(MAGIC[value].kinds)]
    start = parse_time(f"{_HOUR_MARK}:{place * _MINUTES_APART:02d}:00.000Z") + rng.randrange(60_000)
    scene = Scene(start, SeriesDice(rng), rng.choice(contacts(seed)), tenant_id)
    KINDS[kind].play(scene)
    attribute(scene, "simulation", value, at=start)
    return _Template(kind, scene.record, to_json(scene.record), encode(scene.record, Form.LIST))
