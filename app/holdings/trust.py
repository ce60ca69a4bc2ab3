"""Trust: which time upstream's ranges test, as partitions need the start, alone or with the end; a few calls tell."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from math import inf
from typing import Literal, NamedTuple

from app.holdings.collection import EVER, Span
from app.holdings.collection_store import CollectionStore
from app.holdings.packing import Run
from app.holdings.partition import EVERYTHING as WHOLE
from app.holdings.reader import MILLISECOND, Reader, floored
from app.interactions.parts import Interaction
from app.observe.lines import RANGES_TEST
from app.upstream.query import EVERYTHING, UpstreamQuery
from app.upstream.rows import Record

logger = logging.getLogger("cxfacade.holdings")

PROBE_AGAIN_SECONDS = 600.0  # after no record told
SETTLED = timedelta(hours=1)
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


@dataclass(eq=False)
class Probed(CollectionStore):
    """Collections that are held as far as upstream's ranges allow.

    `is_trusted`: the ranges are as partitions need them; else nothing is held, and every question asked whole. That is
    seen once in `probe_seconds`, and `is_probed` as soon as it was, or where it never will be.
    """

    probe_seconds: float = 86_400.0
    is_trusted: bool = True
    is_probed: bool = field(default=False, init=False)
    _next_probe: float = field(init=False)
    _telling: Telling | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """The first probe comes with the first answer, unless none ever does."""
        self.is_probed = self.probe_seconds == inf
        self._next_probe = inf if self.is_probed else self.clock.monotonic()

    @property
    def is_to_be_probed(self) -> bool:
        """Whether it is time to see again which time upstream's ranges test."""
        return self.clock.monotonic() >= self._next_probe

    async def probe(self, *, may_sample: bool = False) -> None:
        """See which time upstream's ranges test, by a record that is held: by the end alone nothing is held.

        Where no record held tells it, one more call may ask for others. Raises UpstreamError.
        """
        now, settled = self.clock.monotonic(), self.clock.wall() - SETTLED
        self._next_probe = now + PROBE_AGAIN_SECONDS
        reading = partial(Reader, self.client, most_calls=5, background=True)
        runs = ((run, one.conditions) for one in self.collections() for run in one.runs(WHOLE))
        self._telling = telling(runs, settled) or self._telling
        if self._telling is None and may_sample:
            self._telling = await sampled(settled, reading(EVERYTHING))
        if self._telling is None:
            return
        found = await tested(self._telling, reading(self._telling.conditions))
        self._next_probe, self.is_probed = now + self.probe_seconds, True
        trusted, overlaps = found in HOLDABLE, found == "overlap"
        if (trusted, overlaps) != (self.is_trusted, self.overlaps):
            self.is_trusted, self.overlaps = trusted, overlaps
            logger.log(logging.INFO if self.is_trusted else logging.ERROR, RANGES_TEST, found)
            self.purge()
