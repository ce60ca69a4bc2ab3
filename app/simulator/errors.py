"""The bodies upstream's errors have been seen with (UPSTREAM §7)."""

from app.simulator.forms import to_json
from app.simulator.wire import Answer

JSON = "application/json;charset=UTF-8"
_PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body><center><h1>{0}</h1></center></body>\r\n</html>\r\n"

PHRASES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}  # fmt: skip

SHAPES: dict[str, object] = {
    "error": {"error": "{phrase}"},
    "error-list": {"error": ["{phrase}"]},
    "error-attribute": {
        "error": {"code": "{status}", "message": "bad request parameters", "attribute": {"limit": ["{phrase}"]}}
    },
    "error-body": {"error": {"body": {"errors": [{"code": "{status}", "title": "{phrase}", "message": "{phrase}"}]}}},
    "message": {"message": "{phrase}"},
}
"""Shapes of JSON error bodies; a gateway's page is the one beside them."""


def error(
    status: int, shape: str | None = None, words: str | None = None, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """An error in one of SHAPES or as ``html``, which is what 502 to 504 come with unless told otherwise."""
    phrase = words or PHRASES.get(status, f"Status {status}")
    if (shape or ("html" if status in (502, 503, 504) else "error")) == "html":
        return Answer(status, _PAGE.format(f"{status} {phrase}").encode(), "text/html", headers)
    text = to_json(SHAPES[shape or "error"]).decode()
    filled = text.replace("{status}", str(status)).replace("{phrase}", phrase)
    return Answer(status, filled.encode(), JSON, headers)
