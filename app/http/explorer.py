"""The explorer at `/`: a page of plain ES modules, served as they are; it asks this service and nobody else."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from app import explorer as files
from app.errors import NotFound
from app.http.services import Services
from app.http.static_files import Asset, send_file

_FILES = Path(files.__file__).parent
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_OF_THE_REFERENCE = ("docs.js", "vendor/swagger-ui/")
_LIFETIME = b"no-cache"  # modules name each other without a version: a browser asks, and mostly hears 304

# Trusted types: the browser itself refuses text that would be read as markup, ours and that of the vendored parts.
POLICY = (
    b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)


def _assets() -> Iterator[tuple[str, Asset]]:
    for path in sorted(_FILES.rglob("*")):
        name = path.relative_to(_FILES).as_posix()
        if path.suffix in _TYPES and not name.startswith(_OF_THE_REFERENCE):
            yield name, Asset(path, _TYPES[path.suffix])


PAGE = Asset(_FILES / "index.html", "text/html; charset=utf-8")
ASSETS: Mapping[str, Asset] = dict(_assets())


async def explorer_page(request: Request, services: Services) -> Response:
    """The page; it names its parts and this service's resources by relative URLs, so it may stand behind a prefix."""
    page = replace(PAGE, public_url=services.settings.public_url)
    return await send_file(request, page, _LIFETIME, (b"content-security-policy", POLICY))


async def explorer_asset(request: Request, _services: Services) -> Response:
    """One of the page's parts."""
    name = request.path_params["name"]
    if name not in ASSETS:
        raise NotFound("The explorer has no such part.")
    return await send_file(request, ASSETS[name], _LIFETIME)
