"""The requests whose answers are linted: every route, format, shape, coding and kind of answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.http.search import FORM
from app.interactions.grains import GRAINS
from tests.proof.linting import Asked
from tests.support.clock import HandClock
from tests.support.facade import Facade
from tests.support.simulator import Simulator

ID = "c506eb9b-f523-4616-8839-fbce3fd89c17"  # the documented interaction
NOBODY = "0bad0000-0000-4000-8000-000000000001"
LIST = "/interactions?limit=20"
LONG_AGO = "Sat, 01 Jan 2000 00:00:00 GMT"
LATER = "Mon, 01 Jan 2035 00:00:00 GMT"


@dataclass(frozen=True, slots=True)
class Scene:
    """What an answer depends on."""

    facade: Facade
    simulator: Simulator
    clock: HandClock


async def nothing(scene: Scene, target: str) -> str:
    return target


async def stored(scene: Scene, target: str) -> str:
    """Ask before, so that the linter gets what is stored."""
    await scene.facade.client.get(target)
    scene.clock.advance(3)
    return target


async def stale(scene: Scene, target: str) -> str:
    """What is stored has become stale, and upstream fails, so that it stays so."""
    await scene.facade.client.get(target)
    scene.clock.advance(100)
    scene.simulator.faults("status", None, status=503)
    return target


async def ailing(scene: Scene, target: str) -> str:
    """Upstream fails."""
    scene.simulator.faults("status", None, status=503)
    return target


async def nonsensical(scene: Scene, target: str) -> str:
    """Upstream's answer cannot be read."""
    scene.simulator.faults("bad-json", None)
    return target


async def expired(scene: Scene, target: str) -> str:
    """The change token of content that is gone."""
    token = (await scene.facade.client.get(target)).json()["meta"]["change_token"]
    scene.clock.advance(3 * 86_400)
    return f"{target}&changed_since={token}"


@dataclass(frozen=True, slots=True)
class Row:
    """A request, the status of its answer and some of its fields.

    `before` makes its target, `settings` the façade; with `again`, the answer to its exact repeat is linted.
    """

    name: str
    asked: Asked
    status: int = 200
    shows: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[Scene, str], Awaitable[str]] = nothing
    settings: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False


def get(target: str, **fields: str) -> Asked:
    return Asked(target, fields={name.replace("_", "-"): value for name, value in fields.items()})


def purge(body: bytes) -> Asked:
    fields = {"content-type": "application/json", "x-requested-with": "proof"}
    return Asked("/cache/purge", "POST", fields, body)


def question(target: str, body: bytes, method: str = "POST") -> Asked:
    return Asked(target, method, {"content-type": FORM}, body)


SCOPES = {"anonymous_scopes": "read,pii:read,notes:read,metrics:read,cache:purge"}
PROBLEM = {"content-type": "application/problem+json", "cache-control": "no-store"}

