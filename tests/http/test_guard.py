"""What a request must be before anything reads it, and what every answer carries."""

import asyncio
import json
import logging
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from urllib.parse import unquote

import pytest
import uvicorn
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import HTMLResponse, StreamingResponse
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.forwarding import allowed_host
from app.http.guard import Guard, fault_of, new_request_ids
from app.http.problems import install
from app.http.response_cache import ARRIVAL, REPLAYABLE
from app.http.telemetry import route_of

CANARY = "canary-7f3a"
HOSTS = ("localhost", "127.0.0.1", "::1", "Reports.Example.")
GOOD_HOST = (b"host", b"localhost:8080")
BODYLESS = ["GET", "HEAD"]


def fault(
    target: bytes = b"/interactions",
    *headers: tuple[bytes, bytes],
    method: str = "GET",
    query: bytes = b"",
    hosts: tuple[str, ...] = HOSTS,
    root_path: str = "",
) -> str | None:
    scope = {
        "method": method,
        "path": unquote(target.decode("latin-1")),
        "raw_path": target,
        "root_path": root_path,
        "query_string": query,
        "headers": list(headers or (GOOD_HOST,)),
    }
    return fault_of(scope, allowed_host(hosts))


SPELLINGS = """
localhost LOCALHOST localhost:1 localhost: localhost. localhost.:80 127.0.0.1:8080 127.0.0.1. reports.example
REPORTS.example.:443 [::1] [::1]:8080 [::1]: [0:0:0:0:0:0:0:1]
"""
STRANGERS = """
. :80 rebind.evil localhost.rebind.evil a/?x localhost/ localhost:8080:1 localhost:a localhost:-1 localhost:²
localhost.. localhost@evil evil@localhost localhost,evil ::1 [::1 ::1] [[::1]] [::2] [::1]x [::1]. [] [localhost]
[127.0.0.1] * lóc
"""


@pytest.mark.parametrize("host", SPELLINGS.split())
def test_a_host_on_the_list_is_let_in_in_any_spelling_and_at_any_port(host: str) -> None:
    assert fault(b"/", (b"host", host.encode())) is None


@pytest.mark.threat("T37")
@pytest.mark.parametrize("host", ["", " localhost", "localhost, evil", *STRANGERS.split()])
def test_any_other_host_is_refused(host: str) -> None:
    assert fault(b"/", (b"host", host.encode("latin-1"))) == "bad-host"


@pytest.mark.threat("T37")
@pytest.mark.parametrize("path", [b"/health/live", b"/health/ready", b"/metrics"])
@pytest.mark.parametrize("host", [b"10.1.2.3:8080", b"[::1]", b"facade.namespace.svc", b"", b"a/?x"])
def test_health_and_metrics_are_told_by_any_name_and_nothing_else_is(path: bytes, host: bytes) -> None:
    """A kubelet asks by the address of the pod, Prometheus by the name it discovered."""
    own = ("reports.example",)
    assert fault(path, (b"host", host), hosts=own) is None
    assert fault(b"/prefix" + path, (b"host", host), hosts=own, root_path="/prefix") is None
    assert fault(path, (b"accept", b"*/*")) is None, "a check by HTTP/1.0 names none"
    assert fault(path, GOOD_HOST, GOOD_HOST) == "bad-host"
    for other in (path + b"/", path + b"x", b"/prefix" + path, b"/interactions"):
        assert fault(other, (b"host", host), hosts=own) == "bad-host"
    assert fault(path, (b"host", host), (b"x_y", b"z")) == "bad-request", "what else is wrong is refused"


def test_a_missing_or_doubled_host_is_refused() -> None:
    assert fault(b"/", (b"accept", b"*/*")) == "bad-host"
    assert fault(b"/", GOOD_HOST, GOOD_HOST) == "bad-host"
    assert fault(b"/", GOOD_HOST, GOOD_HOST, hosts=("*",)) == "bad-host"


@pytest.mark.parametrize(
    ("host", "code"), [("any.example:1", None), ("[::2]", None), ("a/?x", "bad-host"), ("", "bad-host")]
)
def test_a_star_lets_any_well_formed_host_in(host: str, code: str | None) -> None:
    assert fault(b"/", (b"host", host.encode()), hosts=("*",)) == code


