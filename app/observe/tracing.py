"""The trace of a request: passed on to upstream (W3C Trace Context), and told in spans if OpenTelemetry is set up.

Spans are written where the extra `otel` is installed and a provider was set before the application was made, as
`opentelemetry-instrument cxfacade serve` does. Nothing in them is a client's: routes, statuses and names of ours.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from functools import cache

try:
    from opentelemetry import context as otel
    from opentelemetry import trace

    IS_INSTALLED = True
except ModuleNotFoundError:
    IS_INSTALLED = False

FIELD = b"traceparent"
VALID = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)  # W3C Trace Context §3.2
_given: ContextVar[str | None] = ContextVar("traceparent", default=None)


def traceparent(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The client's traceparent, if it is sent once and well formed to the letter; else None."""
    values = [value.decode("latin-1") for name, value in headers if name == FIELD]
    return values[0] if len(values) == 1 and VALID.fullmatch(values[0]) else None


@contextmanager
def entered(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[None]:
    """Make the trace of a request the current one until the end of the block."""
    given = traceparent(headers)
    before = _given.set(given)
    try:
        if _tracer() is None:
            yield
        else:
            with span("request", server=True, parent=given):
                yield
    finally:
        _given.reset(before)


@contextmanager
def span(name: str, *, server: bool = False, client: bool = False, parent: str | None = None) -> Iterator[None]:
    """Open a span of the current trace, or of `parent`'s. The text of an exception stays out: it may quote a value."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    kind = trace.SpanKind.SERVER if server else trace.SpanKind.CLIENT if client else trace.SpanKind.INTERNAL
    within = None
    if parent:
        _, trace_id, span_id, flags = parent.split("-")
        known = trace.SpanContext(int(trace_id, 16), int(span_id, 16), True, trace.TraceFlags(int(flags, 16)))
        within = trace.set_span_in_context(trace.NonRecordingSpan(known), otel.Context())
    with tracer.start_as_current_span(name, within, kind, record_exception=False, set_status_on_exception=False):
        yield


def describe(name: str, *, method: str, route: str, status: int) -> None:
    """Name the current span and describe its request, in OpenTelemetry's words."""
    if _tracer() is None:
        return
    current = trace.get_current_span()
    current.update_name(name)
    current.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})


def alone() -> Context:
    """A context with the current trace and nothing else, so that shared work knows no client."""
    context = Context()
    context.run(_given.set, _given.get())
    if _tracer() is not None:
        context.run(otel.attach, trace.set_span_in_context(trace.get_current_span(), otel.Context()))
    return context


def passed_on() -> dict[str, str]:
    """The header of the current trace for a call to upstream; empty without a trace."""
    given = _given.get()
    if _tracer() is not None:
        current = trace.get_current_span().get_span_context()
        if current.is_valid:
            given = f"00-{current.trace_id:032x}-{current.span_id:016x}-{current.trace_flags:02x}"
    return {"traceparent": given} if given else {}


@cache
def _tracer() -> "trace.Tracer | None":
    """The tracer of the provider that was set up before the first request; None without one."""
    if not IS_INSTALLED:
        return None
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else provider.get_tracer("cxfacade")
