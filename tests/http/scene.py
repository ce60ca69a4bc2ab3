"""What the tests of parameters share: a scene, viewers, and query strings read in it."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from app.errors import InvalidParameters, ParameterFault
from app.http.auth import Viewer
from app.http.parse import pairs_of, parse, parse_view
from app.http.times import TimeFrame
from app.http.values import ParseContext
from app.interactions.grains import GRAINS
from app.queries.query import InteractionQuery, View

NOW = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)
SCENE = ParseContext(TimeFrame(NOW, ZoneInfo("US/Eastern"), 15), GRAINS["interactions"], max_rows=1000)
READER = Viewer("reader", frozenset({"read"}))
TRUSTED = Viewer("trusted", frozenset({"read", "pii:read", "notes:read"}))


def asked(query: str | bytes = "", viewer: Viewer = READER, **more: Any) -> InteractionQuery:
    """The query that a query string asks."""
    return parse(pairs_of(query if isinstance(query, bytes) else query.encode()), SCENE, viewer, **more)


def viewed(query: str = "", viewer: Viewer = READER) -> View:
    """The view of one interaction that a query string asks."""
    return parse_view(pairs_of(query.encode()), SCENE, viewer)


def faults(query: str | bytes, **more: Any) -> list[ParameterFault]:
    """What is wrong with a query string; nothing for one that can be answered."""
    try:
        asked(query, **more)
    except InvalidParameters as error:
        return list(error.faults)
    return []


def fault(query: str | bytes, **more: Any) -> ParameterFault:
    """The one thing that is wrong with a query string."""
    (only,) = faults(query, **more)
    return only


def encoded(*pairs: tuple[str, str]) -> str:
    return urlencode(pairs)
