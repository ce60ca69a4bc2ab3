"""Interactions with a canary for each kind of thing that not everybody may see, and the viewers who may see what."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from app.clock import Clock
from app.main import create_app
from tests.scenarios.repeating import Field, Received, Repeating
from tests.support.canary import WATCH, plain
from tests.support.facade import ONE_ATTEMPT, facade_settings
from tests.support.keys import Given, given, write
from tests.support.simulator import Simulator

VALUE = "everybody-may-see-this"
CUSTOMER = "canary-customer-4Rt9@invented.example"
NOTE = "canary-note-7Yp2-invented"
MASKED, HASHED, DROPPED = "canary-masked-1Qa7-invented", "canary-hashed-5Wz3-invented", "canary-dropped-8Ed6-invented"
CARD = "4111 1111 1111 1111"  # a test number that no bank gives out
SECRETS = (CUSTOMER, NOTE, MASKED, HASHED, DROPPED, CARD)
POLICY = "Account = mask,reason=hash,ssn=drop"
OF_THEM = {"Account": MASKED, "reason": HASHED, "ssn": DROPPED, "card": CARD}
COLUMNS = ("Account", "reason", "ssn", "card")


@dataclass(frozen=True)
class Who:
    """One viewer with one way of asking: what may be in the answers, and the status where there are none."""

    name: str
    key: Given | None
    pii: str = ""
    sees: frozenset[str] = frozenset()
    refused: int | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        return (self.key.field,) if self.key else ()


_READER, _NOTES = given("reader", "read"), given("notes", "read", "notes:read")
_TRUSTED, _ALL = given("trusted", "read", "pii:read"), given("all", "read", "pii:read", "notes:read")
_CLEAR = frozenset({CUSTOMER, MASKED, HASHED})
KEYS = (_READER, _NOTES, _TRUSTED, _ALL)
SERVED = (
    Who("masked", _READER),
    Who("masked, though more is allowed", _TRUSTED, "mask"),
    Who("notes", _NOTES, sees=frozenset({NOTE})),
    Who("notes, though more is allowed", _ALL, "mask", sees=frozenset({NOTE})),
    Who("clear", _TRUSTED, "clear", sees=_CLEAR),
    Who("all", _ALL, "clear", sees=_CLEAR | {NOTE}),
)
REFUSED = (
    Who("clear without the scope", _READER, "clear", refused=403),
    Who("clear with another scope", _NOTES, "clear", refused=403),
    Who("an unknown key", given("all", "read", "pii:read", last="7"), "clear", refused=401),
    Who("nobody", None, refused=401),
)


def populate(simulator: Simulator, count: int = 4) -> list[str]:
    """So many interactions that hold every canary; their ids."""
    ids = simulator.insert(count, name="known", value=VALUE)
    for row in simulator.state.world._inserted[-count:]:
        record: dict[str, Any] = row.record
        hook = next(one for one in record["interactionAttributes"] if one["hookType"] == "known")
        for number, (name, value) in enumerate(OF_THEM.items()):
            more = {
                "hookType": name,
                "hookName": value,
                "interactionHookId": f"{number:08x}{hook['interactionHookId'][8:]}",
            }
            record["interactionAttributes"].append({**hook, **more})
            record["hooks"] = [*record.get("hooks", ()), {**hook, **more}]
        note = {"noteId": record["interactionId"], "title": NOTE, "body": NOTE, "created": record["startTimestamp"]}
        record.update(customer=CUSTOMER, notes=[{**note, "updated": record["startTimestamp"]}])
    return ids


@asynccontextmanager
async def guarded(simulator: Simulator, clock: Clock, folder: Path, **settings: Any) -> AsyncIterator[Repeating]:
    """A façade that lets in those with KEYS, asked in ASGI itself; it refreshes nothing early by chance."""
    path = write(folder / "keys.json", *KEYS)
    known = {"client_keys_file": path, "attribute_policy": POLICY, "attributes": COLUMNS, **settings}
    app = create_app(facade_settings(simulator.url, **known), clock=clock, limits=ONE_ATTEMPT, random=lambda: 0.5)
    with WATCH.hearing(logging.WARNING):  # of ten thousand requests, each line would be looked through
        async with app.router.lifespan_context(app):
            running = Repeating(app)
            running.services.queries.random = lambda: 1.0
            yield running


def leaked(answer: Received, may: frozenset[str]) -> set[str]:
    """The canaries in an answer, headers and all, that are not for this viewer."""
    return seen(answer) - may


def seen(answer: Received) -> set[str]:
    """All canaries in an answer."""
    body = plain(answer.body, answer.fields) if answer.status == HTTPStatus.OK else answer.body
    whole = body + repr(answer.fields).encode()
    return {secret for secret in SECRETS if secret.encode() in whole}
