"""The service's OpenAPI 3.1 document, made from the tables of routes, columns, parameters, formats and problems."""

import json
from collections.abc import Mapping

from app import __version__
from app.http.openapi.operations import paths
from app.http.openapi.responses import HEADERS, problem_responses
from app.http.openapi.schemas import schemas
from app.interactions.columns import Column

_DESCRIPTION = """\
The interactions of a contact centre as flat rows with stable columns, cached, without upstream's credentials.

Every column is in every row, also when it is null; units stand in the names. Each GET may be a HEAD. Errors are \
`application/problem+json` (RFC 9457), whose `type` leads to a page that explains it. A parameter that is not known \
here is an error, so that a misspelt filter never returns everything.\
"""
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A client key."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A client key."},
    "basic": {"type": "http", "scheme": "basic", "description": "A client key as user name; the password is ignored."},
}
_ANONYMOUS: dict[str, list[str]] = {}  # allowed where the operator says so; on loopback by default


def document(columns: Mapping[str, Column], max_rows: int) -> dict[str, object]:
    """The document for a service with these columns and at most `max_rows` rows in one answer."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cxfacade",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": ".", "description": "Where this document is served, also behind a path prefix."}],
        "tags": [
            {"name": "interactions", "description": "Rows, single interactions and their timelines."},
            {"name": "service", "description": "The service itself: its cache, keys, errors and health."},
        ],
        "security": [*({name: []} for name in _SECURITY_SCHEMES), _ANONYMOUS],
        "paths": paths(columns, max_rows),
        "components": {
            "schemas": schemas(columns.values()),
            "responses": problem_responses(),
            "headers": HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def text(columns: Mapping[str, Column], max_rows: int) -> str:
    """The document as JSON text, the same bytes each time."""
    return json.dumps(document(columns, max_rows), indent=2, ensure_ascii=False) + "\n"
