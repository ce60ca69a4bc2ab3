"""The words that operations are put together from."""

from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus

from app.formats import Format
from app.http.openapi.building import STRING, Schema, ref
from app.http.openapi.responses import ALWAYS, IN_200, IN_206, IN_304, OTHER, QUOTA, headers, problem_references

_JSON = "application/json"


def operation(
    name: str,
    summary: str,
    description: str,
    responses: Schema,
    *,
    parameters: Iterable[Schema] = (),
    body: Schema | None = None,
    tag: str = "service",
    public: bool = False,
) -> Schema:
    """One operation; `body` is the content that its request must have, `public` whether nobody is asked for a key."""
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": list(parameters),
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        **({"security": []} if public else {}),
        "responses": {**dict(sorted(responses.items())), **OTHER},
    }


def json_content(name: str, examples: Mapping[str, object] | None = None) -> Schema:
    """JSON of the schema of that name."""
    return {_JSON: {"schema": ref(name), **({"examples": dict(examples)} if examples else {})}}


def service_responses(content: Schema, problems: Collection[int], *also: str) -> Schema:
    """The content, or one of the problems with these statuses; `also` are headers beside those of every answer."""
    quota = QUOTA if HTTPStatus.TOO_MANY_REQUESTS in problems else ()
    return {
        "200": {"description": "OK", "headers": headers((*also, *quota, *ALWAYS)), "content": content},
        **problem_references(problems),
    }


def stored_responses(content: Schema, problems: Iterable[int], *also: str, whole: Iterable[str] = ()) -> Schema:
    """The responses of a stored answer: the whole one, and 304 where the client's copy is still good.

    `also` are headers of both beside those of every stored answer, `whole` of the first alone.
    """
    return {
        "200": {"description": "The whole answer.", "headers": headers((*IN_200, *also, *whole)), "content": content},
        "304": {"description": "The client's copy is good still.", "headers": headers((*IN_304, *also))},
        **problem_references(problems),
    }


def range_responses(formats: Iterable[Format]) -> Schema:
    """Ranges are served of every stored answer, but told of text alone: a piece of JSON has no type.

    Where it is told, generated clients say that an answer may be an object or nothing one can use.
    """
    content = {one.media_type: {"schema": STRING} for one in formats}
    part = {"description": "The bytes asked for by `Range`.", "headers": headers(IN_206), "content": content}
    return {"206": part, **problem_references([416])}
