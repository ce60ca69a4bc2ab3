"""Interactions with many parts of every kind, and what the lists of their grains must then hold."""

from collections.abc import Callable, Mapping
from typing import Any

from app.interactions.grains import Grain
from tests.support.facade import Facade
from tests.support.simulator import Simulator

Record = dict[str, Any]
Row = dict[str, Any]

A_DAY = 86_400_000  # milliseconds
KINDS = (
    "voice-transfer",
    "voice-rejected-offers",
    "voice-queue-abandon",
    "voice-overflow",
    "email",
    "voice-uneven-talk",
)
MANY = 9  # notes of one interaction of each kind; others have two at most
OF_RECORD: Mapping[str, Callable[[Record], int]] = {
    "interactions": lambda record: 1,
    "agent_legs": lambda record: len(record.get("agents", ())),
    "queue_entries": lambda record: len(record.get("queues", ())),
    "segments": lambda record: len(record.get("segments", ())),
    "interaction_attributes": lambda record: len(record.get("interactionAttributes", ())),
    "notes": lambda record: len(record.get("notes", ())),
    "talk_times": lambda record: sum(len(leg.get("talkTimes", ())) for leg in record.get("agents", ())),
}
"""How many rows each grain has of a record."""


def populate(simulator: Simulator, value: str, count: int) -> list[Record]:
    """So many interactions of all KINDS that hold an attribute of this value, with notes or without; their records."""
    world, now = simulator.state.world, simulator.state.now()
    for number, kind in enumerate(KINDS):
        several = len(range(number, count, len(KINDS)))
        world.insert(several, now - A_DAY, [("series", value), ("kind", kind)], kind)
    records: list[Record] = [row.record for row in world._inserted[-count:]]
    for number, record in enumerate(records):
        more = MANY if number % (count // len(KINDS)) == 0 else number % 3
        record["notes"] = [_note(record, place) for place in range(more)]
    return records


def _note(record: Record, place: int) -> Record:
    moments = {"created": record["startTimestamp"], "updated": record["startTimestamp"]}
    return {"noteId": f"{place:08x}{record['interactionId'][8:]}", "title": f"note {place}", "body": "…", **moments}


def key_of(grain: Grain) -> tuple[str, str]:
    """The parameter that asks for the key of each row alone."""
    return "fields", "interaction_id,position" if grain.is_of_parts else "interaction_id"


def keys(rows: list[Row]) -> list[tuple[str, int]]:
    """What tells rows apart, in their order."""
    return [(row["interaction_id"], row.get("position", 0)) for row in rows]


async def rows_of(facade: Facade, grain: Grain, *query: tuple[str, str]) -> list[Row]:
    """All rows of one answer."""
    rows: list[Row] = (await facade.get(grain.path, *query, ("limit", "10000"))).json()["items"]
    return rows


def parts_of(records: list[Record]) -> dict[str, int]:
    """How many rows the grains of OF_RECORD have of these records."""
    return {name: sum(map(count, records)) for name, count in OF_RECORD.items()}
