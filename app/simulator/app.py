"""The simulator as an ASGI application: upstream's API under ``/v1/``, its controls under ``/__sim/``."""

import json
import re
from dataclasses import replace
from typing import TypeVar
from urllib.parse import parse_qsl
from zlib import crc32

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from app.simulator.control import routes
from app.simulator.faults import Stage, Strike
from app.simulator.interaction import Form, to_json, turned
from app.simulator.query import SPELLINGS, BadQueryError, Query, parse
from app.simulator.scene import Record
from app.simulator.state import Call, SimulatorState
from app.simulator.tenant import SimulatorOptions, scheme_of
from app.simulator.wire import CONNECTION, Answer, client_left, deliver, error

MARK = (b"x-simulated", b"cxfacade")
_TOKENS = "/v1/tokens"
Acted = TypeVar("Acted")
Parameters = list[tuple[str, str]]
_INTERACTIONS = re.compile(r"/v1/tenants/([^/]+)/interactions(?:/([^/]+))?/?")


def create_simulator(options: SimulatorOptions | None = None) -> Starlette:
    """A simulated CxEngage as an ASGI application; its ``state.simulator`` is the SimulatorState behind it."""
    state = SimulatorState(options or SimulatorOptions())
    app = _Marked(routes=[Mount("/v1", app=UpstreamApi(state)), Mount("/__sim", routes=routes(state))])
    app.router.redirect_slashes = False
    app.state.simulator = state
    return app


class _Marked(Starlette):
    """Puts the mark on every answer, its own 500 included, so that demo data is never taken for real (S21)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The server's own transport: ASGI has no message that resets a connection.
        scope[CONNECTION] = getattr(getattr(send, "__self__", None), "transport", None)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), MARK]
            await send(message)

        await super().__call__(scope, receive, marked)


class UpstreamApi:
    """An ASGI application that answers as CxEngage does."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, journal = Request(scope, receive), self._state.journal
        method, path = request.method, request.url.path
        query, kind = parse_qsl(request.url.query, keep_blank_values=True), _kind(path)
        auth = scheme_of(request.headers.get("authorization", ""))
        allowed = method == "GET" or (method == "POST" and kind == "login")
        number, now = journal.arrived + 1, self._state.now_text()
        call = Call(number, method, path, query, kind, auth, violation=not allowed, at=now)
        journal.record(call)
        answer = await self._answer(request, call)
        if answer is not None:
            call.status = answer.status
            delayed = replace(answer, wait=answer.wait + self._state.latency())
            longest = self._state.options.longest_wait
            await deliver(delayed, scope, receive, send, closing=self._state.closing, longest_wait=longest)

    async def _answer(self, request: Request, call: Call) -> Answer | None:
        """The answer, or None when the client left while it was held."""
        if call.violation:
            return error(405, headers=(("allow", "POST" if call.kind == "login" else "GET"),))
        values = [value for name, value in call.query if SPELLINGS.get(name) == "attribute-value"]
        struck = self._state.strikes(call.kind, values if call.kind == "list" else [], request.url.query)
        if any(hit.kind == "hold" for hit in struck) and await self._held(request):
            return None
        answer: Answer
        if replacing := _at("answer", struck):
            answer = replacing[0].act()
        elif call.kind == "login" and call.method == "POST":
            answer = await self._log_in(request)
        else:
            answer = self._report(request, call, struck)
        return _acted(struck, "wire", answer)

    async def _held(self, request: Request) -> bool:
        """Wait at the gate; whether the client left meanwhile."""
        gate = self._state.faults.gate  # before any await: a later gate would miss the release
        if request.method == "POST":
            await request.body()
        return await client_left(request.receive, gate, self._state.options.longest_wait)

    async def _log_in(self, request: Request) -> Answer:
        try:
            asked = json.loads(await request.body())
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return error(400, "error-attribute", "missing required key")
        granted = self._state.credentials.log_in(asked.get("username"), asked.get("password"), asked.get("ttl"))
        if granted is None:
            return error(401, "error", "Invalid username and password.")
        return Answer(200, to_json(granted))

    def _report(self, request: Request, call: Call, struck: list[Strike]) -> Answer:
        if not self._state.credentials.accepts(request.headers.get("authorization", "")):
            return error(401, "error", "Invalid username and password." if call.auth == "basic" else "Unauthorized")
        found = _INTERACTIONS.fullmatch(call.path)
        if found is None:
            return error(404, "message")
        tenant_id, interaction_id = found.groups()
        if tenant_id.lower() != self._state.options.tenant_id.lower():
            return error(403, "error", "Forbidden")
        if interaction_id is None:
            told = call if self._state.options.journal_rows else None
            return answer_list(self._state, call.query, struck, told)
        return answer_one(self._state, interaction_id, call.query, struck)


