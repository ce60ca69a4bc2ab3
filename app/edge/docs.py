"""The API reference at `/docs`: Swagger UI from vendored files, so that it works without any other host."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import explorer
from app.edge.answers import Answer, Headers, encode_body
from app.edge.conditional import respond
from app.edge.negotiation import choose_coding
from app.errors import NotFound

_FILES = Path(explorer.__file__).parent
_VENDORED = _FILES / "vendor" / "swagger-ui"
_PAGE_LIFETIME = b"no-cache"
_ASSET_LIFETIME = b"max-age=3600"  # the page names them without a version


@dataclass(frozen=True, slots=True)
class Asset:
    """One file that a browser loads."""

    path: Path
    content_type: str


PAGE = Asset(_FILES / "docs.html", "text/html; charset=utf-8")
ASSETS: Mapping[str, Asset] = {
    "docs.js": Asset(_FILES / "docs.js", "text/javascript; charset=utf-8"),
    "swagger-ui-bundle.js": Asset(_VENDORED / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "swagger-ui.css": Asset(_VENDORED / "swagger-ui.css", "text/css; charset=utf-8"),
    "favicon.png": Asset(_VENDORED / "favicon-32x32.png", "image/png"),
}

docs = APIRouter()


@docs.api_route("/docs", methods=["GET", "HEAD"], name="docs")
async def docs_page(request: Request) -> Response:
    """The page; it names its parts and the document by relative URLs, so it may stand behind a path prefix."""
    return await _send(request, PAGE, _PAGE_LIFETIME)


@docs.api_route("/docs/assets/{name}", methods=["GET", "HEAD"], name="docs")
async def docs_asset(name: str, request: Request) -> Response:
    """One of the page's parts."""
    if name not in ASSETS:
        raise NotFound("The reference has no such part.")
    return await _send(request, ASSETS[name], _ASSET_LIFETIME)


async def _send(request: Request, asset: Asset, lifetime: bytes) -> Response:
    answer = await asyncio.to_thread(_answer, asset, request.headers.get("accept-encoding"))
    prepared = respond(
        request.method,
        request.scope["headers"],
        answer,
        _headers(answer, lifetime),
        request_id=request.scope["state"]["request_id"],
        instance=request.scope["path"],
    )
    response = Response(prepared.body, prepared.status)
    response.raw_headers = prepared.headers
    return response


def _answer(asset: Asset, accept_encoding: str | None) -> Answer:
    return _coded(asset, choose_coding(accept_encoding, asset.path.stat().st_size))


@cache
def _coded(asset: Asset, coding: str) -> Answer:
    """The file in a coding, read and coded once: there are a dozen of these, some 3 MB together."""
    body = encode_body(asset.path.read_bytes(), coding)
    changed = datetime.fromtimestamp(asset.path.stat().st_mtime, UTC)
    return Answer(body, coding, f'"{sha256(body).hexdigest()[:32]}"', asset.content_type, changed)


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
