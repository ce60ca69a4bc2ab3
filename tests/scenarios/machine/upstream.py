"""An upstream that numbers its answers; it may fail in many ways, hold answers back, and change its password."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import urlsplit

from app.simulator.wire import BROKEN, Broken, cut, whole
from tests.support.canary import CANARIES, PASSWORD
from tests.support.facade import TENANT
from tests.support.raw import Exchange
from tests.support.scripted import speak

TOKENS = "/v1/tokens"
TOKEN_SECONDS = 600
CUSTOMER = "+15550123"
BIG = "big"  # a value that begins so has an answer of which a few fill the store
BIG_BYTES = 20_000
PAUSE_SECONDS = 30
LETTERS = str.maketrans("0123456789", "ghijklmnop")  # of so many digits each would be a star

FAULTS: dict[str, Callable[[bytes], Broken]] = {
    "400": lambda body: Broken(whole(body, status=400), "open"),
    "401": lambda body: Broken(whole(body, status=401), "open"),
    "403": lambda body: Broken(whole(body, status=403), "open"),
    "404": lambda body: Broken(whole(body, status=404), "open"),
    "429": lambda body: Broken(whole(body, ("retry-after", str(PAUSE_SECONDS)), status=429), "open"),
    "500": lambda body: Broken(whole(body, status=500), "open"),
    "503": lambda body: Broken(whole(body, status=503), "open"),
    "cut": cut,
    "reset": lambda body: cut(body, ending="reset"),
    "garbage": BROKEN["garbage"],
    "half gzip": BROKEN["half-gzip"],
    "a list": lambda body: Broken(whole(b"[" + body + b"]"), "open"),
}
"""What may be wrong with an answer; each still holds the number, so that none can be stored without being seen."""


class Numbered:
    """The script of an upstream. `number`: of the latest request for data; `denied`: of the latest list denied."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.fault: str | None = None
        self.passwords = {PASSWORD}
        self.number = 0
        self.denied = 0
        self.began: dict[int, float] = {}
        self.good: set[int] = set()
        self.held = 0
        self.open: Counter[str] = Counter()
        self.most_open = 0
        self._monotonic = monotonic
        self._tokens: dict[str, str] = {}
        self._gate = asyncio.Event()
        self._gate.set()

    @property
    def is_holding(self) -> bool:
        """Whether answers are held back."""
        return not self._gate.is_set()

    def hold(self) -> None:
        """From now on hold answers back."""
        self._gate.clear()

    def release(self) -> None:
        """Let them go."""
        self._gate.set()

    def expire_tokens(self) -> None:
        """No token is good any more."""
        self._tokens.clear()

    async def __call__(self, exchange: Exchange) -> None:
        """Answer a login, or a request for data as the fault says at the end of being held."""
        if exchange.request.path == TOKENS:
            await self._log_in(exchange)
        elif self._bearer(exchange) not in self.passwords:
            await exchange.json({"error": "Unauthorized"}, 401)
        else:
            await self._data(exchange)

    async def _data(self, exchange: Exchange) -> None:
        self.number += 1
        number, target = self.number, exchange.request.target
        self.began[number] = self._monotonic()
        self.open[target] += 1
        self.most_open = max(self.most_open, self.open.total())
        try:
            self.held += 1
            await self._gate.wait()
        finally:
            self.held -= 1
            self.open[target] -= 1
        body = json.dumps(answer(exchange.request.path, _value(exchange), number)).encode()
        if self.fault == "403" and exchange.request.path.endswith(
            "/interactions"
        ):  # one alone says nothing of the rest
            self.denied = number
        if self.fault:
            await speak(exchange, FAULTS[self.fault](body))
        else:
            self.good.add(number)
            await exchange.write(whole(body))

    async def _log_in(self, exchange: Exchange) -> None:
        password = json.loads(exchange.request.body)["password"]
        if password not in self.passwords:
            await exchange.json({"error": "Unauthorized"}, 401)
            return
        token = f"{CANARIES['token']}.invented-{exchange.number}.signed"
        self._tokens[token] = password
        await exchange.json({"token": token, "ttl": TOKEN_SECONDS})

    def _bearer(self, exchange: Exchange) -> str | None:
        """The password behind the token of a request."""
        return self._tokens.get(exchange.request.headers["authorization"].removeprefix("Token "))


def _value(exchange: Exchange) -> str:
    return dict(exchange.request.query).get("attribute-value") or urlsplit(exchange.request.target).path[-4:]


def answer(path: str, value: str, number: int) -> dict[str, Any]:
    """A list of one row, or the row; its flow's name holds its number and what it is the answer to."""
    asked = path.rpartition("/")[2]
    is_list = asked == "interactions"
    filling = Random(number).randbytes(BIG_BYTES).hex().translate(LETTERS) if value.startswith(BIG) else ""
    row = {
        "interactionId": f"{number:08x}-0000-4000-8000-000000000000" if is_list else asked,
        "tenantId": TENANT.tenant_id,
        "startTimestamp": "2026-11-18T14:00:00.000Z",
        "customer": CUSTOMER,
        "flowName": f"answer {number} to {value} {filling}",
        "interactionAttributes": [
            {"hookType": "kind", "hookName": value, "hookSubType": "interaction-attribute"},
        ],
    }
    return {"tenantId": TENANT.tenant_id, "total": 1, "results": [row], "offset": 0, "limit": 100} if is_list else row