def _kind(path: str) -> str:
    """The endpoint class of a path, as journal and faults name it."""
    if path == _TOKENS:
        return "login"
    found = _INTERACTIONS.fullmatch(path)
    if found is None:
        return "other"
    return "one" if found[2] else "list"


def answer_list(
    state: SimulatorState, parameters: Parameters, struck: list[Strike], call: Call | None = None
) -> Answer:
    """The answer of the list URL, with contract faults applied; 400 for a number or time that is none.

    The rows sent are written into the ``call``.
    """
    try:
        query = parse(parameters)
        understood = _acted(struck, "query", query)
    except BadQueryError as bad:
        return error(400, "error-attribute", f"invalid {bad}")
    now = state.now()
    for hit in _at("world", struck):
        hit.act(state.world, query, now)
    text = state.now_text()
    matching = state.world.matching(query, understood, now)
    page = matching[understood.skip : understood.skip + understood.size]
    if call is not None:
        call.rows = tuple(row.sent(text) for row in page)
    rows = [row.encoded(text, Form(nulls=query.nulls)) for row in page]
    turn = crc32(repr(parameters).encode())
    shown = _envelope(state, query, len(matching))
    if not (_at("envelope", struck) or _at("row", struck)):
        return Answer(200, _joined(shown, rows, turn))
    shown["results"] = [_acted(struck, "row", json.loads(row)) for row in rows] or None
    for hit in _at("envelope", struck):
        shown = hit.act(shown, hit.number)
    return Answer(200, to_json(turned(shown, turn)))


def answer_one(state: SimulatorState, interaction_id: str, parameters: Parameters, struck: list[Strike]) -> Answer:
    """The bare interaction with its ``details``; 404 for an unknown id."""
    row = state.world.find(interaction_id.lower(), state.now())
    if row is None:
        return error(404, "error", "Interaction not found.")
    switches = [(name, value) for name, value in parameters if name.lower() in ("green", "includenulls")]
    body = row.encoded(state.now_text(), Form(one=True, nulls=parse(switches).nulls))
    if _at("row", struck):
        body = to_json(_acted(struck, "row", json.loads(body)))
    return Answer(200, body)


def _envelope(state: SimulatorState, query: Query, total: int) -> Record:
    """The envelope without its rows: ``limit`` and ``offset`` as sent, of the hook filters only ``hookSubType``."""
    shown: Record = {
        "page": query.page,
        "limit": query.limit,
        "offset": query.offset,
        "tenantId": state.options.tenant_id,
        "total": total,
        "tenantName": state.options.tenant_name,
        "tenantTimezone": state.options.time_zone,
    }
    subtypes = query.values("hookSubType")
    return shown | {"hookSubType": subtypes[-1]} if subtypes else shown


def _joined(envelope: Record, rows: list[bytes], turn: int) -> bytes:
    """The envelope around rows that are already JSON: ``results`` is null without rows, the keys' order varies."""
    members = {key: to_json(value) for key, value in envelope.items()}
    members["results"] = b"[" + b",".join(rows) + b"]" if rows else b"null"
    return b"{" + b",".join(b'"%s":%s' % (key.encode(), value) for key, value in turned(members, turn).items()) + b"}"


def _at(stage: Stage, struck: list[Strike]) -> list[Strike]:
    return [hit for hit in struck if hit.stage == stage]


def _acted(struck: list[Strike], stage: Stage, value: Acted) -> Acted:
    """A value after every fault of a stage has acted on it."""
    for hit in _at(stage, struck):
        value = hit.act(value)
    return value
