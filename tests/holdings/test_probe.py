"""The probe of a simulator that reads queries in one way or another: each finding, in few calls, by reading alone."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from typing import Any

import pytest
from pydantic import SecretStr

from app import errors
from app.clock import SYSTEM_CLOCK
from app.holdings.probe import QUESTIONS, UNANSWERED, Finding, findings
from app.observe.metrics import Metrics
from app.upstream.access import Limits, UpstreamAccess
from app.upstream.client import UpstreamClient
from app.upstream.query import CONDITIONS
from tests.support.simulator import Simulator, running_simulator

MOST_CALLS = 30 - 2  # the command logs in and looks first
NOTHING = ("body", {"text": '{"total": 0, "results": null}'})
NO_ROWS = ("body", {"text": '{"total": 606, "results": null}'})
Faults = tuple[tuple[str, Mapping[str, Any]], ...]


@asynccontextmanager
async def probing(**changes: Any) -> AsyncIterator[tuple[Simulator, AsyncGenerator[Finding, None]]]:
    """A simulator, and the findings of a probe of it, each asked for when it is waited for."""
    async with running_simulator(**changes) as simulator:
        options = simulator.options
        access = UpstreamAccess(
            simulator.url, options.tenant_id, options.username, SecretStr(options.password), "basic", 4, 20, 10,
            Limits(foreground_attempts=1),
        )  # fmt: skip
        client = UpstreamClient(access, clock=SYSTEM_CLOCK, metrics=Metrics())
        try:
            async with aclosing(findings(client)) as found:
                yield simulator, found
        finally:
            await client.aclose()
        assert simulator.violations == 0
        assert len(simulator.calls()) <= MOST_CALLS


SEEN: dict[str, Mapping[str, tuple[Faults, ...]]] = {
    "repeated-value": {
        "all": ((),),
        "first": ((("first-repeat-only", {}),),),
        "last": ((("last-repeat-only", {}),),),
        "any": ((("filter-ignored", {"filter": "attribute-value"}),),),
    },
    "value-case": {
        "exact": ((),),
        "loose": ((("case-ignored", {}),),),
        "ignored": ((("filter-ignored", {"filter": "attribute-value"}),),),
    },
    "name-spaces": {
        "exact": ((),),
        "loose": ((("names-trimmed", {}),),),
        "ignored": ((("filter-ignored", {"filter": "hookType"}),),),
    },
    "range-time": {
        **{time: ((("range-tested", {"tests": time}),),) for time in ("start", "end", "overlap", "both")},
        "ignored": (
            (("filter-ignored", {"filter": "start"}),),
            (("filter-ignored", {"filter": "end"}),),
            (("filter-ignored", {"filter": "start"}), ("filter-ignored", {"filter": "end"})),
        ),
    },
    "range-ends": {
        finding: tuple(
            (("range-tested", {"tests": time, "ends": ends}),) for time in ("start", "end", "overlap", "both")
        )
        for finding, ends in {"from": "[)", "both": "[]", "to": "(]", "neither": "()"}.items()
    }
    | {"not-known": ((("filter-ignored", {"filter": "start"}),),)},
    "open-listed": {"yes": ((),), "not-known": ((("open-hidden", {}),),)},
    "updated": {
        "sometimes": ((),),
        "always": ((("wrong-type", {"field": "updated", "value": "2026-11-18T15:00:00.000Z"}),),),
        "never": ((("wrong-type", {"field": "updated", "value": None}),),),
    },
    "limit-zero": {
        "total-alone": ((),),
        "rows-as-well": ((("limit-zero", {}),),),
        "refused": ((("limit-zero", {"rows": None}),),),
    },
    "deepest-offset": {"every-row": ((),), "fails": ((("offset-bounded", {"most": 100}),),)},
}
"""How upstream must read queries, for a finding to be the answer to a question."""

# How often upstream then answers in this way, from the moment at which the question is asked.
SEEN_WHEN_ASKED: dict[tuple[str, str], tuple[int, tuple[str, dict[str, Any]]]] = {
    ("repeated-value", "none"): (2, NOTHING),
    ("repeated-value", "refused"): (1, ("status", {"status": 400})),
    ("value-case", "not-known"): (1, NOTHING),
    ("range-time", "not-known"): (5, NOTHING),
    ("limit-zero", "no-total"): (1, NOTHING),
    ("deepest-offset", "no-rows"): (1, NO_ROWS),
    ("deepest-offset", "fails"): (1, ("status", {"status": 503})),
}
NAMES = [question.name for question in QUESTIONS]


async def answer_to(name: str, found: AsyncIterator[Finding]) -> Finding:
    return [await anext(found) for _ in range(NAMES.index(name) + 1)][-1]


@pytest.mark.parametrize(
    ("name", "finding", "faults"),
    [(name, finding, faults) for name, row in SEEN.items() for finding, cases in row.items() for faults in cases],
)
async def test_each_finding_is_how_upstream_reads_queries(name: str, finding: str, faults: Faults) -> None:
    async with probing() as (simulator, found):
        for kind, parameters in faults:
            simulator.faults(kind, None, **parameters)
        assert (await answer_to(name, found)).finding == finding


@pytest.mark.parametrize(("name", "finding"), SEEN_WHEN_ASKED)
async def test_an_odd_answer_to_a_question_is_a_finding_too(name: str, finding: str) -> None:
    times, (kind, parameters) = SEEN_WHEN_ASKED[name, finding]
    async with probing() as (simulator, found):
        for _ in range(NAMES.index(name)):
            await anext(found)
        simulator.faults(kind, times, **parameters)
        assert (await anext(found)).finding == finding


def test_every_finding_of_the_table_is_seen_somewhere() -> None:
    seen = {(name, finding) for name, row in SEEN.items() for finding in row} | SEEN_WHEN_ASKED.keys()
    told = {(question.name, finding) for question in QUESTIONS for finding in question.service}
    assert told <= seen
    assert {finding for _, finding in seen - told} == UNANSWERED.keys()


async def test_all_questions_are_asked_in_few_calls_of_the_clients_own_spelling() -> None:
    async with probing(interactions=2_300) as (simulator, found):
        answers = [answer async for answer in found]
        calls = simulator.calls()
    assert [answer.name for answer in answers] == NAMES
    assert not {"not-known", "refused"} & {answer.finding for answer in answers}
    assert answers[-1].seen == f"up to offset {int(dict(calls[-1].query)['offset'])}"
    assert {call.kind for call in calls} == {"list"}
    assert {name for call in calls for name, _ in call.query} <= {*CONDITIONS, "offset", "limit"}


async def test_findings_hold_nothing_of_a_record() -> None:
    async with probing() as (simulator, found):
        told = json.dumps([asdict(answer) async for answer in found])
        rows = [row.record for row in simulator.state.world.rows(simulator.state.now())]
    hooks = [hook for row in rows for hook in row.get("hooks", ())]
    texts = {text for row in rows for text in (row["interactionId"], row.get("customer"), row.get("contactId"))}
    texts |= {hook["hookType"] for hook in hooks} | {
        value for hook in hooks if len(value := hook.get("hookName", "")) > 6
    }
    assert len(texts) > len(rows)
    assert not [text for text in texts if text and text in told]


async def test_a_tenant_without_records_leaves_all_open() -> None:
    async with probing(interactions=0) as (simulator, found):
        simulator.remove(count=1_000)
        answers = [answer async for answer in found]
    assert {answer.finding for answer in answers} == {"not-known"}
    assert all(answer.seen for answer in answers)
    assert {answer.service for answer in answers} == {UNANSWERED["not-known"]}


@pytest.mark.parametrize("place", [0, 4, len(NAMES) - 1])
async def test_an_upstream_that_answers_nothing_any_more_ends_the_probe(place: int) -> None:
    async with probing() as (simulator, found):
        for _ in range(place):
            await anext(found)
        simulator.faults("status", None, status=503)
        with pytest.raises(errors.UpstreamUnavailable):
            [answer async for answer in found]
