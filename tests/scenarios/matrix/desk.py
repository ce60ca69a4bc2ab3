"""An upstream in good health: it numbers its answers, grants tokens, and knows which of them are still good."""

import base64
import json
from typing import Any
from uuid import UUID

from app.simulator.wire import whole
from tests.support.canary import CANARIES
from tests.support.facade import TENANT
from tests.support.raw import Exchange, RawRequest

TOKENS = "/v1/tokens"
LONG_AGO = base64.urlsafe_b64encode(b'{"iat": 1, "exp": 2}').decode().rstrip("=")
AN_HOUR_AGO = "2026-11-18T14:00:00.000Z"


def interaction(number: int, request: RawRequest, **fields: Any) -> dict[str, Any]:
    """The interaction that is the answer to a request: its name holds the number of the answer."""
    values = [value for name, value in request.query if name == "attribute-value"]
    hooks = [{"hookType": "kind", "hookName": value, "hookSubType": "interaction-attribute"} for value in values]
    asked = request.path.rpartition("/")[2]
    return {
        "interactionId": str(UUID(int=number)) if asked == "interactions" else asked,
        "tenantId": TENANT.tenant_id,
        "startTimestamp": AN_HOUR_AGO,
        "flowName": f"answer {number}",
        "interactionAttributes": hooks,
        **fields,
    }


def listed(*rows: Any, **fields: Any) -> dict[str, Any]:
    """A list answer with these rows."""
    return {"tenantId": TENANT.tenant_id, "total": len(rows), "results": [*rows], "offset": 0, "limit": 100, **fields}


class Desk:
    """Answers every request as it should be; `is_guarded` if it takes tokens it has granted and nothing else."""

    def __init__(self, *, is_guarded: bool = False) -> None:
        self.is_guarded = is_guarded
        self.granted: set[str] = set()

    async def __call__(self, exchange: Exchange) -> None:
        """The right answer."""
        if self.is_guarded and not is_login(exchange) and not self.knows(exchange):
            await exchange.json({"error": "Unauthorized"}, 401)
        else:
            await exchange.write(whole(self.body(exchange)))

    def knows(self, exchange: Exchange) -> bool:
        """Whether the request bears a token that is still good."""
        return exchange.request.headers["authorization"].removeprefix("Token ") in self.granted

    def body(self, exchange: Exchange) -> bytes:
        """The right answer's body, whether it is a list, one interaction or a token."""
        if is_login(exchange):
            return json.dumps({"token": self.grant(exchange.number), "ttl": 86_400}).encode()
        row = interaction(exchange.number, exchange.request)
        return json.dumps(listed(row) if exchange.request.path.endswith("/interactions") else row).encode()

    def grant(self, number: int) -> str:
        """A new token, which the watch for canaries knows; by upstream's clock it has long expired (row 35)."""
        token = f"{CANARIES['token']}.{LONG_AGO}.invented-{number}"
        self.granted.add(token)
        return token


def is_login(exchange: Exchange) -> bool:
    """Whether a request asks for a token."""
    return exchange.request.path == TOKENS
