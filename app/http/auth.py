"""Authentication: credential → Viewer, its scopes, and its quota (INTERFACE §7)."""

import binascii
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_plus

from starlette.types import Scope

from app.clients.file import ClientKeys
from app.clients.key import ClientKey, holds_key
from app.clients.quota import Bucket, Buckets
from app.clock import Clock
from app.errors import BadRequest, Forbidden, KeyInQuery, RateLimited, Unauthorized
from app.http.pairs import KEY_NAMES
from app.http.responses import Headers
from app.interactions.masking import Audience
from app.owners import owner_of
from app.settings import Settings, is_loopback

MOST_QUOTAS = 10_000
_is_loopback = lru_cache(maxsize=64)(is_loopback)


@dataclass(frozen=True, slots=True)
class Viewer:
    """A client who may ask, under a label fit for logs; `key` is None for an anonymous client.

    `owner` is whose turn a fetch takes: the client's key, or else its address.
    """

    label: str
    scopes: frozenset[str]
    key: ClientKey | None = None
    owner: str = field(default="", compare=False)

    @property
    def has_quota(self) -> bool:
        """Whether each request counts."""
        return self.key is not None and self.key.quota is not None

    def require(self, scope: str) -> None:
        """Raise Forbidden where the scope is missing."""
        if scope not in self.scopes:
            raise Forbidden(f"This needs the scope {scope}.")

    def audience(self, *, clear: bool) -> Audience:
        """The audience of this viewer. Raises Forbidden where clear personal data is asked for without the scope."""
        if clear:
            self.require("pii:read")
        return Audience(clear=clear, notes="notes:read" in self.scopes)


class Authenticator:
    """Lets in whoever has a key, and those without one where that is allowed."""

    def __init__(self, settings: Settings, keys: ClientKeys, clock: Clock) -> None:
        self.keys = keys
        self._settings = settings
        self._admits_anonymous = settings.anonymous_allowed
        self._anonymous_scopes = frozenset(settings.anonymous_scopes)
        self._clock = clock
        self._quotas = Buckets(MOST_QUOTAS)

    def viewer(self, scope: Scope) -> Viewer:
        """The viewer behind a request.

        Raises KeyInQuery, BadRequest for two credentials, Unauthorized. A wrong key is refused also where none is
        needed (FAULTS T37).
        """
        refuse_key_in_query(scope["query_string"])
        secret = presented(scope["headers"])
        if secret is None:
            return self._anonymous(scope)
        key = self.keys.find(secret, self._clock.wall())
        if key is None:
            raise Unauthorized("This key is not known here, was revoked, or has expired.")
        return Viewer(key.label, key.scopes, key, f"key {key.digest.hex()}")

    def admit(self, scope: Scope, needed: str | None) -> Viewer:
        """The viewer, counted, who has the scope that is needed: any will do where that is None.

        Raises as `viewer` does, RateLimited where the viewer's quota is used up, and Forbidden.
        """
        state = scope["state"]
        state["viewer"] = viewer = self.viewer(scope)
        state["answer_fields"], wait = self.charge(viewer)
        if wait:
            raise RateLimited("This key has used up its quota.", retry_after_seconds=wait)
        if needed is not None:
            viewer.require(needed)
        return viewer

    def charge(self, viewer: Viewer) -> tuple[Headers, float]:
        """Count a request against the viewer's quota: what its answer says of that, and the seconds to wait.

        The fields of draft-ietf-httpapi-ratelimit-headers-10; nothing for a viewer without a quota.
        """
        key = viewer.key
        if key is None or key.quota is None:
            return [], 0.0
        now = self._clock.monotonic()
        bucket = self._quotas.of(key.digest, key.quota, now)
        wait = bucket.take(now)
        return _fields(bucket), wait

    def replay_seconds(self, viewer: Viewer) -> float | None:
        """Seconds for which a response may be replayed to this credential; None for ever.

        0 for never, where the key was revoked while its request was answered.
        """
        key = viewer.key
        if key is None:
            return None
        if not self.keys.is_in_force(key):
            return 0.0
        if key.expires_at is None:
            return None
        return max(0.0, (key.expires_at - self._clock.wall()).total_seconds())

    def _anonymous(self, scope: Scope) -> Viewer:
        """By setting, or else on loopback: what counts there is the address that was reached (FAULTS T37)."""
        if not self._admits_anonymous or (self._settings.allow_anonymous is None and not reached_on_loopback(scope)):
            raise Unauthorized(
                "A client key is needed, as `Authorization: Bearer <key>`, `X-API-Key: <key>`, or Basic user name."
            )
        return Viewer("anonymous", self._anonymous_scopes, owner=_peer(scope))


def reached_on_loopback(scope: Scope) -> bool:
    """Whether the request came in at a loopback address of this machine."""
    server = scope.get("server")
    return server is not None and _is_loopback(server[0])


def _fields(bucket: Bucket) -> Headers:
    return [
        (b"ratelimit-policy", b'"key";q=%d;w=60' % bucket.size),
        (b"ratelimit", b'"key";r=%d;t=%d' % (bucket.left(), bucket.more_in())),
    ]


def _peer(scope: Scope) -> str:
    """The owner of the address behind the socket, or of the client that trusted proxies name (FAULTS T34)."""
    return owner_of(scope["client"][0] if scope.get("client") else "")


_AUTHORIZATION = b"authorization"
_FIELDS = frozenset({_AUTHORIZATION, b"x-api-key"})


def presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key that a request presents, empty where it makes no sense; None where it presents none.

    Raises BadRequest where there are two credentials, also where they are the same.
    """
    credentials = [(name, value) for name, value in headers if name in _FIELDS]
    if len(credentials) > 1:
        raise BadRequest("Two credentials in one request; send one.")
    if not credentials:
        return None
    name, value = credentials[0]
    return _authorized(value) if name == _AUTHORIZATION else value.strip(b" \t")


def _authorized(value: bytes) -> bytes:
    """The key in an Authorization field (RFC 6750 §2.1, RFC 7617 §2); schemes have no case (RFC 9110 §11.1)."""
    scheme, _, rest = value.strip(b" \t").partition(b" ")
    match scheme.lower():
        case b"bearer":
            return rest.strip(b" ")
        case b"basic":
            return _user_name(rest.strip(b" "))
    return b""


def _user_name(encoded: bytes) -> bytes:
    try:
        return b64decode(encoded, validate=True).partition(b":")[0]
    except binascii.Error:
        return b""


def refuse_key_in_query(query_string: bytes) -> None:
    """Raise KeyInQuery where a name says that a key follows, or something that looks like one stands anywhere.

    Lenient in decoding: it comes before anything else is known to be well-formed (FAULTS T32).
    """
    if not query_string:
        return
    text = unquote_plus(query_string.decode("latin-1"))
    names = {unquote_plus(part.partition("=")[0]).lower() for part in query_string.decode("latin-1").split("&")}
    if not names.isdisjoint(KEY_NAMES) or holds_key(text):
        raise KeyInQuery(
            "A credential stands in the query string. Send it in a header, and replace it: logs keep URLs."
        )
