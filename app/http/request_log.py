"""The request log: a line for each request that was let in, and one a second for each kind of refusal (FAULTS T52)."""

import asyncio
import logging
from collections.abc import Hashable, Mapping
from typing import Any

from starlette.types import Scope

from app.observe.lines import REQUEST, Line

SECONDS = 1.0


class Sampled:
    """Writes to `logger` at INFO, from within an event loop; a `kind` is one of few."""

    def __init__(self, logger: logging.Logger, seconds: float = SECONDS) -> None:
        self._logger = logger
        self._seconds = seconds
        self._kept: dict[Hashable, int] = {}

    def say(self, kind: Hashable, line: Line, facts: Mapping[str, object]) -> None:
        """Write the line, filled in with `facts`, unless there was one of this kind within the last second."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        if kind in self._kept:
            self._kept[kind] += 1
            return
        self._write(line, facts)
        self._watch(kind, line, facts)

    def _watch(self, kind: Hashable, line: Line, facts: Mapping[str, object]) -> None:
        self._kept[kind] = 0
        asyncio.get_running_loop().call_later(self._seconds, self._over, kind, line, facts)

    def _over(self, kind: Hashable, line: Line, facts: Mapping[str, object]) -> None:
        suppressed = self._kept.pop(kind)
        if suppressed:
            self._write(line.and_more, {**facts, "suppressed": suppressed})
            self._watch(kind, line, facts)

    def _write(self, line: Line, facts: Mapping[str, object]) -> None:
        self._logger.info(line, facts, extra=dict(facts))


_ACCESS = logging.getLogger("cxfacade.access")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REFUSALS = range(400, 500)


def log_request(
    scope: Scope, status: int, seconds: float, level: int = logging.INFO, *, refusals: Sampled | None = None
) -> None:
    """Log a request, without anything of the query: the route's template, never the path itself (FAULTS T07).

    `refusals` says which of the lines about clients' faults are written; without it all are.
    """
    if not _ACCESS.isEnabledFor(level):
        return
    facts: dict[str, Any] = {
        "method": method_of(scope),
        "route": route_of(scope),
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
        "cache_status": scope["state"].get("cache_status"),
        "key": key_label(scope),
        "request_id": scope["state"]["request_id"],
    }
    if refusals and status in _REFUSALS:
        refusals.say((status, facts["route"]), REQUEST, facts)
    else:
        _ACCESS.log(level, REQUEST, facts, extra=facts)


def method_of(scope: Scope) -> str:
    """The method, as one of few."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def route_of(scope: Scope) -> str:
    """The template of a request's route, never its path."""
    return getattr(scope.get("route"), "path", "unmatched")


def key_label(scope: Scope) -> str:
    """The label of the key a request came with, `anonymous` where it needs none, `none` where it was not let in."""
    state: Mapping[str, Any] = scope["state"]
    label: str = state["viewer"].label if "viewer" in state else state.get("key", "none")
    return label


def sampled_refusals() -> Sampled:
    """For one application's lines."""
    return Sampled(_ACCESS)
