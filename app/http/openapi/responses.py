"""The responses of operations: status, content, headers, and the problems by status."""

import json
from collections.abc import Collection, Iterable, Mapping

from app.errors import InvalidParameters, ParameterFault
from app.formats import Format
from app.http.openapi.schemas import STRING, Schema, ref
from app.http.parameters import ATTRIBUTE_PREFIX, PARAMETERS
from app.http.problems import PROBLEMS, rendered

_HEADER_WORDS = {
    "Accept-Ranges": "`bytes`: parts may be asked for.",
    "Age": "Seconds since upstream was asked.",
    "Allow": "The methods this path takes.",
    "Cache-Control": "How long a client may keep the answer; `Age` counts against it.",
    "Cache-Status": "Hit or miss, and why (RFC 9211): `cxfacade; hit; ttl=42`.",
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
_SCHEMAS = {"Age": _NUMBER, "Retry-After": _NUMBER, "X-Total-Count": _NUMBER, "X-Truncated": {"type": "boolean"}}
HEADERS: dict[str, Schema] = {
    name: {"description": words, "schema": _SCHEMAS.get(name, STRING)} for name, words in _HEADER_WORDS.items()
}
JSON = "application/json"
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


def json_content(name: str, examples: Mapping[str, object] | None = None) -> Schema:
    """Content of JSON with the schema of that name."""
    return {JSON: {"schema": ref(name), **({"examples": dict(examples)} if examples else {})}}


def service_responses(content: Schema, problems: Collection[int]) -> Schema:
    """The responses of an answer that is not stored: the content, or one of the problems with these statuses."""
    quota = QUOTA if 429 in problems else ()  # noqa: PLR2004 - a status
    return {
        "200": {"description": "OK", "headers": _headers(("Cache-Control", *quota, *ALWAYS)), "content": content},
        **_problem_references(problems),
    }


def stored_responses(content: Schema, problems: Iterable[int], *also: str, whole: Iterable[str] = ()) -> Schema:
    """The responses of a stored answer: the whole one, and 304 where the client's copy is still good.

    `also` are headers of both beside those of every stored answer, `whole` of the first alone.
    """
    return {
        "200": {"description": "The whole answer.", "headers": _headers((*IN_200, *also, *whole)), "content": content},
        "304": {"description": "The client's copy is good still.", "headers": _headers((*IN_304, *also))},
        **_problem_references(problems),
    }


def range_responses(format_: Format) -> Schema:
    """Ranges are served of every stored answer, but told of text alone: a piece of JSON has no type.

    With it, generated clients would type every answer as an object or an unknown.
    """
    content = {format_.media_type: {"schema": STRING}}
    part = {"description": "The bytes asked for by `Range`.", "headers": _headers(IN_206), "content": content}
    return {"206": part, **_problem_references([416])}


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_responses() -> dict[str, Schema]:
    """One response for each status that problems have, `Problem400` and so on, and `Problem` for any of them."""
    statuses = sorted({row.status for row in PROBLEMS})
    return {
        **{f"Problem{status}": _problem_response(status) for status in statuses},
        "Problem": {"description": "Any other problem.", "headers": _headers(ALWAYS), "content": _content({})},
    }


def _problem_references(statuses: Iterable[int]) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}


def _problem_response(status: int) -> Schema:
    rows = [row for row in PROBLEMS if row.status == status]
    examples = {row.slug: {"summary": row.title, "value": _example(row.slug)} for row in rows}
    return {
        "description": "\n".join(f"* `{row.slug}`: {row.title}." for row in rows),
        "headers": _headers((*_OWN_HEADERS.get(status, ()), *ALWAYS)),
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
