"""How a call proves who we are, and what follows when upstream refuses it (UPSTREAM §2, FAULTS §2.1, row 24)."""

import base64
from collections.abc import Callable
from typing import Literal

from app.errors import UpstreamAuth
from app.upstream.access import UpstreamAccess
from app.upstream.gate import Gate
from app.upstream.limits import Limits

REFUSED = "The upstream refuses the façade's credentials."


class Credentials:
    """One user's, and the gate that keeps them from being tried again and again until the account is locked (T10).

    Behind a closed gate no login is sent, and no call with a value that was refused; one that still works goes on.
    """

    mode: Literal["basic", "token"]

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self.gate = Gate(limits.auth_gate_seconds, limits.auth_gate_most_seconds, monotonic)
        self.refused_since: float | None = None  # monotonic: the first refusal after the last success
        self._refused: str | None = None
        self._monotonic = monotonic

    async def prepared(self) -> None:
        """See to it that there is a value for the next call. Raises UpstreamError where there can be none."""

    def current(self) -> str | None:
        """The value of the Authorization header for a call that is sent now; None where `prepared` comes first.

        Raises UpstreamAuth where the gate is closed for it.
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
        """Upstream refused a login, or `value` though it is as new as can be."""
        self._refused = value or self._refused
        self.refused_since = self._monotonic() if self.refused_since is None else self.refused_since
        self.gate.close()

    def accept(self) -> None:
        """Upstream knows us; a login that was refused meanwhile still is."""
        self.refused_since = None
        if self._refused is not None:
            self._refused = None
            self.gate.reset()

    async def aclose(self) -> None:
        """Wait for what is under way."""

    def _value(self) -> str | None:
        raise NotImplementedError


class Basic(Credentials):
    """RFC 7617: the same value on every call; a refused password stays refused."""

    mode = "basic"

    def __init__(self, access: UpstreamAccess, monotonic: Callable[[], float]) -> None:
        super().__init__(access.limits, monotonic)
        pair = f"{access.username}:{access.password.get_secret_value()}".encode()
        self._constant = "Basic " + base64.b64encode(pair).decode("ascii")

    def _value(self) -> str:
        return self._constant
