"""Who may ask: Basic credentials and tokens (S13)."""

import base64
import binascii
import json
from typing import Any

from app.simulator.clock import SimulatedClock
from app.simulator.options import SimulatorOptions


class Credentials:
    """The tenant's one user, and the tokens it has been given; their lifetimes run on the simulated clock."""

    def __init__(self, options: SimulatorOptions, clock: SimulatedClock) -> None:
        self._options = options
        self._clock = clock
        self.password = options.password
        self._expiries: dict[str, int] = {}
        self._issued = 0

    def log_in(self, username: Any, password: Any, ttl: Any = None) -> dict[str, Any] | None:
        """The answer of ``POST /v1/tokens``, None for wrong credentials; ``ttl`` in seconds, capped."""
        if (username, password) != (self._options.username, self.password):
            return None
        longest = self._options.max_token_ttl
        granted = min(ttl, longest) if isinstance(ttl, int) and ttl > 0 else longest
        token = self._token(granted)
        self._expiries[token] = self._clock.now() + granted * 1000
        return {"token": token, "ttl": granted}

    def accepts(self, authorization: str) -> bool:
        """Whether an ``Authorization`` header value opens the tenant."""
        scheme, _, credential = authorization.partition(" ")
        if scheme == "Token":
            return self._expiries.get(credential, 0) > self._clock.now()
        return scheme.lower() == "basic" and _decoded(credential) == f"{self._options.username}:{self.password}"

    def expire(self) -> int:
        """Expire every token now; how many there were."""
        count = len(self._expiries)
        self._expiries.clear()
        return count

    def _token(self, ttl: int) -> str:
        """A token that looks like upstream's JWT and is signed by nobody."""
        self._issued += 1
        issued = self._clock.now() // 1000
        claims = {"user-id": f"simulated-{self._issued}", "type": "token", "exp": issued + ttl, "iat": issued}
        parts = ({"alg": "none", "typ": "JWT"}, claims, {"simulated": self._options.seed})
        return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def scheme_of(authorization: str) -> str:
    """The kind of credential for the journal: basic, token, other or none."""
    scheme = authorization.partition(" ")[0].lower()
    return scheme if scheme in ("basic", "token") else "other" if scheme else "none"


def _decoded(credential: str) -> str | None:
    try:
        return base64.b64decode(credential, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
