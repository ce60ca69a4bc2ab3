"""A client's trace goes on to upstream, and into spans where OpenTelemetry is set up; nothing else of it does."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from opentelemetry import trace
from starlette.types import ASGIApp, Receive, Scope, Send

from app.observe import tracing
from app.simulator import create_simulator
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.serving import serve

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"
CANARY = "invented-canary-91e6"


@pytest.mark.parametrize(
    "given",
    [
        GIVEN.upper(),
        f"01-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}",
        f"{GIVEN}-00",
        f" {GIVEN}",
        f"{GIVEN}\n",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE[:-1]}\N{ARABIC-INDIC DIGIT ONE}-{SPAN}-01",
        "",
    ],
)
def test_a_field_that_is_not_to_the_letter_is_none(given: str) -> None:
    assert tracing.traceparent([(b"traceparent", given.encode())]) is None


def test_a_field_to_the_letter_is_the_clients_trace_and_two_are_none() -> None:
    field = (b"traceparent", GIVEN.encode())
    assert tracing.traceparent([(b"host", b"x"), field]) == GIVEN
    assert tracing.traceparent([field, field]) is None


class Heard:
    """A simulator that notes the trace each call came with."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.traces: list[str | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.traces.append({**dict(scope["headers"])}.get(b"traceparent", b"").decode() or None)
        await self.app(scope, receive, send)


@asynccontextmanager
async def tracked() -> AsyncIterator[tuple[Facade, Heard]]:
    heard = Heard(create_simulator(TENANT))
    async with serve(heard) as url, running_facade(url) as facade:
        yield facade, heard


async def test_upstream_hears_the_trace_of_who_asked_first_and_no_others() -> None:
    async with tracked() as (facade, heard):
        await facade.get("/interactions", ("attr", "one"), headers={"traceparent": GIVEN})
        await facade.get("/interactions", ("attr", "one"), headers={"traceparent": GIVEN.replace("b7", "c8")})
        await facade.get("/interactions", ("attr", "two"), headers={"traceparent": CANARY})
        await facade.get("/interactions", ("attr", "three"))
        assert heard.traces == [GIVEN, None, None]


def test_a_context_with_the_trace_alone_holds_nothing_else() -> None:
    private: ContextVar[str] = ContextVar("private")
    private.set(CANARY)
    with tracing.entered([(b"traceparent", GIVEN.encode())]):
        alone = tracing.alone()
    assert alone.run(tracing.passed_on) == {"traceparent": GIVEN}
    assert CANARY not in alone.values()
    assert tracing.passed_on() == {}


class Told(trace.NonRecordingSpan):
    """A span as a provider would keep it."""

    def __init__(self, name: str, parent: trace.SpanContext, number: int) -> None:
        trace_id = parent.trace_id or 1
        super().__init__(trace.SpanContext(trace_id, number, False, trace.TraceFlags(1)))
        self.name, self.parent, self.attributes = name, parent, dict[str, Any]()

    def update_name(self, name: str) -> None:
        self.name = name

    def set_attributes(self, attributes: Any) -> None:
        self.attributes.update(attributes)


class Spans(trace.TracerProvider, trace.Tracer):
    """OpenTelemetry as somebody may have set it up."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
        return self

    def start_span(self, name: str, context: Any = None, *_: Any, **__: Any) -> Told:
        parent = trace.get_current_span(context).get_span_context()
        self.told.append(Told(name, parent, len(self.told) + 1))
        return self.told[-1]

    def start_as_current_span(  # type: ignore[override]  # the library wraps its own in a class of its own
        self, name: str, context: Any = None, *_: Any, **__: Any
    ) -> AbstractContextManager[trace.Span]:
        return trace.use_span(self.start_span(name, context))


@pytest.fixture
def new_process() -> Iterator[None]:
    """As in a process that has not looked for a provider yet; the next test is in one too."""
    tracing._tracer.cache_clear()
    yield
    tracing._tracer.cache_clear()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch, new_process: None) -> Spans:
    provider = Spans()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return provider


async def test_a_miss_is_told_in_spans_of_one_trace_without_a_word_of_its_query(spans: Spans) -> None:
    async with tracked() as (facade, heard):
        await facade.get("/interactions", ("attr", CANARY), headers={"traceparent": GIVEN})
    request, fetch, call = spans.told
    assert [one.name for one in spans.told] == ["GET /interactions", "fetch", "upstream interactions"]
    assert {one.get_span_context().trace_id for one in spans.told} == {int(TRACE, 16)}
    assert request.parent.span_id == int(SPAN, 16)
    assert fetch.parent == request.get_span_context()
    assert call.parent == fetch.get_span_context()
    assert heard.traces == [f"00-{TRACE}-{call.get_span_context().span_id:016x}-01"]
    assert request.attributes == {
        "http.request.method": "GET",
        "http.route": "/interactions",
        "http.response.status_code": 200,
    }


async def test_a_repeat_answered_at_once_has_no_span(spans: Spans) -> None:
    async with tracked() as (facade, _):
        for _repeat in range(3):
            await facade.get("/interactions", ("attr", "one"))
    assert [one.name for one in spans.told].count("GET /interactions") == 1


@pytest.mark.usefixtures("new_process")
def test_where_the_library_is_missing_nothing_is_told_and_the_trace_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "IS_INSTALLED", False)
    with tracing.entered([(b"traceparent", GIVEN.encode())]), tracing.span("fetch"):
        tracing.describe("GET /", method="GET", route="/", status=200)
        assert tracing.alone().run(tracing.passed_on) == {"traceparent": GIVEN}
