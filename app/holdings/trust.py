"""Trust: which time upstream's ranges test, as partitions need the start, alone or with the end; a few calls tell."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal, NamedTuple

from app.holdings.collection import EVER, Span
from app.holdings.packing import Run
from app.holdings.reader import MILLISECOND, Reader, floored
from app.interactions.parts import Interaction
from app.upstream.query import UpstreamQuery
from app.upstream.rows import Record

LEAST_DURATION = timedelta(seconds=2)
MOST_RUNS = 20  # are looked through for a record that tells
SAMPLE_ROWS = 100

Tested = Literal["start", "end", "overlap", "neither"]
HOLDABLE: frozenset[Tested] = frozenset({"start", "overlap"})


class Telling(NamedTuple):
    """The id, start and end of a record whose times can be told apart, and the conditions that it was listed under."""

    interaction_id: str
    start: datetime
    end: datetime
    conditions: UpstreamQuery


def telling(runs: Iterable[tuple[Run, UpstreamQuery]], before: datetime) -> Telling | None:
    """A record that lasted a while and ended before a time; None without any. Each run is held under conditions."""
    few = islice(runs, MOST_RUNS)
    return next((one for run, asked in few for one in _telling(run.block.records(), before, asked)), None)


async def sampled(before: datetime, reader: Reader) -> Telling | None:
    """Such a record among the newest that upstream lists for a range up to that time. Raises UpstreamError."""
    reading = await reader.newest(Span(EVER, floored(before)), SAMPLE_ROWS)
    records = (one.interaction for one in reading.records if isinstance(one, Record))
    return next(_telling(records, before, reader.conditions), None)


def _telling(records: Iterable[Interaction], before: datetime, conditions: UpstreamQuery) -> Iterator[Telling]:
    for record in records:
        start, end = record.start_timestamp, record.end_timestamp
        if start and end and start + LEAST_DURATION < end < before and _are_whole(start, end):
            yield Telling(record.interaction_id, start, end, conditions)


def _are_whole(*moments: datetime) -> bool:
    return all(moment == floored(moment) for moment in moments)


async def tested(record: Telling, reader: Reader) -> Tested:
    """Which time of the record a range must hold; the reader has its conditions. Raises UpstreamError."""
    found = await _are_listed(record, (record.start, record.end), reader)
    names: dict[tuple[bool, ...], Tested] = {(True, False): "start", (False, True): "end", (True, True): "overlap"}
    name = names.get(found, "neither")
    if name == "overlap":  # or ranges are ignored
        outside = await _are_listed(record, (record.start - LEAST_DURATION, record.end + LEAST_DURATION), reader)
        return "neither" if any(outside) else name
    return name


async def _are_listed(record: Telling, moments: Iterable[datetime], reader: Reader) -> tuple[bool, ...]:
    """For each moment, whether a range of milliseconds around it lists the record; rows are not checked here."""
    spans = [Span(moment - MILLISECOND, moment + 2 * MILLISECOND) for moment in moments]
    return tuple([record.interaction_id in await reader.listed(span) for span in spans])