ROUTES = (
    Row("json", get("/interactions.json?limit=20")),
    Row("ndjson", get("/interactions.ndjson?limit=20"), shows={"content-type": "application/x-ndjson; charset=utf-8"}),
    Row("csv", get("/interactions.csv?limit=20"), shows={"content-type": "text/csv; charset=utf-8"}),
    Row("csv by Accept", get(LIST, accept="text/csv")),
    Row("csv for Excel", get("/interactions?format=csv&csv=excel")),
    Row("no rows", get("/interactions.csv?attr=SIM-EMPTY")),
    Row("records", get("/interactions?shape=records")),
    Row("columns", get("/interactions?shape=columns")),
    Row("nested lists", get("/interactions?include=attributes,agents&limit=5")),
    Row("a page with a next", get("/interactions?limit=1")),
    Row("download", get("/interactions.csv?download=1")),
    Row("in clear", get("/interactions?pii=clear"), settings=SCOPES, shows={"cache-control": "private, no-store"}),
    *(
        Row(grain.path, get(f"{grain.path}?limit=20"), settings=SCOPES)
        for grain in GRAINS.values()
        if grain.is_of_parts
    ),
    Row("streamed csv", get("/interactions.csv?limit=all"), shows={"transfer-encoding": "chunked"}),
    Row("streamed ndjson in gzip", get("/interactions.ndjson?limit=all", accept_encoding="gzip")),
    Row("HEAD of a stream", Asked("/interactions.csv?limit=all", "HEAD"), shows={"accept-ranges": "none"}),
    *(
        Row(grain.summary_path, get(f"{grain.summary_path}?by=channel_type"), settings=SCOPES)
        for grain in GRAINS.values()
    ),
    Row("a summary as csv", get("/queue-entries/summary?by=queue_name&interval=day&format=csv")),
    Row("asked by QUERY", question("/interactions", b"limit=20", "QUERY")),
    Row("asked by POST", question("/interactions/search", b"attr_any=1234567&attr_any=other")),
    Row("a summary asked by POST", question("/queue-entries/summary/search", b"by=queue_name")),
    Row(
        "415 no question",
        Asked("/interactions", "QUERY", {"content-type": "text/plain"}, b"limit=20"),
        415,
        shows={**PROBLEM, "accept-query": FORM},
    ),
    Row("one interaction", get(f"/interactions/{ID}")),
    Row("a timeline", get(f"/interactions/{ID}/timeline")),
    Row("schema", get("/schema")),
    Row("schema of a grain", get("/schema/agent-legs")),
    Row("questions", get("/questions")),
    Row("whoami", get("/whoami")),
    Row("explain", get("/cache/explain?limit=20")),
    Row("purge", purge(b'{"all": true}'), settings=SCOPES),
    Row("live", get("/health/live")),
    Row("ready", get("/health/ready")),
    Row("metrics", get("/metrics"), settings=SCOPES),
    Row("a problem for people", get("/problems/not-found", accept="text/html")),
    Row("a problem for programs", get("/problems/not-found")),
    Row("openapi", get("/openapi.json")),
    Row("home", get("/")),
    Row("a part of the page", get("/explorer/main.js")),
    Row("304 of home", get("/", if_none_match="*"), 304),
    Row("docs", get("/docs")),
    Row("docs.js", get("/docs/assets/docs.js")),
    Row("bundle in zstd", get("/docs/assets/swagger-ui-bundle.js", accept_encoding="zstd")),
    Row("style", get("/docs/assets/swagger-ui.css")),
    Row("icon", get("/docs/assets/favicon.png")),
)
KINDS = (
    Row("a miss", get(LIST), shows={"cache-status": "cxfacade; fwd=uri-miss; stored; ttl=15"}),
    Row("a hit", get(LIST), before=stored, shows={"cache-status": "cxfacade; hit; ttl=12", "age": "3"}),
    Row("stale", get("/interactions.csv?limit=20"), before=stale, shows={"age": "100"}),
    Row("identity", get(LIST, accept_encoding="identity")),
    Row("gzip", get(LIST, accept_encoding="gzip"), shows={"content-encoding": "gzip"}),
    Row("zstd", get(LIST, accept_encoding="zstd"), shows={"content-encoding": "zstd"}),
    Row("HEAD", Asked(LIST, "HEAD")),
    Row("HEAD in gzip", Asked(LIST, "HEAD", {"accept-encoding": "gzip"}), before=stored),
    Row("HEAD of csv", Asked("/interactions.csv", "HEAD")),
    Row("HEAD of docs", Asked("/docs", "HEAD")),
    Row("HEAD of a problem", Asked("/nowhere", "HEAD"), 404),
    Row("304 by If-None-Match", get(LIST, if_none_match="*"), 304),
    Row("304 by If-Modified-Since", get(LIST, if_modified_since=LATER), 304),
    Row("304 of a hit", get(LIST, if_none_match="*"), 304, before=stored),
    Row("304 to HEAD", Asked(LIST, "HEAD", {"if-none-match": "*"}), 304),
    Row("304 of docs", get("/docs", if_none_match="*"), 304),
    Row("200 as it was modified", get(LIST, if_modified_since=LONG_AGO)),
    Row("206", get(LIST, range="bytes=0-99"), 206, {"content-length": "100"}),
    Row("206 of a suffix", get("/interactions.csv", range="bytes=-50"), 206, before=stored),
    Row("206 in gzip", get(LIST, range="bytes=0-199", accept_encoding="gzip"), 206, {"content-encoding": "gzip"}),
    Row("206 of docs", get("/docs/assets/docs.js", range="bytes=0-9"), 206),
)
HIT = {"cache-status": "cxfacade; hit; ttl=15", "age": "0"}
REPEATS = (
    Row("a repeat", get(LIST), shows=HIT, again=True),
    Row("a repeat in csv", get("/interactions.csv"), shows=HIT, again=True),
    Row("a repeat in zstd", get(LIST, accept_encoding="zstd"), shows={**HIT, "content-encoding": "zstd"}, again=True),
    Row("a repeat of HEAD", Asked(LIST, "HEAD"), shows=HIT, again=True),
    Row("a repeat of 304", get(LIST, if_none_match="*"), 304, HIT, again=True),
    Row("a repeat of 206", get(LIST, range="bytes=0-99"), 206, HIT, again=True),
)
PROBLEMS = (
    Row("416", get(LIST, range="bytes=99999999-"), 416, PROBLEM),
    Row("400 unknown parameter", get("/interactions?attribute-value=x"), 400, PROBLEM),
    Row("400 invalid parameter", get("/interactions?limit=0"), 400, PROBLEM),
    Row("400 bad cursor", get("/interactions?cursor=zz"), 400, PROBLEM),
    Row("400 bad summary", get("/interactions/summary?by=nothing"), 400, PROBLEM),
    Row("400 bad target", get("/interactions;x"), 400, PROBLEM),
    Row("400 purge of nothing", purge(b"{}"), 400, PROBLEM, settings=SCOPES),
    Row("401", get(LIST, authorization="Bearer cxf_invented"), 401, PROBLEM),
    Row("403 metrics", get("/metrics"), 403, PROBLEM),
    Row("403 in clear", get("/interactions?pii=clear"), 403, PROBLEM),
    Row("403 purge", purge(b'{"all": true}'), 403, PROBLEM),
    Row("404 path", get("/nowhere"), 404, PROBLEM),
    Row("404 question", get("/questions/unknown"), 404, PROBLEM),
    Row("404 interaction", get(f"/interactions/{NOBODY}"), 404, PROBLEM),
    Row("404 remembered", get(f"/interactions/{NOBODY}"), 404, PROBLEM, stored),
    Row("405", Asked("/interactions", "POST"), 405, {**PROBLEM, "allow": "GET, HEAD, QUERY"}),
    Row("410", get("/interactions?limit=1"), 410, PROBLEM, expired),
    Row("415", Asked("/cache/purge", "POST"), 415, PROBLEM, settings=SCOPES),
    Row("502", get(LIST), 502, PROBLEM, nonsensical),
    Row("503", get(LIST), 503, PROBLEM, ailing),
    Row("504", get(LIST, cache_control="only-if-cached"), 504, PROBLEM),
)
ROWS = {row.name: row for row in (*ROUTES, *KINDS, *REPEATS, *PROBLEMS)}
