"""Questions as they are sent: in the query string, or as a form body of the same grammar where a URL is too short.

QUERY (RFC 10008), and POST for clients without it, ask as GET does: they change nothing, and are answered from what is
stored for the same question, however it was sent.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from fastapi import Request

from app.errors import BadRequest, BodyTooLarge, NotAForm
from app.http.auth import BODY, QUERY_STRING, refuse_key
from app.http.guard import LONGEST_TARGET
from app.http.parameters import MOST_IN_BODY, MOST_PARAMETERS, MOST_VALUES

FORM = "application/x-www-form-urlencoded"
READ = ("GET", "HEAD")
ASK = (*READ, "QUERY")
LONGEST_BODY = 64 * 1024  # bytes (FAULTS 1.5)


@dataclass(frozen=True, slots=True)
class SentQuestion:
    """The text of a question, the place it was sent in, and how many parameters it may have there."""

    text: bytes
    place: str = QUERY_STRING
    most: int = MOST_PARAMETERS

    @property
    def is_body(self) -> bool:
        """Whether it came as a body."""
        return self.most == MOST_IN_BODY


async def question_of(request: Request) -> SentQuestion:
    """The question of a request.

    Raises NotAForm, BadRequest where there is a query string beside the body, BodyTooLarge, and KeyInQuery.
    """
    query_string: bytes = request.scope["query_string"]
    if request.method in READ:
        return SentQuestion(query_string)
    types = media_types(request)
    if types != [FORM] or request.headers.get("content-encoding", "identity") != "identity":
        raise NotAForm(f"Send the parameters as a body with `Content-Type: {FORM}`, without a content coding.")
    if query_string:
        raise BadRequest("Parameters stand in the query string and in the body; put all of them into the body.")
    text = await request_body(request)
    refuse_key(text)
    return SentQuestion(text, BODY, MOST_IN_BODY)


def media_types(request: Request) -> list[str]:
    """The media types that a request says its body has: one, unless it is malformed."""
    return [value.partition(";")[0].strip().lower() for value in request.headers.getlist("content-type")]


async def request_body(request: Request) -> bytes:
    """The body of a request. Raises BodyTooLarge."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > LONGEST_BODY:
        raise BodyTooLarge()
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise BodyTooLarge()
    return bytes(body)


def link_of(url: str, pairs: Sequence[tuple[str, str]]) -> str | None:
    """The URL at which GET asks a question; None where the question is too long for one."""
    query_string = urlencode(pairs)
    length = len(urlsplit(url).path) + 1 + len(query_string)
    most = max(Counter(name for name, _ in pairs).values(), default=0)
    fits = length <= LONGEST_TARGET and len(pairs) <= MOST_PARAMETERS and most <= MOST_VALUES
    return f"{url}?{query_string}" if fits else None
