"""The raw record: the bytes that upstream sent, for those alone who may see everything in it."""

import json
from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.audiences import CARD, CUSTOMER, KEYS, NOTE, REFUSED, SERVED, Who, guarded, populate, seen
from tests.scenarios.repeating import Received, Repeating
from tests.support.clock import HandClock
from tests.support.keys import Given
from tests.support.simulator import Simulator

READER, NOTES, TRUSTED, ALL = KEYS
DOCUMENTED = "c506eb9b-f523-4616-8839-fbce3fd89c17"
SENT = b"""{"interactionId" : "%s", "customer":"+1555\\u0030100",
  "strange": [1.10, 1E2, {}, {"b":1,"a":"\\u00e9\xc3\xa9"}], "tenantId":null}"""
FRESH = 15


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock, tmp_path: Path) -> AsyncIterator[Repeating]:
    async with guarded(simulator, clock.clock, tmp_path, attribute_policy="") as running:
        yield running


def target(interaction_id: str = DOCUMENTED, more: str = "&pii=clear") -> str:
    return f"/interactions/{interaction_id}?include=raw{more}"


async def asked(facade: Repeating, key: Given, path: str, status: int = 200) -> Received:
    answer = await facade.ask(path, key.field)
    assert answer.status == status, answer.body
    return answer


def problem(answer: Received) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_it_is_byte_for_byte_what_upstream_sent_beside_its_row(facade: Repeating, simulator: Simulator) -> None:
    sent = SENT % DOCUMENTED.encode()
    simulator.faults("body", endpoint="one", text=sent.decode())
    path = f"/interactions/{DOCUMENTED}?include=raw,notes&fields=customer&pii=clear"
    for _ in ("miss", "stored", "hot"):
        answer = await asked(facade, ALL, path)
        assert answer.body == b'{"customer":"+15550100","notes":[],"raw":' + sent + b"}"
        assert answer.headers[b"cache-control"] == b"private, no-store"
    assert len(simulator.calls("one")) == 1


async def test_a_renewed_record_is_shown_raw_as_renewed(facade: Repeating, clock: HandClock) -> None:
    before = await asked(facade, ALL, target())
    clock.advance(2 * 86_400)
    after = await asked(facade, ALL, target())
    await facade.completed()
    assert json.loads(before.body)["raw"]["interactionId"] == json.loads(after.body)["raw"]["interactionId"]
    again = await facade.ask(target(), ALL.field, (b"if-none-match", after.headers[b"etag"]))
    assert (again.status, again.headers[b"cache-control"]) == (304, b"private, no-store")


@pytest.mark.parametrize("key", [READER, NOTES, TRUSTED], ids=lambda key: key.key.label)
async def test_it_needs_both_scopes_and_upstream_is_not_asked(
    facade: Repeating, simulator: Simulator, key: Given
) -> None:
    told = problem(await asked(facade, key, target(), 403))
    assert (told["code"], told["detail"]) == ("forbidden", "include=raw needs the scopes pii:read and notes:read.")
    assert simulator.calls("one") == []


@pytest.mark.parametrize("more", ["", "&pii=mask"])
async def test_who_asks_without_pii_is_told_what_to_send(facade: Repeating, more: str) -> None:
    (told,) = problem(await asked(facade, ALL, target(more=more), 400))["errors"]
    assert (told["parameter"], told["detail"]) == ("pii", "include=raw shows personal data; send pii=clear with it.")


@pytest.mark.parametrize("path", ["/interactions", "/interactions.ndjson", "/interactions.csv", "/cache/explain"])
async def test_a_list_has_none_and_says_where_it_is(facade: Repeating, simulator: Simulator, path: str) -> None:
    told = problem(await asked(facade, ALL, f"{path}?attr=1234567&include=notes,raw&pii=clear", 400))["errors"]
    assert "/interactions/{interaction_id}?include=raw&pii=clear" in told[0]["detail"]
    assert simulator.calls() == []


@pytest.mark.threat("T12")
@pytest.mark.parametrize(
    ("policy", "status"), [("ssn=drop", 403), ("*=mask", 403), ("a=allow,b=hash", 403), ("*=allow", 200)]
)
async def test_where_attributes_are_hidden_by_policy_it_is_off(
    simulator: Simulator, clock: HandClock, tmp_path: Path, policy: str, status: int
) -> None:
    async with guarded(simulator, clock.clock, tmp_path, attribute_policy=policy) as facade:
        answer = await asked(facade, ALL, target(), status)
        assert status == 200 or "CXF_ATTRIBUTE_POLICY" in problem(answer)["detail"]
        assert (b'"raw":' in answer.body) is (status == 200)


async def test_card_numbers_stay_hidden(facade: Repeating, simulator: Simulator) -> None:
    answer = await asked(facade, ALL, target(populate(simulator, 1)[0]))
    assert {CUSTOMER, NOTE} < seen(answer)
    assert CARD not in seen(answer)
    raw = json.loads(answer.body)["raw"]
    shown = {one["hookName"] for one in (*raw["hooks"], *raw["interactionAttributes"]) if one["hookType"] == "card"}
    assert shown == {f"**** **** **** {CARD[-4:]}"}


@pytest.mark.threat("T12", "T25", "T26")
@pytest.mark.parametrize(("first", "second"), [*permutations([*SERVED, *REFUSED], 2)], ids=lambda who: who.name)
async def test_no_audience_is_shown_what_another_asked_for(
    facade: Repeating, simulator: Simulator, clock: HandClock, first: Who, second: Who
) -> None:
    """Cold, warm, from replays and from stale; by the same words, and by those for the row alone."""
    [one] = populate(simulator, 1)
    for _ in range(2):
        for who in (first, second, second, first, first, second):
            pii = f"&pii={who.pii}" if who.pii else ""
            answer = await facade.ask(target(one, pii), *who.fields)
            if who.name == "all":
                assert {CUSTOMER, NOTE} < seen(answer)
            else:
                assert (answer.status, seen(answer)) == (who.refused or (403 if who.pii == "clear" else 400), set())
            row = await facade.ask(f"/interactions/{one}?{pii[1:]}", *who.fields)
            assert row.status == (who.refused or 200)
            assert b'"raw":' not in row.body
        clock.advance(FRESH + 1)
    await facade.completed()
