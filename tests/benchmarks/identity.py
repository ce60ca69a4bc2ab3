"""Composed answers against whole ones, of the same instant: `python -m tests.benchmarks.identity` counts equal bodies.

A façade that holds records and one that asks every question whole answer the same questions, while interactions come,
change and go upstream. Before each, time passes for what both have stored, so that all of it is looked at again.
"""

import argparse
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from urllib.parse import urlencode

import orjson
from starlette.types import ASGIApp

from app.formats import FORMATS
from app.interactions.grains import GRAINS, INTERACTIONS
from app.simulator.people import QUEUES
from tests.benchmarks.boards import SEED, VALUES
from tests.benchmarks.driven import Driven
from tests.benchmarks.idle import IdleLoop, run_idle
from tests.benchmarks.polls import NEXT, Got, asked
from tests.benchmarks.stretch import Stretch

PER_WEEKDAY = 1_500
KEPT_SECONDS = 1e9
PASSED_SECONDS = 31 * 86_400.0  # longer than any record goes without being read again
MOST_SECONDS_BETWEEN = 300
CONDITIONS = (
    *[("attr", value) for value in VALUES],
    ("attr_name", "orderNumber"),
    ("channel_type", "voice"),
    ("is_abandoned", "false"),
    *[("queue_name", one.name) for one in QUEUES[:2]],
)
OF_INTERACTIONS = frozenset({"channel_type", "is_abandoned", "queue_name"})
VOLATILE = ("as_of", "content_as_of", "change_token", "total")


@dataclass(slots=True)
class Comparison:
    """How many bodies were compared, of how many instants; the questions whose bodies differ."""

    instants: int = 0
    bodies: int = 0
    unlike: list[str] = field(default_factory=list)


def question(rng: Random, now: datetime) -> str:
    """Path and query of the first page of some question about the last hours."""
    grain, form = rng.choice([*GRAINS.values()]), rng.choice(FORMATS)
    start = now - timedelta(minutes=rng.randint(5, 600))
    given = [("from", start.isoformat()), ("limit", str(rng.choice((10, 100, 1000))))]
    if rng.random() < 0.5:
        given.append(("to", (start + (now - start) * rng.random() + timedelta(seconds=1)).isoformat()))
    if rng.random() < 0.5:
        name, value = rng.choice(CONDITIONS)
        if grain.name == INTERACTIONS or name not in OF_INTERACTIONS:
            given.append((name, value))
    if rng.random() < 0.2:
        given.append(("sort", rng.choice(("interaction_id", "-interaction_id"))))
    if form.variants != ("rows",) and form.variant_parameter:
        given.append((form.variant_parameter, rng.choice(form.variants)))
    return f"{grain.path}.{form.extension}?{urlencode(given)}"


def content(got: Got) -> object:
    """The body but for its total, and for what tells when it was first seen and where its next page begins."""
    if not got.headers["content-type"].startswith("application/json"):
        return got.body
    shown = orjson.loads(got.body)
    if isinstance(shown, dict) and "meta" in shown:
        told = {name: value for name, value in shown["meta"].items() if name not in VOLATILE}
        return [shown["items"], shown["next"] is None, told]
    return got.body


def is_alike(ours: list[Got], theirs: list[Got]) -> bool:
    """Whether the pages have equal bodies; the total of a list of parts is known where all of it is held."""
    totals = [[got.headers.get("x-total-count") for got in pages] for pages in (ours, theirs)]
    agree = all(None in pair or len({*pair}) == 1 for pair in zip(*totals, strict=False))
    return agree and [*map(content, ours)] == [*map(content, theirs)]


async def pages(driven: Driven, app: ASGIApp, target: str) -> list[Got]:
    """The first two pages of an answer."""
    found = [await driven.finish(asked(app, target))]
    if following := NEXT.search(found[0].headers.get("link", "")):
        found.append(await driven.finish(asked(app, following[1])))
    return found


async def compared(instants: int, loop: IdleLoop, tests: str = "start") -> Comparison:
    """The comparison at so many instants, where ranges test this for who holds records. Raises Unanswered."""
    driven, rng, result = Driven(Stretch(PER_WEEKDAY), loop), Random(SEED), Comparison()
    async with AsyncExitStack() as stack:
        holding, whole = [await stack.enter_async_context(driven.facade(is_probed=False)) for _ in range(2)]
        held = holding.state.services.queries.holdings
        held.overlaps = tests == "overlap"
        held.kept_seconds, whole.state.services.queries.holdings.is_trusted = KEPT_SECONDS, False
        for _ in range(instants):
            await driven.turn(driven.passed + rng.randint(1, MOST_SECONDS_BETWEEN))
            await driven.forget(PASSED_SECONDS)
            target = question(rng, driven.now)
            driven.upstream.faults.arm("range-tested", None, tests=tests)
            ours = await pages(driven, holding, target)
            driven.upstream.faults.clear()
            theirs = await pages(driven, whole, target)
            driven.upstream.journal.clear()
            result.instants += 1
            result.bodies += len(theirs)
            if not is_alike(ours, theirs):
                result.unlike.append(target)
        assert held.records() > 0
    return result


def main() -> None:
    """Compare and print."""
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.identity", description=__doc__)
    options.add_argument("--instants", type=int, default=1_000)
    chosen = options.parse_args()
    result = run_idle(lambda loop: compared(chosen.instants, loop))
    print(f"{result.instants:,} instants, {result.bodies:,} bodies; {len(result.unlike)} answers differ")
    for target in result.unlike[:10]:
        print(target)


if __name__ == "__main__":
    main()
