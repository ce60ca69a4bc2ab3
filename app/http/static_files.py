"""Files for browsers: read and coded once, with validators, so that a page is quick and never half old."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from app.http.conditional import respond
from app.http.negotiation import choose_coding
from app.http.responses import Answer, Headers, encode_body

CANONICAL = b'<link rel="canonical" href="%s">'


@dataclass(frozen=True, slots=True)
class Asset:
    """One file that a browser loads; where there is a `public_url`, the page names that as its canonical URL."""

    path: Path
    content_type: str
    public_url: str | None = None


_READY: dict[tuple[Asset, str], Answer] = {}
"""Every file in a coding it was asked in, read and coded once: some dozens, 3 MB together."""


async def send_file(request: Request, asset: Asset, lifetime: bytes, *more: tuple[bytes, bytes]) -> Response:
    """The file in the coding asked for; `lifetime` is its Cache-Control, `more` are further headers."""
    coding = choose_coding(request.headers.get("accept-encoding"), _size(asset))
    if (asset, coding) not in _READY:
        _READY[asset, coding] = await asyncio.to_thread(_coded, asset, coding)
    answer = _READY[asset, coding]
    headers = [*_headers(answer, lifetime), *more]
    prepared = respond(
        request.method,
        request.scope["headers"],
        answer,
        headers,
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
    """The file in a coding."""
    content = asset.path.read_bytes()
    if asset.public_url is not None:
        content = content.replace(CANONICAL % b".", CANONICAL % f"{escape(asset.public_url)}/".encode())
    body = encode_body(content, coding)
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
