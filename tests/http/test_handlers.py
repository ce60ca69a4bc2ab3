"""Every failure of an application is a problem, in our words, and a bug is logged without its own."""

import json
import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from app import errors
from app.http.problems import PROBLEMS, install

CANARY = "canary-7f3a"


class Counted(BaseModel):
    """A body with a number in it."""

    count: int


def faulty_app() -> FastAPI:
    app = FastAPI()
    install(app)

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
        "state": {"request_id": "req-1"},
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    with suppress(RuntimeError):  # after its last-resort answer Starlette raises the bug again, for the server
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


async def test_all_methods_of_a_path_are_allowed_not_only_those_of_its_first_route() -> None:
    _, fields, _ = await asked("PUT", "/numbers/1")
    assert fields["allow"] == "GET, POST"


async def test_a_bug_is_logged_by_type_and_place_and_never_by_its_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await asked("GET", "/bug")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "cxfacade.errors"]
    assert "RuntimeError" in line
    assert "bug:" in line
    assert "req-1" in line
    assert CANARY not in caplog.text
