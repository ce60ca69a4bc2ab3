"""A crowd that asks the same thing at once is one call to upstream, and nobody in it can harm another."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx

from tests.support.clock import HandClock
from tests.support.facade import Facade
from tests.support.simulator import Simulator

CROWD = 200
SWEEPER = 1  # sleeps beside the clients' waits
QUESTION = (("attr", "SIM-2500"), ("limit", "20"))

Asking = asyncio.Task[httpx.Response]


def crowd(facade: Facade, *queries: Iterable[tuple[str, str]]) -> list[Asking]:
    """One client for each query, all at once."""
    return [asyncio.create_task(facade.get("/interactions", *query, status=None)) for query in queries]


async def assembled(facade: Facade, simulator: Simulator, clock: HandClock, count: int = CROWD) -> list[Asking]:
    """Clients who all wait for one answer that upstream holds back; the first came first."""
    simulator.faults("hold")
    first = crowd(facade, QUESTION)
    await simulator.arrived(1)
    others = crowd(facade, *[QUESTION] * (count - 1))
    await clock.asleep(count + SWEEPER)
    return [*first, *others]


def told(answers: Iterable[httpx.Response]) -> set[str]:
    return {answer.headers["cache-status"] for answer in answers}


async def test_two_hundred_cold_requests_are_one_call(facade: Facade, simulator: Simulator, clock: HandClock) -> None:
    asking = await assembled(facade, simulator, clock)
    assert len(simulator.journal()) == 1
    simulator.release()
    answers = await asyncio.gather(*asking)
    assert {answer.status_code for answer in answers} == {200}
    assert len({(answer.content, answer.headers["etag"]) for answer in answers}) == 1
    assert answers[0].headers["cache-status"] == "cxfacade; fwd=uri-miss; stored; ttl=15"
    assert told(answers[1:]) == {"cxfacade; fwd=uri-miss; stored; collapsed; ttl=15"}
    assert len(simulator.journal()) == 1


async def test_two_who_leave_harm_no_other(facade: Facade, simulator: Simulator, clock: HandClock) -> None:
    """The one who asked first leaves, and one who joined: their connections close while upstream is silent."""
    asking = await assembled(facade, simulator, clock)
    leaving, staying = [asking[0], asking[77]], [*asking[1:77], *asking[78:]]
    for one in leaving:
        one.cancel()
    await asyncio.wait(leaving)
    simulator.release()
    answers = await asyncio.gather(*staying)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert told(answers) == {"cxfacade; fwd=uri-miss; stored; collapsed; ttl=15"}
    assert len(simulator.journal()) == 1
    assert (await facade.get("/interactions", *QUESTION)).headers["cache-status"] == "cxfacade; hit; ttl=15"


async def test_an_answer_nobody_waits_for_any_more_is_kept_for_the_next(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    asking = await assembled(facade, simulator, clock, 5)
    for one in asking:
        one.cancel()
    await asyncio.wait(asking)
    next_one = crowd(facade, QUESTION)
    await clock.asleep(len([*asking, *next_one]) + SWEEPER)
    simulator.release()
    assert (await next_one[0]).status_code == 200
    assert len(simulator.journal()) == 1


async def test_a_crowd_shares_a_failure_too(facade: Facade, simulator: Simulator, clock: HandClock) -> None:
    simulator.faults("status", status=404)
    asking = await assembled(facade, simulator, clock, 50)
    simulator.release()
    answers = [answer.json() for answer in await asyncio.gather(*asking)]
    assert {answer["code"] for answer in answers} == {"upstream-unknown-tenant"}
    assert len({answer["request_id"] for answer in answers}) == 50
    assert len(simulator.journal()) == 1


async def test_one_call_serves_every_format_and_choice_of_columns(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    simulator.faults("hold")
    shown = [
        (*QUESTION, more)
        for more in (
            ("format", "csv"),
            ("format", "ndjson"),
            ("shape", "columns"),
            ("fields", "interaction_id"),
            ("include", "agents"),
            ("channel_type", "voice"),
        )
    ]
    asking = crowd(facade, *shown)
    await clock.asleep(len(shown) + SWEEPER)
    await simulator.arrived(1)
    simulator.release()
    answers = await asyncio.gather(*asking)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == len(shown)
    assert len(simulator.journal()) == 1


async def test_different_questions_wait_side_by_side_within_the_bound_of_calls(
    simulator: Simulator, clock: HandClock, facade: Facade
) -> None:
    asked = [(("attr", f"nobody-{number}"),) for number in range(20)]
    simulator.faults("hold", None)
    asking: list[Any] = crowd(facade, *asked)
    await simulator.arrived(8)
    await clock.asleep(len(asked) + 12 + SWEEPER)  # twelve wait for a place too
    assert len(simulator.journal()) == 8  # CXF_UPSTREAM_CONCURRENCY
    simulator.clear_faults()
    answers = await asyncio.gather(*asking)
    assert {answer.status_code for answer in answers} == {200}
    assert len(simulator.journal()) == 20
