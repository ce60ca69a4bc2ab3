"""How much of everything is measured: the whole, or a quick look."""

from dataclasses import dataclass, replace

from tests.benchmarks.stretch import Stretch


@dataclass(frozen=True, slots=True)
class Budget:
    """Rounds are of all contestants in turn; `seconds` is how long each is loaded in a round."""

    rounds: int
    seconds: int
    growth_rounds: int
    stored: tuple[int, ...]  # answers in the store
    rows: tuple[int, ...]  # in one answer
    clients: tuple[int, ...]  # at once
    fill_seconds: float  # to bring answers into the store; what is not in by then stays out
    misses: int
    starts: int
    cache_bytes: int
    report_rows: int
    records: int  # made before anything is measured
    day: Stretch  # of the day of dashboards
    exported: int  # rows of one streamed answer
    held: int  # rows of the whole tenant
    polled: int  # rows of a weekday that are polled


WHOLE = Budget(
    rounds=7,
    seconds=1,
    growth_rounds=3,
    stored=(100, 1_000, 10_000, 100_000),
    rows=(1, 10, 100, 1_000, 10_000),
    clients=(1, 4, 16, 64, 256),
    fill_seconds=45,
    misses=15,
    starts=3,
    cache_bytes=64 * 1024 * 1024,
    report_rows=10_000,
    records=10_000,
    day=Stretch(seconds=900),
    exported=100_000,
    held=100_000,
    polled=20_000,
)
FULL = replace(WHOLE, day=Stretch(per_weekday=20_000, from_hour=0, seconds=86_400), held=1_000_000)
QUICK = Budget(
    rounds=2,
    seconds=1,
    growth_rounds=1,
    stored=(100, 1_000),
    rows=(1, 1_000),
    clients=(1, 256),
    fill_seconds=5,
    misses=3,
    starts=1,
    cache_bytes=16 * 1024 * 1024,
    report_rows=2_500,
    records=6_000,
    day=Stretch(per_weekday=400, seconds=120),
    exported=20_000,
    held=10_000,
    polled=1_000,
)
