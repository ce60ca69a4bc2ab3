"""The services that routes work with, opened by `main.py` and kept on the application."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.clients.quota import MinInterval
from app.clock import Clock
from app.http.auth import Authenticator
from app.http.cors import Origins
from app.http.forwarding import Forwarding
from app.http.parsed import ParsedLists
from app.http.representations import Representations
from app.http.request_metrics import Requests
from app.http.response_cache import ResponseCache
from app.http.sending import Unread
from app.interactions.columns import Column
from app.observe.metrics import Metrics
from app.queries.service import Queries
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one application."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    columns: Mapping[str, Column]
    queries: Queries
    representations: Representations
    response_cache: ResponseCache
    parsed: ParsedLists
    unread: Unread
    authenticator: Authenticator
    forwarding: Forwarding
    origins: Origins
    purges: MinInterval
    requests: Requests
    openapi: Callable[[], str]
