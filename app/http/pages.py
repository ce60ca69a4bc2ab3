"""Pages for browsers: the explorer at `/`, the API reference at `/docs`, and a page for each problem.

Explorer and reference are files, served as they are, with validators, read and compressed once; they ask this service
and no other host. They name their parts by relative URLs, so they may stand behind a path prefix.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import sha256
from html import escape
from pathlib import Path

import msgspec
from fastapi import Request
from starlette.responses import Response

from app import explorer
from app.errors import NotFound
from app.http.messages import ProblemExplanation
from app.http.negotiation import choose_coding, respond
from app.http.problems import BY_SLUG, ProblemType
from app.http.responses import CODINGS, Answer
from app.http.routing import Services

CANONICAL = b'<link rel="canonical" href="%s">'
_FILES = Path(explorer.__file__).parent
_SWAGGER_UI = _FILES / "vendor" / "swagger-ui"
_HTML = "text/html; charset=utf-8"
CONTENT_TYPES = {
    ".html": _HTML,
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_PARTS = CONTENT_TYPES.keys() - {".html"}
# Modules of the explorer name each other without a version: a browser asks each time, and mostly hears 304.
_REVALIDATED = b"no-cache"
_OF_THE_REFERENCE = ("docs.js", "vendor/swagger-ui/")
_REFERENCE_LIFETIME = b"max-age=3600"  # its page names its parts without a version
# Trusted types: the browser itself refuses text that would be read as markup, ours and that of the vendored parts.
POLICY = (
    b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)

NEVER = datetime.max.replace(tzinfo=UTC)  # a document that is made, not changed, has its tag alone as validator


@dataclass(frozen=True, slots=True)
class Asset:
    """One file that a browser loads; where there is a `public_url`, the page names that as its canonical URL."""

    path: Path
    public_url: str | None = None


EXPLORER = Asset(_FILES / "index.html")
EXPLORER_ASSETS: Mapping[str, Asset] = {
    name: Asset(path)
    for path in sorted(_FILES.rglob("*"))
    if not (name := path.relative_to(_FILES).as_posix()).startswith(_OF_THE_REFERENCE) and path.suffix in _PARTS
}
REFERENCE = Asset(_FILES / "docs.html")
REFERENCE_ASSETS: Mapping[str, Asset] = {
    "docs.js": Asset(_FILES / "docs.js"),
    "swagger-ui-bundle.js": Asset(_SWAGGER_UI / "swagger-ui-bundle.js"),
    "swagger-ui.css": Asset(_SWAGGER_UI / "swagger-ui.css"),
    "favicon.png": Asset(_SWAGGER_UI / "favicon-32x32.png"),
}


async def explorer_page(request: Request, services: Services) -> Response:
    """The explorer, with the service's public URL in it."""
    page = replace(EXPLORER, public_url=services.settings.public_url)
    return await _send(request, page, _REVALIDATED, (b"content-security-policy", POLICY))


async def explorer_asset(request: Request, _services: Services) -> Response:
    """A part of the explorer."""
    return await _send(request, _part(EXPLORER_ASSETS, request), _REVALIDATED)


async def docs_page(request: Request, _services: Services) -> Response:
    """The API reference: Swagger UI."""
    return await _send(request, REFERENCE, _REVALIDATED)


async def docs_asset(request: Request, _services: Services) -> Response:
    """A part of the API reference."""
    return await _send(request, _part(REFERENCE_ASSETS, request), _REFERENCE_LIFETIME)


def _part(assets: Mapping[str, Asset], request: Request) -> Asset:
    name = request.path_params["name"]
    if name not in assets:
        raise NotFound("The page has no such part.")
    return assets[name]


async def _send(request: Request, asset: Asset, lifetime: bytes, *more: tuple[bytes, bytes]) -> Response:
    """The file in the coding asked for; `lifetime` is its Cache-Control, `more` are further headers."""
    coding = choose_coding(request.headers.get("accept-encoding"), asset.path.stat().st_size)
    return _respond(request, await asyncio.to_thread(_coded, asset, coding), lifetime, *more)


async def openapi_document(request: Request, services: Services) -> Response:
    """The OpenAPI document of this service, from which the explorer reads its parameters."""
    text = services.openapi()
    coding = choose_coding(request.headers.get("accept-encoding"), len(text))
    return _respond(request, await asyncio.to_thread(_coded_document, text, coding), b"max-age=300")


@lru_cache(maxsize=8)  # an application has one text
def _coded_document(text: str, coding: str) -> Answer:
    return _answer(text.encode(), "application/json", coding, NEVER)


def _respond(request: Request, answer: Answer, lifetime: bytes, *more: tuple[bytes, bytes]) -> Response:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", b"%d" % answer.size),
        (b"etag", answer.etag.encode()),
        (b"cache-control", lifetime),
        (b"vary", b"Accept-Encoding"),
        (b"accept-ranges", b"bytes"),
        *more,
    ]
    if answer.coding != "identity":
        headers.append((b"content-encoding", answer.coding.encode()))
    prepared = respond(request.scope, answer, headers)
    response = Response(prepared.body, prepared.status)
    response.raw_headers = prepared.headers
    return response


@cache  # every file in each coding it was asked for in: some dozens, 3 MB together
def _coded(asset: Asset, coding: str) -> Answer:
    content = asset.path.read_bytes()
    if asset.public_url is not None:
        content = content.replace(CANONICAL % b".", CANONICAL % f"{escape(asset.public_url)}/".encode())
    changed = datetime.fromtimestamp(asset.path.stat().st_mtime, UTC)
    return _answer(content, CONTENT_TYPES[asset.path.suffix], coding, changed)


def _answer(content: bytes, content_type: str, coding: str, changed: datetime) -> Answer:
    body = CODINGS[coding](content)
    return Answer(body, coding, f'"{sha256(body).hexdigest()[:32]}"', content_type, changed)


async def problem_page(request: Request, _services: Services) -> Response:
    """The meaning of a problem and its remedy: HTML for browsers, JSON for programs."""
    row = BY_SLUG.get(request.path_params["slug"])
    if row is None:
        raise NotFound
    headers = {"Cache-Control": "max-age=3600", "Vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        return Response(problem_html(row), media_type=_HTML, headers=headers)
    reference = f"{request.scope.get('root_path', '')}/problems/{row.slug}"
    explained = msgspec.json.encode(ProblemExplanation(reference, **asdict(row), retryable=row.retryable))
    return Response(explained, media_type="application/json", headers=headers)


def problem_html(row: ProblemType) -> bytes:
    """A small page that explains the problem."""
    title, words = escape(row.title), escape(row.explanation)
    again = "Trying again later may help." if row.retryable else "Sending the same request again does not help."
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title} – cxfacade</title></head>\n'
        f"<body><main>\n<h1>{title}</h1>\n<p>{words}</p>\n"
        f"<p>Status {row.status}, code <code>{row.slug}</code>. {again}</p>\n</main></body>\n</html>\n"
    ).encode()