@given(st.binary(max_size=30))
def test_no_host_makes_the_guard_fail(host: bytes) -> None:
    assert fault(b"/", (b"host", host)) in {None, "bad-host"}


@pytest.mark.threat("T18")
@pytest.mark.parametrize(
    ("target", "code"),
    [
        (b"/", None),
        (b"/interactions.csv", None),
        (b"/interactions/0c9f9c3e-4a4e-11e9-8646-d663bd873d93/timeline", None),
        (b"/.well-known/x", None),
        (b"/a...b", None),
        (b"/...", None),
        (b"/a%20b", None),
        (b"/a/", None),
        (b"", "bad-target"),
        (b"*", "bad-target"),
        (b"//interactions", "bad-target"),
        (b"http://evil/interactions", "bad-target"),
        (b"@evil", "bad-target"),
        (b"interactions", "bad-target"),
        (b"/interactions;a=1", "bad-target"),
        (b"/interactions%2Fx", "bad-target"),
        (b"/interactions%2fx", "bad-target"),
        (b"/interactions%5Cx", "bad-target"),
        (b"/interactions\\x", "bad-target"),
        (b"/interactions#x", "bad-target"),
        (b"/.", "bad-target"),
        (b"/a/../b", "bad-target"),
        (b"/a/..", "bad-target"),
        (b"/a/./b", "bad-target"),
        (b"/%2e", "bad-target"),
        (b"/a/%2E%2e/b", "bad-target"),
        (b"/a/.%2e", "bad-target"),
    ],
)
def test_only_a_plain_path_is_let_in(target: bytes, code: str | None) -> None:
    assert fault(target) == code


def test_a_semicolon_in_the_query_is_left_to_the_parameters() -> None:
    assert fault(b"/", query=b"a=1;b=2/../%2f") is None


def test_a_target_is_bounded_with_its_query() -> None:
    path = b"/" + b"a" * 99
    assert fault(path, query=b"a" * (8_192 - 101)) is None
    assert fault(path, query=b"a" * (8_192 - 100)) == "target-too-long"
    assert fault(b"/" + b"." * 8_192) == "target-too-long"


@pytest.mark.threat("T16")
@pytest.mark.parametrize("method", BODYLESS)
@pytest.mark.parametrize(
    ("header", "code"),
    [
        ((b"content-length", b"0"), None),
        ((b"content-length", b"00"), None),
        ((b"content-length", b"1"), "body-not-allowed"),
        ((b"content-length", b"10"), "body-not-allowed"),
        ((b"transfer-encoding", b"chunked"), "body-not-allowed"),
        ((b"transfer-encoding", b"identity"), "body-not-allowed"),
        ((b"x_api_key", b"k"), "bad-request"),
        ((b"_", b"k"), "bad-request"),
    ],
)
def test_reading_takes_no_body_and_header_names_no_underscore(
    method: str, header: tuple[bytes, bytes], code: str | None
) -> None:
    assert fault(b"/", GOOD_HOST, header, method=method) == code


def test_other_methods_may_have_a_body_framed_in_one_way_only() -> None:
    length, chunked = (b"content-length", b"5"), (b"transfer-encoding", b"chunked")
    assert fault(b"/", GOOD_HOST, length, method="POST") is None
    assert fault(b"/", GOOD_HOST, chunked, method="POST") is None
    assert fault(b"/", GOOD_HOST, chunked, length, method="POST") == "bad-request"


def house() -> FastAPI:
    app = FastAPI()
    install(app)

    @app.get("/interactions/{interaction_id}")
    async def interaction(interaction_id: str) -> str:
        return interaction_id

    @app.get("/page")
    async def page() -> HTMLResponse:
        return HTMLResponse("<p>")

    @app.get("/own-policy")
    async def own_policy() -> HTMLResponse:
        own = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "max-age=60"}
        return HTMLResponse("<p>", headers=own)

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError(CANARY)

    @app.get("/bug-behind")
    async def bug_behind(tasks: BackgroundTasks) -> None:
        async def behind() -> None:
            raise RuntimeError(CANARY)

        tasks.add_task(behind)

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first half"
            raise RuntimeError(CANARY)

        return StreamingResponse(parts())

    return app


