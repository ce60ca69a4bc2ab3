"""What answers carry besides their bodies: headers, and the problems by status."""

import json
from collections.abc import Iterable

from app.errors import InvalidParameters, ParameterFault
from app.http.openapi.building import BOOLEAN, STRING, Schema, ref
from app.http.parameters import ATTRIBUTE_PREFIX, PARAMETERS
from app.http.problem_table import PROBLEMS
from app.http.problems import rendered

_HEADER_WORDS = {
    "Accept-Ranges": "`bytes`: parts may be asked for.",
    "Age": "Seconds since upstream was asked.",
    "Allow": "The methods this path takes.",
    "Cache-Control": "How long a client may keep the answer; `Age` counts against it.",
    "Cache-Status": "How the answer was come by (RFC 9211): `cxfacade; hit; ttl=42`.",
    "Content-Disposition": "A file name, where `download` asks for one.",
    "Content-Range": "Which part of the whole this is, or how long the whole is.",
    "ETag": "Validator of this answer in this coding.",
    "Last-Modified": "When upstream was asked.",
    "Link": "The next page, as `rel=next`; not there on the last one.",
    "RateLimit": "What is left of the key's quota, where it has one, and in how many seconds there is more.",
    "RateLimit-Policy": "The key's quota, where it has one, and for how many seconds it is.",
    "Retry-After": "Seconds to wait before trying again; there exactly where that may help.",
    "Server-Timing": "Where the time went, in milliseconds.",
    "Vary": "The request's headers that shape the answer.",
    "WWW-Authenticate": "How to send a key.",
    "X-Total-Count": "Rows of the list in all; not there where that is not known.",
    "X-Truncated": "Whether more rows match than this answer and its next pages can show.",
    "X-Request-Id": "The request's own id, else a new one.",
}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_SCHEMAS = {"Age": _NUMBER, "Retry-After": _NUMBER, "X-Total-Count": _NUMBER, "X-Truncated": BOOLEAN}
HEADERS: dict[str, Schema] = {
    name: {"description": words, "schema": _SCHEMAS.get(name, STRING)} for name, words in _HEADER_WORDS.items()
}
OTHER: Schema = {"default": {"$ref": "#/components/responses/Problem"}}
ALWAYS = ("X-Request-Id",)
QUOTA = ("RateLimit", "RateLimit-Policy")
IN_304 = ("ETag", "Cache-Control", "Vary", "Age", "Cache-Status", "Server-Timing", *QUOTA, *ALWAYS)
IN_200 = (*IN_304, "Last-Modified", "Accept-Ranges")
OF_LISTS = ("Link", "X-Total-Count", "X-Truncated")
IN_206 = (*IN_200, *OF_LISTS, "Content-Range")
_OWN_HEADERS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    416: ("Content-Range",),
    429: ("Retry-After", *QUOTA),
    503: ("Retry-After",),
    504: ("Retry-After",),
}
_MISSPELT = "attribute-value"


def headers(names: Iterable[str]) -> Schema:
    """References to these headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_responses() -> dict[str, Schema]:
    """One response for each status that problems have, `Problem400` and so on, and `Problem` for any of them."""
    statuses = sorted({row.status for row in PROBLEMS})
    return {
        **{f"Problem{status}": _problem_response(status) for status in statuses},
        "Problem": {"description": "Any other problem.", "headers": headers(ALWAYS), "content": _content({})},
    }


def problem_references(statuses: Iterable[int]) -> Schema:
    """What an operation says of these problems."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}


def _problem_response(status: int) -> Schema:
    rows = [row for row in PROBLEMS if row.status == status]
    examples = {row.slug: {"summary": row.title, "value": _example(row.slug)} for row in rows}
    return {
        "description": "\n".join(f"* `{row.slug}`: {row.title}." for row in rows),
        "headers": headers((*_OWN_HEADERS.get(status, ()), *ALWAYS)),
        "content": _content({"examples": examples}),
    }


def _content(more: Schema) -> Schema:
    return {"application/problem+json": {"schema": ref("Problem"), **more}}


def _example(slug: str) -> object:
    error = _misspelt_filter() if slug == "unknown-parameter" else None
    _, _, body = rendered(slug, error, request_id="5f1c9d2a", instance="/interactions")
    return json.loads(body)


def _misspelt_filter() -> InvalidParameters:
    detail = f"{_MISSPELT} is not a parameter of this resource. Did you mean attr?"
    allowed = tuple("attr.<name>" if row.name == ATTRIBUTE_PREFIX else row.name for row in PARAMETERS)
    return InvalidParameters([ParameterFault(_MISSPELT, detail, "unknown-parameter", allowed, "attr")])
