"""Customers stay hidden from those who may not see them, on every route and in every format, whoever asked before."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.simulator.arrivals import STRANGE_VALUES
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.simulator import Simulator

INCLUDED = "attributes,agents,queues,segments,notes,talk_times"
LISTS = (
    f"/interactions?limit=100&include={INCLUDED}",
    f"/interactions.ndjson?limit=100&include={INCLUDED}",
    "/interactions.csv?limit=100",
    "/interactions.csv?limit=100&csv=excel",
    "/interactions?limit=100&shape=columns",
    "/interactions?limit=100&shape=records&fields=who:customer,customer_masked,customer_key",
    "/interactions?limit=100&sort=customer",
    "/interactions?limit=100&sort=-customer&fields=interaction_id",
    "/interactions/summary?by=customer_masked,customer_key,contact_point",
    "/queue-entries/summary.csv?by=interaction_id,queue_name&measures=count,max:left_at",
)
VIEWERS_MAY: dict[str, Any] = {"anonymous_scopes": ("read", "pii:read")}


def customers(simulator: Simulator) -> set[str]:
    """Numbers, addresses and handles of all customers, but for those that stand elsewhere in a record by right."""
    records = [row.at(simulator.now) for row in simulator.state.world.rows(simulator.state.now())]
    elsewhere = {record.get("contactPoint") for record in records} | set(STRANGE_VALUES)
    known: set[str] = {record["customer"] for record in records if record.get("customer")} - elsewhere
    return known


def seen(secrets: set[str], text: str) -> set[str]:
    return {secret for secret in secrets if secret in text}


def items(simulator: Simulator) -> list[str]:
    """Some interactions with a customer to hide, of several kinds."""
    rows = {row.kind: row.id for row in simulator.state.world.rows(simulator.state.now())}
    return [rows[kind] for kind in ("voice-answered", "email", "messaging", "sms", "voice-transfer")]


@pytest.mark.parametrize("path", LISTS)
async def test_no_customer_is_seen_in_a_list(path: str, facade: Facade, simulator: Simulator) -> None:
    hidden = customers(simulator)
    assert len(hidden) > 100
    answer = await facade.get(path)
    assert seen(hidden, answer.text + repr(answer.headers)) == set()
    assert len(answer.text) > 3_000


async def test_no_customer_is_seen_in_an_interaction_or_its_timeline(facade: Facade, simulator: Simulator) -> None:
    hidden = customers(simulator)
    for known in items(simulator):
        for rest in (f"?include={INCLUDED}", "/timeline", "?fields=customer"):
            answer = await facade.get(f"/interactions/{known}{rest}")
            assert seen(hidden, answer.text) == set()


async def test_no_customer_is_seen_beside_the_rows(facade: Facade, simulator: Simulator) -> None:
    await facade.get(LISTS[0])
    hidden = customers(simulator)
    for path in ("/schema", "/whoami", "/metrics", "/health/ready", "/problems/forbidden", "/nowhere"):
        assert seen(hidden, (await facade.get(path, status=None)).text) == set()


async def test_masked_rows_keep_what_joins_and_recognises_a_customer(facade: Facade) -> None:
    rows = (await facade.ask(("limit", "1000")))["items"]
    known = [row for row in rows if row["customer_key"]]
    assert len(known) > 500
    assert all(row["customer"] is None and "***" in row["customer_masked"] for row in known)
    assert len({row["customer_key"] for row in known}) > 100


async def test_the_bodies_of_notes_need_a_scope_of_their_own(simulator: Simulator, clock: HandClock) -> None:
    told = {}
    async with (
        running_facade(simulator, clock=clock.clock) as masked,
        running_facade(simulator, clock=clock.clock, anonymous_scopes=("read", "notes:read")) as reader,
    ):
        for name, facade in (("masked", masked), ("reader", reader)):
            rows = (await facade.ask(("limit", "1000"), ("include", "notes")))["items"]
            told[name] = {note["body"] for row in rows for note in row["notes"]}
    assert told["masked"] == {None}
    assert "Customer asked for a call back on Tuesday." in told["reader"]


@pytest.mark.parametrize(
    "path",
    [
        "/interactions",
        "/interactions.csv",
        "/interactions.ndjson",
        "/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17",
    ],
)
async def test_clear_is_refused_to_those_without_the_scope(path: str, facade: Facade, simulator: Simulator) -> None:
    refused = await facade.get(path, ("pii", "clear"), status=403)
    assert refused.json()["code"] == "forbidden"
    assert refused.headers["cache-control"] == "no-store"
    assert simulator.calls("one") == []


async def test_an_answer_names_the_columns_that_a_clear_one_would_show_otherwise(simulator: Simulator) -> None:
    told: Mapping[str, Any] = {
        "attributes": "Account, reason,ssn,plain",
        "attribute_policy": "account=mask,REASON=hash,ssn=drop",
    }
    async with running_facade(simulator, **VIEWERS_MAY, **told) as facade:
        masked = (await facade.ask(("limit", "1")))["meta"]["masked"]
        assert masked == ["customer", "attr_account", "attr_reason"]
        assert (await facade.ask(("limit", "1"), ("pii", "clear")))["meta"]["masked"] == []


async def test_clear_is_shown_to_those_with_the_scope_and_stored_by_nobody(simulator: Simulator) -> None:
    hidden = customers(simulator)
    async with running_facade(simulator, **VIEWERS_MAY) as facade:
        for path in LISTS[:6]:
            for _ in ("miss", "hit"):
                answer = await facade.get(f"{path}&pii=clear")
                assert len(seen(hidden, answer.text)) > 50
                assert answer.headers["cache-control"] == "private, no-store"
        assert (await facade.ask(("pii", "clear"), ("limit", "1")))["meta"]["masked"] == []
        known = items(simulator)[0]
        item = await facade.get(f"/interactions/{known}?pii=clear")
        assert item.json()["customer"] in hidden
        assert item.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("clear_first", [True, False])
async def test_what_was_shown_in_clear_never_reaches_a_masked_view(simulator: Simulator, clear_first: bool) -> None:
    hidden = customers(simulator)
    known = items(simulator)[0]
    paths = [*LISTS[:6], f"/interactions/{known}?include={INCLUDED}"]
    async with running_facade(simulator, **VIEWERS_MAY) as facade:
        for path in paths:
            for pii in ("clear", "mask", "clear", "mask") if clear_first else ("mask", "clear", "mask"):
                answer = await facade.get(f"{path}&pii={pii}" if pii == "clear" else path)
                assert bool(seen(hidden, answer.text)) is (pii == "clear")
    assert len(simulator.calls("one")) == 1


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
async def test_the_tag_of_a_clear_view_is_no_key_to_a_masked_one(simulator: Simulator, coding: str) -> None:
    """Not even where both show the same bytes (FAULTS T26)."""
    query = (("attr", "1234567"), ("fields", "interaction_id"))
    async with running_facade(simulator, **VIEWERS_MAY) as facade:
        clear = await facade.get("/interactions", *query, ("pii", "clear"), headers={"accept-encoding": coding})
        asked = {"accept-encoding": coding, "if-none-match": clear.headers["etag"]}
        masked = await facade.get("/interactions", *query, headers=asked)
    assert masked.status_code == 200
    assert masked.headers["etag"] != clear.headers["etag"]


async def test_the_order_of_masked_rows_tells_nothing_of_the_customers(simulator: Simulator) -> None:
    """Sorting by a hidden column must not spell it out."""
    async with running_facade(simulator, **VIEWERS_MAY) as facade:
        clear = await facade.ids(("sort", "customer"), ("pii", "clear"), ("limit", "1000"))
        masked = await facade.ids(("sort", "customer"), ("limit", "1000"))
    assert sorted(clear) == sorted(masked) == masked
    assert clear != masked


async def test_pseudonyms_differ_between_secrets_and_hold_under_one(simulator: Simulator) -> None:
    keys = []
    for secret in ("invented-secret-number-one", "invented-secret-number-two", "invented-secret-number-one"):
        async with running_facade(simulator, pseudonym_secret=secret) as facade:
            keys.append((await facade.ask(("attr", "1234567")))["items"][0]["customer_key"])
    assert keys[0] == keys[2] != keys[1]
