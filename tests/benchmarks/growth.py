"""What a hit costs as the store, the answer and the crowd grow, each against a bare application at the same size."""

import asyncio
from statistics import median

from tests.benchmarks.client import fetched
from tests.benchmarks.figures import flatness
from tests.benchmarks.load import CLIENTS, Compared, Question, ask_all, compared
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import HIT, SERVE, Scene, see_hit

MANY_BYTES = 1024 * 1024 * 1024
READERS_OF_LARGE_ANSWERS = 4  # each of 24 MB: more would wait longer than a round
OTHER_ANSWERS = "/interactions?attr=rows-1-hit&fields=a{}:direction"  # of one report: as many answers as wanted


def stored_answers(scene: Scene) -> Measured:
    """Hits spread over 10², 10³, 10⁴, 10⁵ answers."""
    grown, shown = [], []
    with scene.another_facade(*SERVE, cache_bytes=MANY_BYTES) as facade:
        one = Question(facade, OTHER_ANSWERS.replace("{}", "0"))
        asyncio.run(fetched(one.url, one.target))
        known = 0
        with scene.peer("bare", one) as bare:
            for size in scene.budget.stored:
                wanted = Question(facade, OTHER_ANSWERS, count=size).targets()[known:]
                known += asyncio.run(ask_all(facade.url, wanted, scene.budget.fill_seconds))
                peer = Question(bare.server, OTHER_ANSWERS, count=known)
                hit = Question(facade, OTHER_ANSWERS, count=known)
                grown.append(_compared(scene, hit, peer))
                asyncio.run(see_hit(hit))
                shown.append(known)
    return _measured(shown, grown, "answers")


def rows_per_answer(scene: Scene) -> Measured:
    """Hits on answers of 1 to 10,000 rows."""
    grown = []
    for rows in scene.budget.rows:
        hit = scene.hit(f"/interactions?attr=rows-{rows}-growth&limit={rows}")
        with scene.peer("bare", hit) as peer:
            grown.append(_compared(scene, hit, peer, READERS_OF_LARGE_ANSWERS))
    return _measured(scene.budget.rows, grown, "rows")


def clients(scene: Scene) -> Measured:
    """Hits asked for by 1 to 256 clients at once."""
    with scene.another_facade("tests.benchmarks.wide") as facade:
        hit = Question(facade, HIT)
        asyncio.run(fetched(hit.url, hit.target))
        asyncio.run(see_hit(hit))
        with scene.peer("bare", hit) as peer:
            grown = [_compared(scene, hit, peer, count) for count in scene.budget.clients]
    return _measured(scene.budget.clients, grown, "clients")


def _compared(scene: Scene, hit: Question, peer: Question, count: int = CLIENTS) -> Compared:
    return compared(hit, peer, scene.budget.seconds, scene.budget.growth_rounds, count)


def _measured(sizes: list[int] | tuple[int, ...], all_sizes: list[Compared], unit: str) -> Measured:
    ratios, by_the_clock = [one.ratio for one in all_sizes], [one.ratio_by_the_clock for one in all_sizes]
    series = ", ".join(f"{one:.2f} at {size:,}" for size, one in zip(sizes, ratios, strict=True))
    clock = ", ".join(f"{one:.2f}" for one in by_the_clock)
    return Measured(flatness(ratios), f"{series} {unit}; median {median(ratios):.2f} of bare; by the clock {clock}")
