"""Row 31: an upstream that fails and recovers by turns is left alone for seconds, not asked the more for it."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle

import httpx
import pytest

from tests.scenarios.matrix.answers import PAGE
from tests.scenarios.matrix.expected import fresh, lawful
from tests.scenarios.matrix.grid import PROPERTY
from tests.scenarios.matrix.rows import BASIC, RIGHT
from tests.scenarios.matrix.scene import Fault, Scene, staged
from tests.scenarios.matrix.setting import FRESH, REVALIDATE, VALUE
from tests.support.raw import Exchange, http

DEMAND, APART_SECONDS = 60, 0.5
OPEN_SECONDS = 5
SHARE = 1.2
SEED = 31

Record = Callable[[str, object], None]
Answers = list[tuple[float, int, httpx.Response]]
"""When something was asked, the calls made until its answer, and the answer."""


def three_of_four() -> Callable[[], bool]:
    """Three bad, one good, and again."""
    turns = cycle((True, True, True, False))
    return lambda: next(turns)


def half_by_chance() -> Callable[[], bool]:
    """One in two."""
    dice = random.Random(SEED)
    return lambda: dice.random() < 0.5


@pytest.fixture(params=[three_of_four, half_by_chance])
def flapping(request: pytest.FixtureRequest) -> Fault:
    """Some answers are right, some are 500."""
    is_bad: Callable[[], bool] = request.param()

    async def strike(exchange: Exchange, scene: Scene) -> None:
        await (exchange.write(http(PAGE, 500)) if is_bad() else scene.desk(exchange))

    return Fault(strike)


@asynccontextmanager
async def joined(fault: Fault, record_property: Record, state: str) -> AsyncIterator[Scene]:
    """A stage for one cell of the row."""
    record_property(PROPERTY, ["31", state])
    async with staged(fault, BASIC) as scene:
        yield scene


async def demanded(scene: Scene, count: int = DEMAND) -> Answers:
    """One question after the other, each asked once."""
    answers: Answers = []
    for number in range(count):
        began = scene.clock.monotonic
        answers.append((began, scene.calls, await scene.ask(f"{VALUE}-{number}")))
        scene.clock.step(monotonic=APART_SECONDS, wall=APART_SECONDS)
    return answers


def is_left_alone(answers: Answers) -> bool:
    """Whether, each time it began to be left alone, upstream had its rest before the next call."""
    codes = [answer.json().get("code") for _, _, answer in answers]
    opened = [i for i, code in enumerate(codes) if code == "upstream-circuit-open" != codes[i - 1]]
    for first in opened:
        began, calls, _ = answers[first]
        asked = [at for at, made, _ in answers[first:] if made > calls]
        assert not asked or asked[0] - began >= OPEN_SECONDS - 2 * APART_SECONDS
    return bool(opened)


async def test_with_nothing_stored_flapping_is_a_mix_and_the_breaker_opens_by_ratio(
    flapping: Fault, record_property: Record
) -> None:
    async with joined(flapping, record_property, "empty") as scene:
        await scene.break_upstream()
        answers = await demanded(scene)
        for _, _, answer in answers:
            if answer.status_code == 200:
                assert answer.headers["cache-status"].startswith("cxfacade; fwd=uri-miss; stored")
            else:
                lawful(answer, scene)
                assert answer.status_code == 503
                assert answer.json()["code"] in ("upstream-error", "upstream-circuit-open")
        assert {answer.status_code for _, _, answer in answers} == {200, 503}
        assert is_left_alone(answers)
        assert scene.calls <= SHARE * DEMAND


async def test_flapping_is_not_noticed_while_the_answer_is_fresh(flapping: Fault, record_property: Record) -> None:
    async with joined(flapping, record_property, "fresh") as scene:
        await scene.fill()
        name = f"answer {len(scene.upstream.requests)}"
        await scene.break_upstream()
        for _ in range(5):
            scene.clock.advance(2)
            fresh(await scene.ask(), scene, name)
        assert scene.calls == 0


async def test_stale_answers_cover_flapping_and_only_good_answers_replace_them(
    flapping: Fault, record_property: Record
) -> None:
    async with joined(flapping, record_property, "stale") as scene:
        await demanded(scene, 20)
        scene.clock.advance(FRESH)
        await scene.break_upstream()
        for _ in range(2):
            for _, _, answer in await demanded(scene, 20):
                assert answer.status_code == 200
                assert answer.headers["cache-status"].startswith("cxfacade; hit; ttl=")
                assert len(answer.json()["items"]) == 1
            await scene.completed()
        assert scene.calls <= SHARE * 40


async def test_who_waits_for_a_refresh_has_a_good_answer_or_what_is_stored(
    flapping: Fault, record_property: Record
) -> None:
    async with joined(flapping, record_property, "waiting") as scene:
        await demanded(scene, 20)
        scene.clock.advance(FRESH + REVALIDATE)
        await scene.break_upstream()
        told = set()
        for _, _, answer in await demanded(scene, 20):
            assert answer.status_code == 200
            _, how, *more = answer.headers["cache-status"].split("; ")
            told.add((how, "detail=stale-if-error" in more))
            assert len(answer.json()["items"]) == 1
        assert told == {("fwd=stale", False), ("hit", True)}
        assert scene.calls <= SHARE * 20


async def test_what_is_too_old_does_not_cover_flapping(flapping: Fault, record_property: Record) -> None:
    async with joined(flapping, record_property, "old") as scene:
        first = {
            answer.json()["meta"]["query"]["attr"][0]: answer.json()["meta"]["as_of"]
            for _, _, answer in await demanded(scene, 30)
        }
        scene.outlive(0)
        await scene.break_upstream()
        for number, (_, _, answer) in enumerate(await demanded(scene, 30)):
            if answer.status_code != 200:
                lawful(answer, scene)
                assert answer.json()["last_success_at"] == first[f"{VALUE}-{number}"]
        assert scene.calls <= SHARE * 30


async def test_once_flapping_is_over_answers_are_right_when_the_breaker_lets_them(
    flapping: Fault, record_property: Record
) -> None:
    async with joined(flapping, record_property, "recovered") as scene:
        await scene.break_upstream()
        answers = await demanded(scene)
        assert is_left_alone(answers)
        await scene.mend()
        scene.clock.advance(60)
        for value in (VALUE, "another", "a third"):
            RIGHT.check(await scene.ask(value), scene)
