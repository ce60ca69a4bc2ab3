"""Authentication: credential → Viewer, its scopes, and its quota (INTERFACE §7)."""

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_plus

from starlette.types import Scope

from app.clients.file import ClientKeys
from app.clients.key import ClientKey, holds_key
from app.clients.quota import Buckets
from app.clock import Clock
from app.errors import BadRequest, Forbidden, KeyInQuery, RateLimited, Unauthorized
from app.http.sending import Headers, peer_owner
from app.interactions.masking import Audience
from app.settings import Settings, is_loopback
from app.tier.quotas import SharedQuotas

MOST_QUOTAS = 10_000
ARRAY_SUFFIX = "[]"  # what axios and PHP put behind the name of a list
QUERY_STRING, BODY = "query string", "body"
KEY_IN = {
    QUERY_STRING: "A credential stands in the query string. Send it in a header, and replace it: logs keep URLs.",
    BODY: "A credential stands in the body. Send it in a header alone.",
}
_CREDENTIAL_FIELDS = frozenset({b"authorization", b"x-api-key"})
KEY_NAMES = frozenset({"authorization", "key", "password", "secret", "token"}) | {
    f"{first}{joint}{second}"
    for first, second in (("api", "key"), ("access", "token"), ("client", "key"), ("x-api", "key"), ("x_api", "key"))
    for joint in ("", "-", "_")
}
_is_loopback = lru_cache(is_loopback)


@dataclass(frozen=True, slots=True)
class Viewer:
    """A client who may ask: a label for logs, a key unless it is anonymous, and `owner`: whose turn a fetch takes."""

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
    """Lets in whoever has a key, and those without one where that is allowed.

    The quota of a key is shared by all processes through the tier; where that is away, or there is none, `share` is the
    part of it here.
    """

    def __init__(
        self,
        settings: Settings,
        keys: ClientKeys,
        clock: Clock,
        share: Callable[[int], int] = lambda quota: quota,
        shared: SharedQuotas | None = None,
    ) -> None:
        self.keys = keys
        self._settings = settings
        self._admits_anonymous = settings.anonymous_allowed
        self._anonymous_scopes = frozenset(settings.anonymous_scopes)
        self._clock = clock
        self._share = share
        self._shared = shared
        self._quotas = Buckets(MOST_QUOTAS)

    def viewer(self, scope: Scope) -> Viewer:
        """The viewer of a request. Raises KeyInQuery, BadRequest for two credentials, and Unauthorized."""
        refuse_key_in_query(scope["query_string"])
        secret = presented(scope["headers"])
        if secret is None:
            return self._anonymous(scope)
        key = self.keys.find(secret, self._clock.wall())
        if key is None:  # refused also where none is needed (FAULTS T37)
            raise Unauthorized(self._refusal(secret, scope))
        return Viewer(key.label, key.scopes, key, f"key {key.digest.hex()}")

    def admit(self, scope: Scope, needed: str | None) -> Viewer:
        """The viewer, counted, with the scope that is needed, if any. Raises as `viewer`, RateLimited and Forbidden."""
        state = scope["state"]
        state["viewer"] = viewer = self.viewer(scope)
        state["answer_fields"], wait = self.charge(viewer)
        if wait:
            raise RateLimited("This key has used up its quota.", retry_after_seconds=wait)
        if needed is not None:
            viewer.require(needed)
        return viewer

    def charge(self, viewer: Viewer) -> tuple[Headers, float]:
        """Count a request of a quota: its fields (draft-ietf-httpapi-ratelimit-headers-10), and the seconds to wait."""
        key = viewer.key
        if key is None or key.quota is None:
            return [], 0.0
        now = self._clock.monotonic()
        is_whole = self._shared is not None and not self._shared.is_away
        bucket = self._quotas.of(key.digest, key.quota if is_whole else self._share(key.quota), now)
        wait = bucket.take(now)
        if self._shared:
            self._shared.tell(key.digest, bucket)
        fields = [
            (b"ratelimit-policy", b'"key";q=%d;w=60' % bucket.size),
            (b"ratelimit", b'"key";r=%d;t=%d' % (bucket.left(), bucket.more_in())),
        ]
        return fields, wait

    def replay_seconds(self, viewer: Viewer) -> float | None:
        """Seconds for which a response may be replayed to the viewer: None for ever, 0 where its key was revoked."""
        key = viewer.key
        if key is None:
            return None
        if not self.keys.is_in_force(key):
            return 0.0
        if key.expires_at is None:
            return None
        return max(0.0, (key.expires_at - self._clock.wall()).total_seconds())

    def _refusal(self, secret: bytes, scope: Scope) -> str:
        """The words on a key that is not known, empty where there is none in the field that is to hold it."""
        if self._settings.client_keys_file is None and self._is_anonymous_admitted(scope):
            return "This key is not known here: this service has no keys. Send the request without one."
        if not secret:
            return (
                "No key can be read here: send `Authorization: Bearer <key>`, `X-API-Key: <key>`, or Basic user name."
            )
        return "This key is not known here, was revoked, or has expired."

    def _is_anonymous_admitted(self, scope: Scope) -> bool:
        """By setting, or else on loopback: what counts there is the address that was reached (FAULTS T37)."""
        return self._admits_anonymous and (self._settings.allow_anonymous is not None or reached_on_loopback(scope))

    def _anonymous(self, scope: Scope) -> Viewer:
        if not self._is_anonymous_admitted(scope):
            raise Unauthorized(
                "A client key is needed, as `Authorization: Bearer <key>`, `X-API-Key: <key>`, or Basic user name."
            )
        return Viewer("anonymous", self._anonymous_scopes, owner=peer_owner(scope))


def reached_on_loopback(scope: Scope) -> bool:
    """Whether the request came in at a loopback address of this machine."""
    server = scope.get("server")
    return server is not None and _is_loopback(server[0])


def presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key of a request, empty where it makes no sense, None where there is none. Raises BadRequest for two."""
    credentials = [(name, value) for name, value in headers if name in _CREDENTIAL_FIELDS]
    if len(credentials) > 1:
        raise BadRequest("Two credentials in one request; send one.")
    if not credentials:
        return None
    name, value = credentials[0]
    value = value.strip(b" \t")
    if name == b"x-api-key":
        return value
    scheme, _, rest = value.partition(b" ")
    match scheme.lower():  # schemes have no case (RFC 9110 §11.1)
        case b"bearer":  # RFC 6750 §2.1
            return rest.strip(b" ")
        case b"basic":  # RFC 7617 §2: the user name
            with suppress(binascii.Error):
                return b64decode(rest.strip(b" "), validate=True).partition(b":")[0]
    return b""


@lru_cache(maxsize=256)  # of query strings that hold none; the same are asked again
def refuse_key_in_query(query_string: bytes) -> None:
    """Raise KeyInQuery where a name says that a key follows, or a key stands anywhere, however encoded (FAULTS T32)."""
    refuse_key(query_string, QUERY_STRING)


def refuse_key(question: bytes, place: str = BODY) -> None:
    """Likewise, of a question that was sent in another place."""
    if question:
        text = question.decode("latin-1")
        refuse_key_names((unquote_plus(part.partition("=")[0]) for part in text.split("&")), place)
        if holds_key(unquote_plus(text)):
            raise KeyInQuery(KEY_IN[place])


def refuse_key_names(names: Iterable[str], place: str = QUERY_STRING) -> None:
    """Raise KeyInQuery where one of the names says that a key follows."""
    if not KEY_NAMES.isdisjoint(name.lower().removesuffix(ARRAY_SUFFIX) for name in names):
        raise KeyInQuery(KEY_IN[place])
