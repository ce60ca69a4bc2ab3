"""Every route under every fault of upstream: status, slug and advice by FAULTS 1.5 and 2.1, no word of upstream's."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.simulator import Simulator, running_simulator

THEIR_WORDS = "upstream-words-6Hn1"


@dataclass(frozen=True, slots=True)
class Fault:
    """What upstream does, and what clients get: `item` where one interaction's answer differs from the list's."""

    kind: str
    status: int
    slug: str
    more: dict[str, Any] = field(default_factory=dict)
    item: tuple[int, str] | None = None


def _status(status: int, ours: int, slug: str, item: tuple[int, str] | None = None, **more: Any) -> Fault:
    return Fault("status", ours, slug, {"status": status, **more}, item)


FAULTS = {
    "400": _status(400, 502, "upstream-refused-query"),
    "401": _status(401, 502, "upstream-auth"),
    "403": _status(403, 502, "upstream-forbidden"),
    "404": _status(404, 502, "upstream-unknown-tenant", item=(404, "not-found")),
    "410": _status(410, 502, "upstream-unknown-tenant", item=(404, "not-found")),
    "418": _status(418, 502, "upstream-refused-query"),
    "429": _status(429, 503, "upstream-throttled"),
    "429 with a date": _status(429, 503, "upstream-throttled", retry_after="Wed, 18 Nov 2026 15:00:30 GMT"),
    "429 absurd": _status(429, 503, "upstream-throttled", retry_after="1000000000"),
    "500": _status(500, 503, "upstream-error"),
    "501": _status(501, 503, "upstream-error"),
    "502": _status(502, 503, "upstream-unavailable"),
    "503": _status(503, 503, "upstream-unavailable", retry_after="7"),
    "504 HTML": _status(504, 504, "upstream-timeout", shape="html"),
    "redirect": Fault("redirect", 502, "upstream-redirect"),
    "bad JSON": Fault("bad-json", 502, "upstream-bad-answer"),
    "truncated": Fault("truncated", 502, "upstream-bad-answer"),
    "truncated chunks": Fault("truncated", 502, "upstream-bad-answer", {"framing": "chunked"}),
    "reset": Fault("reset", 503, "upstream-reset"),
    "reset within the body": Fault("reset", 503, "upstream-reset", {"share": 0.5}),
    "no answer": Fault("garbled", 503, "upstream-reset"),
    "two lengths": Fault("garbled", 502, "upstream-bad-answer", {"how": "two-lengths"}),
    "wrong content type": Fault("content-type", 502, "upstream-bad-answer"),
    "HTML with 200": Fault(
        "body", 502, "upstream-bad-answer", {"text": f"<html>{THEIR_WORDS}</html>", "content_type": "text/html"}
    ),
    "an error with 200": Fault("body", 502, "upstream-bad-answer", {"text": f'{{"error": "{THEIR_WORDS}"}}'}),
    "a list with 200": Fault("body", 502, "upstream-shape", {"text": f'["{THEIR_WORDS}"]'}),
    "nothing with 200": Fault("body", 502, "upstream-bad-answer"),
    "their words with 500": Fault(
        "body", 503, "upstream-error", {"status": 500, "text": THEIR_WORDS, "headers": {"x-secret": THEIR_WORDS}}
    ),
}
FAULTS_OF_LISTS = {"foreign tenant": Fault("foreign-tenant", 502, "upstream-wrong-tenant")}
LISTS = (
    "/interactions",
    "/interactions.json",
    "/interactions.ndjson",
    "/interactions.csv",
    "/queue-entries/summary",
)
ITEMS = ("/interactions/{id}", "/interactions/{id}/timeline")
UNMOVED = {
    "/schema": 200,
    "/whoami": 200,
    "/metrics": 403,
    "/health/live": 200,
    "/health/ready": 200,
    "/openapi.json": 200,
    "/docs": 200,
    "/problems/upstream-auth": 200,
    "/nowhere": 404,
    "/interactions?limit=0": 400,
    "/interactions/not-a-uuid": 404,
}


@pytest.fixture
async def known(facade: Facade) -> str:
    """The id of an interaction; the time zone is known too, so that one call remains to be made of the item."""
    await facade.get("/interactions", ("from", "2026-11-17"))
    return (await facade.ids(("attr", "1234567")))[0]


def is_problem(answer: httpx.Response, status: int, slug: str, simulator: Simulator) -> None:
    """Hold an answer against FAULTS 1.5."""
    wait = answer.headers.get("retry-after")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert (wait is not None) is (status in (503, 504))
    assert wait is None or 1 <= int(wait) <= 300
    if answer.request.method == "GET":
        told = answer.json()
        assert (told["status"], told["code"]) == (status, slug)
        assert told["retryable"] is (wait is not None)
        assert str(told.get("retry_after_seconds")) == str(wait)
    seen = answer.text + repr(answer.headers.raw)
    port = simulator.url.rpartition(":")[2]
    names = TENANT.tenant_id, TENANT.tenant_name, TENANT.username
    for theirs in (THEIR_WORDS, port, *names, "/elsewhere", "simulat", "httpx", "Traceback"):
        assert theirs not in seen


@pytest.mark.parametrize("name", [*FAULTS, *FAULTS_OF_LISTS])
async def test_a_fault_of_the_list_is_told_as_its_own_on_every_route(
    name: str, facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    fault = {**FAULTS, **FAULTS_OF_LISTS}[name]
    simulator.faults(fault.kind, None, endpoint="list", **fault.more)
    for number, path in enumerate(LISTS):
        query = ("limit", str(number + 1)), ("attr", f"value-{number}")
        is_problem(await facade.get(path, *query, status=None), fault.status, fault.slug, simulator)
        head = await facade.client.head(path, params=[*query])
        is_problem(head, fault.status, fault.slug, simulator)
        assert head.content == b""
    simulator.clear_faults()
    clock.advance(400)
    assert (await facade.get("/interactions", ("limit", "1"), ("attr", "value-0"))).json()["items"] == []


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_of_one_interaction_is_told_as_its_own_on_every_route(
    name: str, facade: Facade, simulator: Simulator, clock: HandClock, known: str
) -> None:
    fault = FAULTS[name]
    status, slug = fault.item or (fault.status, fault.slug)
    simulator.faults(fault.kind, None, endpoint="one", **fault.more)
    for path in ITEMS:
        is_problem(await facade.get(path.format(id=known), status=None), status, slug, simulator)
    simulator.clear_faults()
    clock.advance(400)
    for path in ITEMS:
        assert (await facade.get(path.format(id=known))).json()["interaction_id"] == known


@pytest.mark.parametrize("path", UNMOVED)
async def test_what_needs_no_upstream_is_answered_whatever_ails_it(
    path: str, facade: Facade, simulator: Simulator
) -> None:
    simulator.faults("status", None, status=503)
    answer = await facade.get(path, status=UNMOVED[path])
    assert (answer.headers["content-type"] == "application/problem+json") is (UNMOVED[path] >= 400)
    assert simulator.journal() == []


@pytest.mark.parametrize("name", ["401", "500", "redirect", "truncated", "foreign tenant"])
async def test_a_fault_while_the_time_zone_is_learned_is_told_alike(
    name: str, facade: Facade, simulator: Simulator
) -> None:
    fault = {**FAULTS, **FAULTS_OF_LISTS}[name]
    simulator.faults(fault.kind, None, endpoint="list", **fault.more)
    for path in ("/interactions?from=2026-11-01", f"/interactions/{'0' * 8}-0000-4000-8000-000000000000"):
        is_problem(await facade.get(path, status=None), fault.status, fault.slug, simulator)


async def test_a_failure_is_remembered_for_a_second_so_that_a_herd_does_not_repeat_it(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    simulator.faults("status", None, status=404)
    for _ in range(5):
        await facade.get("/interactions", ("attr", "x"), status=502)
    calls = len(simulator.journal())
    assert calls == 1
    simulator.clear_faults()
    clock.advance(11)  # FAULTS 2.1, row 26: ten seconds on the collection
    assert (await facade.ask(("attr", "x")))["items"] == []


async def test_an_upstream_that_is_not_there_is_told_as_such(clock: HandClock) -> None:
    async with running_simulator(TENANT) as gone:
        pass
    async with running_facade(gone, clock=clock.clock) as facade:
        is_problem(await facade.get("/interactions", status=None), 503, "upstream-unreachable", gone)


@pytest.mark.parametrize("shape", ["unknown-field", "wrong-type", "results-object", "foreign-rows"])
async def test_an_oddity_that_can_be_read_is_read(shape: str, facade: Facade, simulator: Simulator) -> None:
    simulator.faults(shape, None)
    (row,) = (await facade.ask(("attr", "1234567")))["items"]
    assert row["duration_seconds"] == 47.212


async def test_a_bare_interaction_as_a_list_is_one_row(facade: Facade, simulator: Simulator) -> None:
    simulator.faults("bare-interaction", None)
    assert (await facade.ask(("attr", "1234567")))["meta"]["count"] == 1


async def test_methods_and_hosts_that_are_not_ours_are_refused_as_problems(
    facade: Facade, simulator: Simulator
) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = await facade.client.request(method, "/interactions")
        assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (
            405,
            "method-not-allowed",
            "GET, HEAD, QUERY",
        )
    foreign = await facade.get("/interactions", status=400, headers={"host": "elsewhere.example"})
    assert foreign.json()["code"] == "bad-host"
    with_body = await facade.client.request("GET", "/interactions", content=b"x")
    assert (with_body.status_code, with_body.json()["code"]) == (400, "body-not-allowed")
    assert simulator.journal() == []
