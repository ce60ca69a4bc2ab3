"""The API reference at `/docs`: Swagger UI from vendored files, so that it works without any other host."""

from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from app import explorer
from app.errors import NotFound
from app.http.services import Services
from app.http.static_files import Asset, send_file

_FILES = Path(explorer.__file__).parent
_VENDORED = _FILES / "vendor" / "swagger-ui"
_PAGE_LIFETIME = b"no-cache"
_ASSET_LIFETIME = b"max-age=3600"  # the page names them without a version

PAGE = Asset(_FILES / "docs.html", "text/html; charset=utf-8")
ASSETS: Mapping[str, Asset] = {
    "docs.js": Asset(_FILES / "docs.js", "text/javascript; charset=utf-8"),
    "swagger-ui-bundle.js": Asset(_VENDORED / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "swagger-ui.css": Asset(_VENDORED / "swagger-ui.css", "text/css; charset=utf-8"),
    "favicon.png": Asset(_VENDORED / "favicon-32x32.png", "image/png"),
}


async def docs_page(request: Request, _services: Services) -> Response:
    """The page; it names its parts and the document by relative URLs, so it may stand behind a path prefix."""
    return await send_file(request, PAGE, _PAGE_LIFETIME)


async def docs_asset(request: Request, _services: Services) -> Response:
    """One of the page's parts."""
    name = request.path_params["name"]
    if name not in ASSETS:
        raise NotFound("The reference has no such part.")
    return await send_file(request, ASSETS[name], _ASSET_LIFETIME)
