"""What a poll of many rows takes of which some have changed: processor time of the façade, all rows in JSON."""

from dataclasses import replace
from statistics import median
from time import thread_time
from typing import NamedTuple

from starlette.types import ASGIApp

from tests.benchmarks.boards import MOST, Board
from tests.benchmarks.client import Unanswered
from tests.benchmarks.driven import Driven, take
from tests.benchmarks.idle import IdleLoop, run_idle
from tests.benchmarks.judge import Judge
from tests.benchmarks.polls import NEXT, asked
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import Scene
from tests.benchmarks.stretch import Stretch

TODAY = Board("today", f"from=now/d&limit={MOST}", follows=True)
POLLS, MOST_NEWS = 24, 10


class Polled(NamedTuple):
    """A poll: so many rows, of which some are new or changed, in so many milliseconds."""

    rows: int
    news: int
    milliseconds: float


def poll(scene: Scene) -> Measured:
    """Milliseconds of a poll with one to ten changed rows, the median."""
    stretch = replace(scene.budget.day, per_weekday=scene.budget.polled, from_hour=22)
    polls = run_idle(lambda loop: _polls(stretch, loop))
    some = [one for one in polls if 1 <= one.news <= MOST_NEWS]
    if not some:
        raise Unanswered("No poll had news.")
    news, rows = sum(one.news for one in some) / len(some), some[-1].rows
    first = f"the first one {polls[0].milliseconds:,.0f} ms"
    return Measured(median(one.milliseconds for one in some), f"{rows:,} rows, {news:.1f} changed on average; {first}")


async def _polls(stretch: Stretch, loop: IdleLoop) -> list[Polled]:
    driven, judge, polls = Driven(stretch, loop), Judge(), list[Polled]()
    upstream = driven.simulator
    async with driven.facade() as app:
        for _ in range(POLLS):
            before, known, began = upstream.seconds, judge.verdict.versions, thread_time()
            rows = await driven.finish(_rows(app))
            worked = thread_time() - began - (upstream.seconds - before)
            take(driven.upstream, judge)
            polls.append(Polled(rows, judge.verdict.versions - known, 1000 * worked))
            await driven.turn(driven.passed + TODAY.seconds)
    return polls


async def _rows(app: ASGIApp) -> int:
    """Ask for all pages; how many rows there are."""
    target = TODAY.target
    while True:
        got = await asked(app, target, reads_body=False)
        following = NEXT.search(got.headers.get("link", ""))
        if not following:
            return int(got.headers["x-total-count"])
        target = following[1]