def guarded(app: Any, **more: Any) -> Guard:
    ids, ticks = count(1), count(8.0, 0.0125)
    return Guard(
        app,
        allowed_hosts=HOSTS,
        new_request_id=lambda: f"new-{next(ids)}",
        monotonic=lambda: next(ticks),
        **more,
    )


async def through(
    guard: Guard, target: str, *headers: tuple[bytes, bytes], method: str = "GET", **more: Any
) -> list[Message]:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [GOOD_HOST, *headers],
        "state": {"cache_status": "cxfacade; hit; ttl=3"},
        **more,
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return await asyncio.Future()  # no body comes, and the client stays

    async def send(message: Message) -> None:
        sent.append(message)

    await guard(scope, receive, send)
    return sent


LIKE_A_KEY = b"cxf_invented_" + b"0" * 40


async def fields_of(target: str, *headers: tuple[bytes, bytes]) -> dict[bytes, bytes]:
    sent = await through(guarded(house()), target, *headers)
    assert len(dict(sent[0]["headers"])) == len(sent[0]["headers"]), "a field is there twice"
    return dict(sent[0]["headers"])


@pytest.mark.parametrize("sent", ["a", "A-b_c.9", "x" * 64])
async def test_the_clients_request_id_is_taken_and_echoed(sent: str) -> None:
    assert (await fields_of("/nowhere", (b"x-request-id", sent.encode())))[b"x-request-id"] == sent.encode()


@pytest.mark.threat("T55")
@pytest.mark.parametrize(
    "sent", [b"", b"x" * 65, b"a b", b"a\r\nX: y", b"\xc3\xa9", b"a;b", b"a/b", "٣".encode(), LIKE_A_KEY]
)
async def test_an_id_that_cannot_stand_in_headers_and_logs_is_replaced(sent: bytes) -> None:
    assert (await fields_of("/nowhere", (b"x-request-id", sent)))[b"x-request-id"] == b"new-1"


async def test_of_two_ids_none_is_taken() -> None:
    ids = ((b"x-request-id", b"a"), (b"x-request-id", b"b"))
    assert (await fields_of("/nowhere", *ids))[b"x-request-id"] == b"new-1"


async def test_the_application_finds_the_request_id_in_the_state() -> None:
    found = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope["state"]["request_id"])

    await through(guarded(app), "/", (b"x-request-id", b"mine"))
    assert found == ["mine"]


@pytest.mark.threat("T56")
@pytest.mark.parametrize("target", ["/interactions/1", "/nowhere", "//bad", "/bug", "/page"])
async def test_every_answer_forbids_sniffing_and_tells_no_referrer(target: str) -> None:
    fields = await fields_of(target)
    assert fields[b"x-content-type-options"] == b"nosniff"
    assert fields[b"referrer-policy"] == b"no-referrer"
    assert fields[b"cross-origin-resource-policy"] == b"same-origin"


async def test_an_answer_that_says_nothing_of_caches_is_not_stored() -> None:
    """Else they might guess how long it is fresh (RFC 9111 §4.2.2)."""
    assert (await fields_of("/page"))[b"cache-control"] == b"no-store"
    assert (await fields_of("/own-policy"))[b"cache-control"] == b"max-age=60"


async def test_a_page_gets_a_policy_unless_it_has_its_own() -> None:
    targets = ("/page", "/own-policy", "/interactions/1")
    assert [(await fields_of(target))[b"content-security-policy"] for target in targets] == [
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        b"default-src 'self'",
        b"default-src 'none'; frame-ancestors 'none'",
    ]


