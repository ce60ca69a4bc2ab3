"""Pages for browsers: the explorer at `/`, the API reference at `/docs`, and a page for each problem.

Explorer and reference are files, served as they are, with validators, read and compressed once; they ask this service
and no other host. They name their parts by relative URLs, so they may stand behind a path prefix.
"""

import asyncio
from collections.abc import Iterator, Mapping
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
from app.http.conditional import respond
from app.http.messages import ProblemExplanation
from app.http.negotiation import choose_coding
from app.http.problems import BY_SLUG, ProblemType
from app.http.responses import Answer, Headers, encode_body
from app.http.services import Services

CANONICAL = b'<link rel="canonical" href="%s">'
_FILES = Path(explorer.__file__).parent
_SWAGGER_UI = _FILES / "vendor" / "swagger-ui"
_HTML = "text/html; charset=utf-8"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
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
    content_type: str
    public_url: str | None = None


def _asset(path: Path) -> Asset:
    return Asset(path, _TYPES[path.suffix])


def _explorer_assets() -> Iterator[tuple[str, Asset]]:
    for path in sorted(_FILES.rglob("*")):
        name = path.relative_to(_FILES).as_posix()
        if path.suffix in _TYPES and not name.startswith(_OF_THE_REFERENCE):
            yield name, _asset(path)


EXPLORER = Asset(_FILES / "index.html", _HTML)
EXPLORER_ASSETS: Mapping[str, Asset] = dict(_explorer_assets())
REFERENCE = Asset(_FILES / "docs.html", _HTML)
REFERENCE_ASSETS: Mapping[str, Asset] = {
    "docs.js": _asset(_FILES / "docs.js"),
    "swagger-ui-bundle.js": _asset(_SWAGGER_UI / "swagger-ui-bundle.js"),
    "swagger-ui.css": _asset(_SWAGGER_UI / "swagger-ui.css"),
    "favicon.png": _asset(_SWAGGER_UI / "favicon-32x32.png"),
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


_READY: dict[tuple[Asset, str], Answer] = {}
"""Every file in each coding it was asked for in: some dozens, 3 MB together."""


async def _send(request: Request, asset: Asset, lifetime: bytes, *more: tuple[bytes, bytes]) -> Response:
    """The file in the coding asked for; `lifetime` is its Cache-Control, `more` are further headers."""
    coding = choose_coding(request.headers.get("accept-encoding"), _size(asset))
    if (asset, coding) not in _READY:
        _READY[asset, coding] = await asyncio.to_thread(_coded, asset, coding)
    return _respond(request, _READY[asset, coding], lifetime, *more)


async def send_document(request: Request, text: str) -> Response:
    """The text of the OpenAPI document in the coding asked for: the explorer reads its parameters from it."""
    coding = choose_coding(request.headers.get("accept-encoding"), len(text))
    return _respond(request, await asyncio.to_thread(_coded_document, text, coding), b"max-age=300")


@lru_cache(maxsize=8)  # an application has one text
def _coded_document(text: str, coding: str) -> Answer:
    return _answer(text.encode(), "application/json", coding, NEVER)


def _respond(request: Request, answer: Answer, lifetime: bytes, *more: tuple[bytes, bytes]) -> Response:
    prepared = respond(
        request.method,
        request.scope["headers"],
        answer,
        [*_headers(answer, lifetime), *more],
        request_id=request.scope["state"]["request_id"],
        instance=request.scope["path"],
        root=request.scope.get("root_path", ""),
    )
    response = Response(prepared.body, prepared.status)
    response.raw_headers = prepared.headers
    return response


@cache
def _size(asset: Asset) -> int:
    return asset.path.stat().st_size


def _coded(asset: Asset, coding: str) -> Answer:
    content = asset.path.read_bytes()
    if asset.public_url is not None:
        content = content.replace(CANONICAL % b".", CANONICAL % f"{escape(asset.public_url)}/".encode())
    changed = datetime.fromtimestamp(asset.path.stat().st_mtime, UTC)
    return _answer(content, asset.content_type, coding, changed)


def _answer(content: bytes, content_type: str, coding: str, changed: datetime) -> Answer:
    body = encode_body(content, coding)
    return Answer(body, coding, f'"{sha256(body).hexdigest()[:32]}"', content_type, changed)


def _headers(answer: Answer, lifetime: bytes) -> Headers:
    fixed = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", b"%d" % answer.size),
        (b"etag", answer.etag.encode()),
        (b"cache-control", lifetime),
        (b"vary", b"Accept-Encoding"),
        (b"accept-ranges", b"bytes"),
    ]
    return fixed if answer.coding == "identity" else [*fixed, (b"content-encoding", answer.coding.encode())]


def page(slug: str) -> bytes:
    """A small HTML page that explains the problem; NotFound where none has that name."""
    row = _row(slug)
    title, words = escape(row.title), escape(row.explanation)
    again = "Trying again later may help." if row.retryable else "Sending the same request again does not help."
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title} – cxfacade</title></head>\n'
        f"<body><main>\n<h1>{title}</h1>\n<p>{words}</p>\n"
        f"<p>Status {row.status}, code <code>{row.slug}</code>. {again}</p>\n</main></body>\n</html>\n"
    ).encode()


def explanation(slug: str, root: str = "") -> bytes:
    """The explanation of the problem as JSON, under the path prefix `root`; NotFound where none has that name."""
    row = _row(slug)
    return msgspec.json.encode(ProblemExplanation(f"{root}/problems/{slug}", **asdict(row), retryable=row.retryable))


def _row(slug: str) -> ProblemType:
    if slug not in BY_SLUG:
        raise NotFound
    return BY_SLUG[slug]
