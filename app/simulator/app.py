"""The simulator as an ASGI application: upstream's API under ``/v1/``, its controls under ``/__sim/``."""

import json
import re
from dataclasses import replace
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from app.simulator.answers import answer_list, answer_one
from app.simulator.armed import Strike
from app.simulator.control import routes
from app.simulator.forms import to_json
from app.simulator.query import SPELLINGS
from app.simulator.state import Call, SimulatorState
from app.simulator.tenant import SimulatorOptions, scheme_of
from app.simulator.wire import Answer, client_left, deliver, error, remember_connection

MARK = (b"x-simulated", b"cxfacade")
_TOKENS = "/v1/tokens"
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
        remember_connection(scope, send)

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
        request = Request(scope, receive)
        call = self._journal(request)
        answer = await self._answer(request, call)
        if answer is not None:
            call.status = answer.status
            delayed = replace(answer, wait=answer.wait + self._state.latency())
            longest = self._state.options.longest_wait
            await deliver(delayed, scope, receive, send, closing=self._state.closing, longest_wait=longest)

    def _journal(self, request: Request) -> Call:
        path = request.url.path
        query = parse_qsl(request.url.query, keep_blank_values=True)
        kind = _kind(path)
        allowed = request.method == "GET" or (request.method == "POST" and kind == "login")
        call = Call(
            n=self._state.journal.arrived + 1, method=request.method, path=path, query=query, kind=kind,
            auth=scheme_of(request.headers.get("authorization", "")), violation=not allowed,
        )  # fmt: skip
        self._state.journal.record(call)
        return call

    async def _answer(self, request: Request, call: Call) -> Answer | None:
        """The answer, or None when the client left while it was held."""
        if call.violation:
            return error(405, headers=(("allow", "POST" if call.kind == "login" else "GET"),))
        values = [value for name, value in call.query if SPELLINGS.get(name) == "attribute-value"]
        struck = self._state.strikes(call.kind, values if call.kind == "list" else [], request.url.query)
        if any(hit.kind == "hold" for hit in struck) and await self._held(request):
            return None
        replacing = next((hit for hit in struck if hit.stage == "answer"), None)
        answer: Answer
        if replacing is not None:
            answer = replacing.act()
        elif call.kind == "login" and call.method == "POST":
            answer = await self._log_in(request)
        else:
            answer = self._report(request, call, struck)
        for hit in struck:
            if hit.stage == "wire":
                answer = hit.act(answer)
        return answer

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
            return answer_list(self._state, call.query, struck)
        return answer_one(self._state, interaction_id, call.query, struck)


def _kind(path: str) -> str:
    """The endpoint class of a path, as journal and faults name it."""
    if path == _TOKENS:
        return "login"
    found = _INTERACTIONS.fullmatch(path)
    if found is None:
        return "other"
    return "one" if found[2] else "list"
