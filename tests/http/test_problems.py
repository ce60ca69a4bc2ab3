"""Each error is one row of the table, each row is answered as INTERFACE section 6 says, and every failure is one."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI, HTTPException
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.responses import Response

from app import errors
from app.errors import CxfacadeError, InvalidParameters, NotFound, ParameterFault, SettingsError
from app.http.guard import Guard
from app.http.problems import PROBLEMS, install, rendered, slug_of

CANARY = "canary-7f3a"
PUBLISHED = """
upstream-unreachable 503 5|upstream-dns 503 5|upstream-reset 503 2|upstream-error 503 2|upstream-unavailable 503 5
upstream-throttled 503 5|upstream-busy 503 1|upstream-circuit-open 503 5|upstream-timeout 504 5|still-fetching 504 2
rate-limited 429 60|overloaded 503 1|upstream-bad-answer 502|upstream-shape 502|upstream-tls 502|upstream-redirect 502
upstream-auth 502|upstream-forbidden 502|upstream-unknown-tenant 502|upstream-refused-query 502|upstream-too-large 502
upstream-wrong-tenant 502|bad-request 400|bad-target 400|bad-host 400|body-not-allowed 400|not-stored 504
cursor-expired 410|change-token-expired 410|unknown-parameter 400|duplicate-parameter 400|key-in-query 400
unauthorized 401|forbidden 403|not-found 404|method-not-allowed 405
sort-needs-complete-result 400|body-too-large 413|target-too-long 414
unsupported-media-type 415|invalid-parameter 400|headers-too-large 431|internal-error 500|cursor-mismatch 400
range-not-satisfiable 416|too-many-groups 400|summary-needs-complete-result 400
"""
WITHOUT_A_CLASS = {
    "unknown-parameter": "the code of a ParameterFault",
    "duplicate-parameter": "the code of a ParameterFault",
    **dict.fromkeys(("bad-host", "bad-target", "target-too-long", "body-not-allowed"), "answered by the guard"),
    "headers-too-large": "answered by the listener",
    "range-not-satisfiable": "answered by negotiation.py",
}
MEMBERS = [
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "request_id",
    "retryable",
    "retry_after_seconds",
    "errors",
    "last_success_at",
]


def error_tree(root: type[CxfacadeError] = CxfacadeError) -> Iterator[type[CxfacadeError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from error_tree(child)


TREE = tuple(error_tree())


def made(kind: type[CxfacadeError]) -> CxfacadeError:
    if kind is InvalidParameters:
        return InvalidParameters([ParameterFault("limit", "`limit` is at least 1.")])
    return SettingsError(["fault"]) if kind is SettingsError else kind()


def answered(error: CxfacadeError) -> tuple[Response, dict[str, Any]]:
    status, headers, body = rendered(slug_of(error), error, request_id="req-1", instance="/interactions")
    response = Response(body, status)
    response.raw_headers = headers
    return response, json.loads(body)


def test_the_table_holds_exactly_the_published_slugs_with_their_status_and_waiting_time() -> None:
    rows = {" ".join(str(part) for part in (row.slug, row.status, row.retry_after_seconds) if part) for row in PROBLEMS}
    assert rows == set(PUBLISHED.strip().replace("\n", "|").split("|"))
    assert len(rows) == len(PROBLEMS)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_has_a_row(kind: type[CxfacadeError]) -> None:
    assert kind.code in {row.slug for row in PROBLEMS}


def test_every_row_has_an_error_or_a_reason_to_have_none() -> None:
    codes = {kind.code for kind in TREE}
    assert {row.slug for row in PROBLEMS} - codes == set(WITHOUT_A_CLASS)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_becomes_a_complete_problem(kind: type[CxfacadeError]) -> None:
    response, body = answered(made(kind))
    assert [name for name in MEMBERS if name in body] == list(body)
    assert {"type", "title", "status", "detail", "instance", "code", "request_id", "retryable"} <= set(body)
    assert body["type"] == f"/problems/{body['code']}"
    assert body["status"] == response.status_code
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-length"] == str(len(response.body))


@given(
    st.sampled_from([kind for kind in TREE if kind not in {InvalidParameters, SettingsError}]),
    st.none() | st.floats(),
)
def test_retryable_means_exactly_that_retry_after_is_there_in_whole_seconds_from_1_to_300(
    kind: type[CxfacadeError], seconds: float | None
) -> None:
    response, body = answered(kind(retry_after_seconds=seconds))
    assert body["retryable"] == ("retry-after" in response.headers) == ("retry_after_seconds" in body)
    if body["retryable"]:
        wait = body["retry_after_seconds"]
        assert response.headers["retry-after"] == str(wait)
        assert isinstance(wait, int)
        assert 1 <= wait <= 300


@pytest.mark.parametrize(("seconds", "wait"), [(0.2, 1), (7.01, 8), (8.0, 8), (1e9, 300), (-5, 1), (None, 5)])
def test_the_time_an_error_names_is_rounded_up_and_bounded(seconds: float | None, wait: int) -> None:
    response, _ = answered(errors.UpstreamThrottled(retry_after_seconds=seconds))
    assert response.headers["retry-after"] == str(wait)


def test_the_detail_is_the_errors_or_else_the_tables() -> None:
    _, said = answered(NotFound("There is no such interaction."))
    _, silent = answered(NotFound())
    assert said["detail"] == "There is no such interaction."
    assert silent["detail"] == next(row.explanation for row in PROBLEMS if row.slug == "not-found")


@pytest.mark.parametrize("error", [errors.InternalError(CANARY), SettingsError([CANARY]), CxfacadeError(CANARY)])
def test_a_bug_of_ours_says_nothing_of_its_own(error: CxfacadeError) -> None:
    assert CANARY not in json.dumps(answered(error)[1])


def test_all_faults_of_a_request_are_told_with_what_is_allowed() -> None:
    faults = [
        ParameterFault("attribute-value", "There is no such parameter.", "unknown-parameter", did_you_mean="attr"),
        ParameterFault("format", "`format` has a few values only.", allowed=("json", "csv")),
    ]
    _, body = answered(InvalidParameters(faults))
    assert body["code"] == "invalid-parameter"
    assert body["errors"] == [
        {"parameter": "attribute-value", "detail": "There is no such parameter.", "did_you_mean": "attr"},
        {"parameter": "format", "detail": "`format` has a few values only.", "allowed": ["json", "csv"]},
    ]


@pytest.mark.parametrize("code", ["unknown-parameter", "duplicate-parameter", "invalid-parameter"])
def test_faults_of_one_kind_give_the_problem_its_code(code: str) -> None:
    faults = [ParameterFault("a", "One.", code), ParameterFault("b", "Two.", code)]
    assert answered(InvalidParameters(faults))[1]["code"] == code


def test_of_many_faults_the_first_hundred_are_told_and_how_many_more_there_are() -> None:
    faults = [ParameterFault(f"p{number}", f"p{number} is malformed.") for number in range(190)]
    _, told = answered(InvalidParameters(faults))
    assert [fault["parameter"] for fault in told["errors"]] == [f"p{number}" for number in range(100)]
    assert told["detail"].endswith(" p99 is malformed. There are 90 more faults that are not listed.")
    _, told = answered(InvalidParameters(faults[:100]))
    assert told["detail"].endswith(" p99 is malformed.")


def test_the_last_success_is_told_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)
    error = errors.UpstreamDns()
    error.last_success_at = moment
    _, body = answered(error)
    assert body["last_success_at"] == "2026-11-23T06:40:00.000Z"


def test_401_says_how_to_sign_in_and_405_what_is_allowed_and_no_other_does() -> None:
    for row in PROBLEMS:
        _, headers, _ = rendered(row.slug, request_id="req-1", instance="/interactions", allow="GET, POST")
        fields = dict(headers)
        assert fields.get(b"www-authenticate") == (b'Bearer realm="cxfacade"' if row.status == 401 else None)
        assert fields.get(b"allow") == (b"GET, POST" if row.status == 405 else None)


@pytest.mark.parametrize(
    ("path", "instance"),
    [
        ("/interactions/c506eb9b:@!$&'()*+,;=-._~", "/interactions/c506eb9b:@!$&'()*+,;=-._~"),
        ("/a b/\u00e4\u2028\x17<%", "/a%20b/%C3%A4%E2%80%A8%17%3C%25"),
    ],
)
def test_the_instance_is_a_uri_reference_whatever_path_was_asked_for(path: str, instance: str) -> None:
    _, _, body = rendered("not-found", request_id="req-1", instance=path)
    assert json.loads(body)["instance"] == instance


class Counted(BaseModel):
    """A body with a number in it."""

    count: int


def faulty_app() -> FastAPI:
    app = FastAPI()
    install(app)
    app.add_middleware(Guard, allowed_hosts=["localhost"], new_request_id=lambda: "req-1", monotonic=lambda: 0.0)

    @app.get("/ours")
    async def ours() -> None:
        raise errors.UpstreamBusy

    @app.get("/status/{status}")
    async def status(status: int) -> None:
        raise HTTPException(status, CANARY)

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError(CANARY)

    @app.get("/numbers/{number}")
    async def number(number: UUID, limit: int = 1) -> None: ...

    @app.post("/numbers/{number}")
    async def count(number: str, counted: Counted) -> None: ...

    return app


async def asked(method: str, target: str) -> tuple[int, dict[str, str], Any]:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost")],
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    await faulty_app()(scope, receive, send)
    fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], fields, json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("GET", "/ours", "upstream-busy"),
        ("GET", "/nowhere?key=value", "not-found"),
        ("DELETE", "/ours", "method-not-allowed"),
        ("GET", "/status/401", "unauthorized"),
        ("GET", "/status/403", "forbidden"),
        ("GET", "/status/415", "unsupported-media-type"),
        ("GET", "/status/418", "bad-request"),
        ("GET", "/status/599", "internal-error"),
        ("GET", "/bug", "internal-error"),
        ("GET", f"/numbers/{CANARY}?limit={CANARY}", "invalid-parameter"),
        ("POST", "/numbers/1", "invalid-parameter"),
    ],
)
async def test_every_failure_of_an_app_is_a_problem_without_an_echo(method: str, target: str, code: str) -> None:
    status, fields, body = await asked(method, target)
    assert body["code"] == code
    assert body["status"] == status == next(row.status for row in PROBLEMS if row.slug == code)
    assert body["request_id"] == "req-1"
    assert body["instance"] == target.partition("?")[0]
    assert fields["content-type"] == "application/problem+json"
    assert CANARY not in json.dumps({name: value for name, value in body.items() if name != "instance"})


async def test_the_answer_to_an_unknown_path_names_the_list_of_those_there_are() -> None:
    _, _, body = await asked("GET", "/nowhere")
    assert body["detail"] == "There is no such path. /docs lists those there are."


async def test_a_bug_is_logged_by_type_and_place_and_never_by_its_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await asked("GET", "/bug")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "cxfacade.errors"]
    assert "RuntimeError" in line
    assert "bug:" in line
    assert "req-1" in line
    assert CANARY not in caplog.text
