"""What a summary of many held rows takes: half hours by queue, fourteen measures; by processor time of this process."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice, pairwise
from time import process_time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app import cooperative
from app.cache.store import Kept, MemoryStore
from app.cache.stored import Stored
from app.cooperative import TURN_SECONDS, Turns, held_back
from app.holdings.packing import Entry, Run, pack
from app.holdings.partition import partitioned
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS
from app.interactions.records import decode
from app.queries.query import InteractionQuery, Search, View
from app.queries.snapshot import DecodedSnapshot, Snapshot
from app.queries.summarising import SummaryTable, summarise
from app.simulator.arrivals import arrivals
from app.simulator.interaction import Form
from app.summaries.grouping import Grouping
from app.summaries.intervals import Intervals
from app.summaries.named import named_measures
from app.summaries.summary import Summary, measures_of, outputs
from app.summaries.tally import Packing
from app.upstream.query import UpstreamQuery
from tests.benchmarks.client import Unanswered
from tests.benchmarks.records import AT_LAST, NEWEST_DAY, TENANT_ID
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import Scene

PER_HOUR = 833.0  # 20,000 on a weekday
AT_ONCE = 4_096
BOUND = 1024 * 1024 * 1024
WHOLE = 100_000  # rows that the target is for
ROUNDS = 3
GRAIN = GRAINS["queue_entries"]
CONTEXT = Context(TENANT_ID, datetime(2026, 5, 1, tzinfo=UTC), ZoneInfo("US/Eastern"))
SUMMARY = Summary(("queue_name",), tuple(one.name for one in named_measures(GRAIN))[:14], "30m")
MEASURES = measures_of(SUMMARY, GRAIN)
SHOWN = View(tuple((one.name, one.name) for one in outputs(SUMMARY, GRAIN, MEASURES)), grain=GRAIN.name)
QUERY = InteractionQuery(Search(), SHOWN, limit=10_000, summary=SUMMARY)


class Worked(NamedTuple):
    """A summary, with the milliseconds of processor time that it took, and that its longest turn took."""

    made: SummaryTable
    milliseconds: float
    longest: float


def first(scene: Scene) -> Measured:
    """Milliseconds for a summary of rows that are held, to 100,000 of them."""
    snapshot = _held(scene.budget.exported)
    worked = _best(lambda: _summarised(snapshot, _tallies(snapshot)))
    return Measured(worked.milliseconds * WHOLE / snapshot.rows, f"{snapshot.rows:,} rows, {worked.made.groups} groups")


def turns(scene: Scene) -> Measured:
    """Milliseconds of its longest turn."""
    snapshot = _held(scene.budget.exported)
    worked = _best(lambda: _summarised(snapshot, _tallies(snapshot)))
    return Measured(worked.longest, f"turns are over after {1000 * TURN_SECONDS:.0f} ms")


def again(scene: Scene) -> Measured:
    """Milliseconds for the same summary after one record has changed."""
    before = _held(scene.budget.exported)
    after, tallies = _changed(before), _tallies(before)
    _summarised(before, tallies)
    unchanged = _best(lambda: _summarised(before, tallies))
    worked = min((_after_change(before, after) for _ in range(ROUNDS)), key=lambda one: one.milliseconds)
    if worked.made != _summarised(after, None).made:
        raise Unanswered("What is kept makes another summary than the rows.")
    return Measured(worked.milliseconds, f"{worked.made.groups} groups; unchanged {unchanged.milliseconds:.0f} ms")


def merge(scene: Scene) -> Measured:
    """Milliseconds to merge a hundred tallies of a partition each."""
    snapshot = _held(scene.budget.exported)
    store, taken = _counted(snapshot), dict[int, float]()
    packed = [store.get(key) for key in [*store._tallies]]
    for count in (10, 100):
        kept = [one.value for one in islice(packed * (1 + count // len(packed)), count) if one]
        taken[count] = min(_merged(kept) for _ in range(ROUNDS))
    return Measured(taken[100], f"ten in {taken[10]:.2f} ms, of {snapshot.rows // len(packed):,} rows each")


def size(scene: Scene) -> Measured:
    """Bytes of the tallies against those of the records."""
    snapshot = _held(scene.budget.exported)
    held, store = sum(run.size for run in snapshot.runs), _counted(snapshot)
    return Measured(store.bytes_held / held, f"{store.count('tally')} tallies, {store.bytes_held // 1024:,} KiB")


def _after_change(before: Snapshot, after: Snapshot) -> Worked:
    tallies = _tallies(before)
    _summarised(before, tallies)
    return _summarised(after, tallies)


def _counted(snapshot: Snapshot) -> MemoryStore:
    tallies = _tallies(snapshot)
    _summarised(snapshot, tallies)
    return tallies.store


def _merged(packed: list[bytes]) -> float:
    grouping = Grouping(SUMMARY, MEASURES, GRAIN, Intervals("30m", CONTEXT.zone), 10_000)
    packing, began = Packing(grouping), process_time()
    for one in packed:
        grouping.merge(packing.unpack(one).groups)
    return 1000 * (process_time() - began)


def _tallies(snapshot: Snapshot) -> Kept[bytes]:
    return Kept(MemoryStore(BOUND, lambda: 0.0), Stored(snapshot, 0, 0.0, 1e9, 0.0), "tally")


def _best(measure: Callable[[], Worked]) -> Worked:
    return min((measure() for _ in range(ROUNDS)), key=lambda one: one.milliseconds)


def _summarised(snapshot: Snapshot, tallies: Kept[bytes] | None) -> Worked:
    work = summarise(DecodedSnapshot(snapshot), QUERY, GRAIN, CONTEXT, most_groups=10_000, tallies=tallies)
    with held_back(snapshot.rows):
        return _in_turns(work)


def _in_turns(work: Turns[SummaryTable]) -> Worked:
    """Turn by turn, as the loop runs it."""
    turns, ended = [process_time()], tuple[SummaryTable, ...]()
    while not ended:
        ended = cooperative._worked(work, TURN_SECONDS)
        turns.append(process_time())
    longest = max(end - start for start, end in pairwise(turns))
    return Worked(ended[0], 1000 * (turns[-1] - turns[0]), 1000 * longest)


@cache
def _held(rows: int) -> Snapshot:
    """So many records of weekdays and weekends, newest first, in runs as they are held."""
    runs = asyncio.run(_packed(rows))
    return Snapshot("v", CONTEXT.as_of, UpstreamQuery(), None, True, runs, rows, complete=True)


async def _packed(rows: int) -> tuple[Run, ...]:
    runs, left, day = list[Run](), rows, NEWEST_DAY
    while left:
        found = arrivals(day, 7, PER_HOUR, "US/Eastern", TENANT_ID)
        ordered = sorted(found, key=lambda row: row.start, reverse=True)[:left]
        for start in range(0, len(ordered), AT_ONCE):
            decoded = [decode(row.encoded(AT_LAST, Form())) for row in ordered[start : start + AT_ONCE]]
            runs += (await pack([Entry(Facts(one.interaction, CONTEXT), 0) for one in decoded if one])).runs
        left, day = left - len(ordered), day - 1
    return tuple(runs)


def _changed(snapshot: Snapshot) -> Snapshot:
    """The snapshot without one record, which stood in the middle."""
    parts = [*partitioned(snapshot.runs)]
    run = parts[len(parts) // 2][0]
    entries = [Entry(Facts(one, CONTEXT), 0) for one in run.block.records()[1:]]
    packed = asyncio.run(pack(entries)).runs
    place = snapshot.runs.index(run)
    runs = (*snapshot.runs[:place], *packed, *snapshot.runs[place + 1 :])
    return replace(snapshot, runs=runs, rows=snapshot.rows - 1)
