"""Credentials of one user, and the gate that keeps refused ones from being tried again (UPSTREAM §2, FAULTS §2.1)."""

import base64
from collections.abc import Callable
from typing import Literal

from app.errors import UpstreamAuth
from app.upstream.access import Limits, UpstreamAccess
from app.upstream.breaker import Gate

REFUSED = "The upstream refuses the façade's credentials."


class Credentials:
    """The user's Authorization header; its gate keeps the account from being locked by our attempts (T10).

    While the gate is closed no login is sent, and no call with a refused value; a value that still works is used on.
    """

    mode: Literal["basic", "token"]

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self.gate = Gate(limits.auth_gate_seconds, limits.auth_gate_most_seconds, monotonic)
        self._refused: str | None = None
        self._refused_since: float | None = None  # the first refusal after the last success
        self._monotonic = monotonic

    async def prepared(self) -> None:
        """Log in where the next call needs it. Raises UpstreamError where that fails."""

    def current(self) -> str | None:
        """The Authorization header for a call that is sent now; None where `prepared` comes first.

        Raises UpstreamAuth where the value was refused and the gate is closed.
        """
        value = self._value()
        if value is not None and value == self._refused and self.gate.left():
            raise UpstreamAuth(REFUSED)
        return value

    def is_blocked(self) -> bool:
        """Whether neither a call nor a login would be sent now."""
        return self.gate.left() > 0 and self._value() in (None, self._refused)

    async def renewed(self, refused: str) -> bool:
        """Whether there is another value than `refused` now."""
        return self._value() not in (None, refused)

    def refuse(self, value: str | None = None) -> None:
        """Upstream refused a login, or `value` right after one."""
        self._refused = value or self._refused
        self._refused_since = self._monotonic() if self._refused_since is None else self._refused_since
        self.gate.close()

    def accept(self) -> None:
        """Upstream answered a call: no value is refused any more. A login refused meanwhile keeps the gate closed."""
        self._refused_since = None
        if self._refused is not None:
            self._refused = None
            self.gate.reset()

    def refused_seconds(self) -> float | None:
        """For how long upstream has refused these credentials, logins included; None where it does not."""
        return None if self._refused_since is None else self._monotonic() - self._refused_since

    async def aclose(self) -> None:
        """Wait for a login under way."""

    def _value(self) -> str | None:
        raise NotImplementedError


class Basic(Credentials):
    """Basic authentication (RFC 7617): the same value on every call; a refused password stays refused."""

    mode = "basic"

    def __init__(self, access: UpstreamAccess, monotonic: Callable[[], float]) -> None:
        super().__init__(access.limits, monotonic)
        pair = f"{access.username}:{access.password.get_secret_value()}".encode()
        self._constant = "Basic " + base64.b64encode(pair).decode("ascii")

    def _value(self) -> str:
        return self._constant
