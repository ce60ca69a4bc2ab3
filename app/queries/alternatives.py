"""Alternatives read whole, where nothing may be held for other questions: the rows of all, each once."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from app.upstream.rows import Held, Record
from app.upstream.walk import Position, Reading

Read = Callable[[Position, int], Awaitable[Reading]]
"""Reads on from a position by so many calls at most."""


async def to_the_end(read: Read, most_calls: int) -> Reading:
    """A list read from its beginning, to its end or as far as the calls reach. Raises as `read` does."""
    reading = await read(Position(), most_calls)
    while not reading.complete and reading.calls < most_calls:
        records = reading.records
        seen = reading.mismatched.union(one.interaction.interaction_id for one in records)
        place = Position(
            reading.offset,
            reading.total,
            seen,
            reading.lost,
            reading.least_total,
            len(records),
            reading.last_start,
        )
        more = await read(place, most_calls - reading.calls)
        reading = replace(
            more,
            records=(*records, *more.records),
            shifted=reading.shifted or more.shifted,
            mismatched=reading.mismatched | more.mismatched,
            lost=reading.lost + more.lost,
            upstream_seconds=reading.upstream_seconds + more.upstream_seconds,
            calls=reading.calls + max(1, more.calls),
        )
    return reading


def union_of(readings: Sequence[Reading]) -> Reading:
    """The rows of all readings, each once; where one of them did not reach its end, rows are missing.

    Its calls are those of the reading that took most, as all are made at once.
    """
    found: dict[str, Record | Held] = {}
    for reading in readings:
        for one in reading.records:
            name = one.interaction_id if isinstance(one, Held) else one.interaction.interaction_id
            found.setdefault(name, one)
    lost = sum(one.lost for one in readings)
    return Reading(
        records=tuple(found.values()),
        offset=len(found),
        total=len(found),
        complete=True,
        shifted=any(one.shifted or not one.complete for one in readings),
        time_zone=readings[0].time_zone,
        simulated=readings[0].simulated,
        upstream_seconds=max(one.upstream_seconds for one in readings),
        dropped=lost,
        lost=lost,
        calls=max(one.calls for one in readings),
    )
