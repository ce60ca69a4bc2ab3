"""The paths that can be called, and how a target is built from one: every part percent-encoded (UPSTREAM §1)."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple
from urllib.parse import quote


class Template(NamedTuple):
    """A path with named segments; `endpoint` is its name in figures and logs."""

    endpoint: str
    path: str


INTERACTIONS = Template("interactions", "/v1/tenants/{tenant}/interactions")
INTERACTION = Template("interaction", "/v1/tenants/{tenant}/interactions/{interaction}")
TOKENS = Template("tokens", "/v1/tokens")


class Outgoing(NamedTuple):
    """All that can be sent (R1); `target` is path and query."""

    method: Literal["GET", "POST"]
    target: str
    headers: dict[str, str]
    content: bytes | None = None


def target(template: Template, segments: Mapping[str, str], query: Iterable[tuple[str, str]]) -> str:
    """Path and query to ask for. Raises ValueError where a segment would change the path (RFC 3986 §5.2.4)."""
    if any(segment in {"", ".", ".."} for segment in segments.values()):
        raise ValueError("A path segment is empty or made of dots.")
    path = template.path.format_map({name: quote(segment, safe="") for name, segment in segments.items()})
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    return f"{path}?{asked}" if asked else path