def answering(*parts: bytes, status: int = 200, **state: object) -> ASGIApp:
    """An application that adds `state` to that of the request, and answers in these parts."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"].update(state)
        await send({"type": "http.response.start", "status": status, "headers": []})
        for number, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    return app


async def test_a_304_leaves_the_policy_of_a_stored_page_alone() -> None:
    """A browser would replace what it has stored (RFC 9111 §4.3.4)."""
    start, _ = await through(guarded(answering(b"", status=304)), "/")
    assert b"content-security-policy" not in dict(start["headers"])
    assert dict(start["headers"])[b"x-content-type-options"] == b"nosniff"


async def test_the_fields_of_a_quota_stand_behind_the_requests_id() -> None:
    quota = [(b"ratelimit", b"x"), (b"ratelimit-policy", b"y")]
    start, _ = await through(guarded(answering(b"", answer_fields=quota)), "/")
    assert start["headers"][:3] == [(b"x-request-id", b"new-1"), *quota]


@pytest.mark.parametrize(
    ("parts", "state", "is_kept"),
    [
        ([b"rows"], {REPLAYABLE: "a snapshot"}, True),
        ([b"rows"], {}, False),
        ([b"ro", b"ws"], {REPLAYABLE: "a snapshot"}, False),
    ],
)
async def test_a_replayable_response_in_one_part_is_kept_as_it_was_sent(
    parts: list[bytes], state: dict[str, Any], is_kept: bool
) -> None:
    kept: list[tuple[Any, ...]] = []
    arrival: dict[str, Any] = {ARRIVAL: lambda *facts: kept.append(facts)}
    start, *_ = await through(guarded(answering(*parts, status=206, **state)), "/", **arrival)
    assert kept == ([("a snapshot", 206, start["headers"], b"rows")] if is_kept else [])


async def test_the_route_status_and_seconds_of_each_request_are_told() -> None:
    told: list[tuple[str, int, float]] = []

    def finished(scope: Scope, status: int, seconds: float) -> None:
        told.append((route_of(scope), status, round(seconds, 6)))

    guard = guarded(house(), finished=finished)
    for target in ("/interactions/1", "/nowhere", "/a;b", "/bug"):
        await through(guard, target)
    assert told == [
        ("/interactions/{interaction_id}", 200, 0.0125),
        ("unmatched", 404, 0.0125),
        ("unmatched", 400, 0.0125),
        ("/bug", 500, 0.0125),
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_refused_request_is_a_problem_and_reaches_nothing_behind(method: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pytest.fail("reached")

    start, body = await through(guarded(app), f"/a;b?key={CANARY}", method=method)
    fields = dict(start["headers"])
    assert (start["status"], fields[b"content-type"]) == (400, b"application/problem+json")
    if method == "HEAD":
        assert body["body"] == b""
    else:
        assert fields[b"content-length"] == b"%d" % len(body["body"])
        problem = json.loads(body["body"])
        assert (problem["code"], problem["instance"], problem["request_id"]) == ("bad-target", "/a;b", "new-1")


async def test_a_bug_below_the_framework_is_an_internal_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError(CANARY)

    start, body = await through(guarded(app), "/")
    assert start["status"] == 500
    assert json.loads(body["body"])["code"] == "internal-error"
    assert CANARY.encode() not in body["body"]


@pytest.mark.parametrize("target", ["/bug", "/bug-behind", "/half"])
async def test_a_bug_goes_no_further_and_is_logged_once_without_its_words(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await through(guarded(house()), target)
    assert [record.name for record in caplog.records].count("cxfacade.errors") == 1
    assert "RuntimeError" in caplog.text
    assert CANARY not in caplog.text


async def test_added_to_the_application_itself_it_does_the_same(caplog: pytest.LogCaptureFixture) -> None:
    app = house()
    app.add_middleware(Guard, allowed_hosts=HOSTS, new_request_id=lambda: "new-1", monotonic=lambda: 0.0)
    sent: list[Message] = []

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/bug", "query_string": b"", "headers": [GOOD_HOST]}
    await app(scope, receive, send)
    assert sent[0]["status"] == 500
    assert dict(sent[0]["headers"])[b"x-request-id"] == b"new-1"
    assert json.loads(sent[1]["body"])["request_id"] == "new-1"
    assert [record.name for record in caplog.records].count("cxfacade.errors") == 1


async def test_half_an_answer_is_never_ended_as_if_it_were_whole() -> None:
    sent = await through(guarded(house()), "/half")
    assert [message.get("more_body", False) for message in sent[1:]] == [True]


@pytest.mark.parametrize(
    ("target", "method", "route", "status"),
    [
        (f"/interactions/{CANARY}?attr={CANARY}", "GET", "/interactions/{interaction_id}", 200),
        (f"/{CANARY}?attr={CANARY}", "GET", "unmatched", 404),
        (f"/{CANARY};?attr={CANARY}", "GET", "unmatched", 400),
        (f"/interactions/{CANARY}", CANARY, "/interactions/{interaction_id}", 405),
    ],
)
async def test_one_line_a_request_tells_its_facts_and_nothing_of_its_query(
    target: str, method: str, route: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="cxfacade.access"):
        await through(guarded(house()), target, method=method)
    (record,) = [record for record in caplog.records if record.name == "cxfacade.access"]
    told = ("method", "route", "status", "duration_ms", "cache_status", "key")
    facts = {name: record.__dict__[name] for name in told}
    assert facts == {
        "method": "GET" if method == "GET" else "other",
        "route": route,
        "status": status,
        "duration_ms": 12.5,
        "cache_status": "cxfacade; hit; ttl=3",
        "key": "none",
    }
    assert record.__dict__["request_id"] == "new-1"
    assert CANARY not in record.getMessage()
    assert record.getMessage() == (
        f"{facts['method']} {route} {status} 12.5 ms, key none, cache cxfacade; hit; ttl=3, id new-1"
    )


async def test_a_websocket_is_closed_and_the_lifespan_passes() -> None:
    seen, sent = [], []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    guard = guarded(app)
    await guard({"type": "websocket"}, receive, send)
    await guard({"type": "lifespan"}, receive, send)
    assert (seen, sent) == (["lifespan"], [{"type": "websocket.close"}])


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    listener, app, ids = socket.create_server(("127.0.0.1", 0)), house(), count(1)
    app.add_middleware(Guard, allowed_hosts=HOSTS, new_request_id=lambda: f"new-{next(ids)}", monotonic=time.monotonic)
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    with listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


async def exchanged(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_behind_a_real_listener_each_raw_request_gets_its_answer() -> None:
    cases = [
        (b"GET /interactions/1 HTTP/1.1\r\nHost: localhost\r\n", b"200", b'"1"'),
        (b"GET /interactions/1 HTTP/1.1\r\nHost: rebind.evil\r\n", b"400", b"bad-host"),
        (b"GET /interactions/%2e%2e HTTP/1.1\r\nHost: localhost\r\n", b"400", b"bad-target"),
        (b"GET //interactions HTTP/1.1\r\nHost: localhost\r\n", b"400", b"bad-target"),
        (b"GET /interactions/1 HTTP/1.1\r\nHost: localhost\r\nX_Api_Key: k\r\n", b"400", b"bad-request"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n", b"414", b"target-too-long"),
        (b"GET /bug HTTP/1.1\r\nHost: localhost\r\n", b"500", b"internal-error"),
        (b"DELETE /bug HTTP/1.1\r\nHost: localhost\r\n", b"405", b"method-not-allowed"),
    ]
    async with served() as port:
        for request, status, words in cases:
            answer = await exchanged(port, request + b"Connection: close\r\n\r\n")
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.split(b" ")[1] == status, request
            assert words in body, request
            assert b"x-request-id: new-" in head, request


async def test_a_client_can_tell_that_half_an_answer_is_not_whole() -> None:
    async with served() as port:
        answer = await exchanged(port, b"GET /half HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"first half" in answer
    assert not answer.endswith(b"0\r\n\r\n")


def test_ids_of_requests_are_never_given_out_twice_and_can_stand_in_headers() -> None:
    sources = new_request_ids(), new_request_ids()
    ids = [source() for source in sources for _ in range(1_000)]
    assert len(set(ids)) == 2_000
    assert all(re.fullmatch("[0-9a-f]{16}-[0-9]+", one) for one in ids)
