"""Back-pressure: large answers that clients have not read yet share their bytes, and are bounded for each address."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from app.errors import RateLimited
from app.owners import owner_of

MIB = 1024 * 1024
MOST_BYTES = 128 * MIB  # twice the largest answer
LARGE_BYTES = 256 * 1024  # smaller answers are not counted: connections are, by the listener
RETRY_SECONDS = 1


class Unread:
    """The large answers that are being sent, by the address they are sent to; one sent twice counts once."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._sending: dict[str, Counter[int]] = {}
        self._held: Counter[str] = Counter()

    def has_room(self, scope: Scope, body: bytes) -> bool:
        """Whether the answer may be sent to the client of a request as well."""
        owner = _owner(scope)
        is_sent = id(body) in self._sending.get(owner, ())
        return is_sent or len(body) < LARGE_BYTES or self._held[owner] + len(body) <= self._most

    @contextmanager
    def sending(self, scope: Scope, body: bytes) -> Iterator[None]:
        """Count the answer until the end of the block. Raises RateLimited where there is no room."""
        if len(body) < LARGE_BYTES:
            yield
            return
        if not self.has_room(scope, body):
            raise RateLimited(
                "Too much of what your address asked for lies unread: read it, or ask for less at once.",
                retry_after_seconds=RETRY_SECONDS,
            )
        owner = _owner(scope)
        responses = self._sending.setdefault(owner, Counter())
        if not responses[id(body)]:
            self._held[owner] += len(body)
        responses[id(body)] += 1
        try:
            yield
        finally:
            self._ended(owner, body)

    def _ended(self, owner: str, body: bytes) -> None:
        responses = self._sending[owner]
        responses[id(body)] -= 1
        if not responses[id(body)]:
            del responses[id(body)]
            self._held[owner] -= len(body)
        if not responses:
            del self._sending[owner], self._held[owner]


def _owner(scope: Scope) -> str:
    return owner_of(scope["client"][0] if scope.get("client") else "")
