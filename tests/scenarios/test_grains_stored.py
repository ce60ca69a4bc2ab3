"""What is stored and hidden of interactions is so of every grain: one snapshot, audiences, purges, replays, guesses."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.formats import FORMATS
from app.http import representations
from app.interactions.grains import GRAINS, Grain
from tests.scenarios.audiences import (
    CARD,
    CUSTOMER,
    DROPPED,
    HASHED,
    MASKED,
    NOTE,
    REFUSED,
    SERVED,
    VALUE,
    Who,
    guarded,
    leaked,
    populate,
    seen,
)
from tests.scenarios.guessing import RIGHT, WRONG, told_of, with_secret
from tests.scenarios.purging import explained, purge
from tests.scenarios.repeating import OWN_ID, Received, repeating
from tests.support.canary import UNDONE, plain
from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.simulator import Simulator, running_simulator

SCOPES: dict[str, Any] = {"anonymous_scopes": "read,pii:read,notes:read,cache:purge"}
KNOWN = (("attr", VALUE),)
HOLDS = {"interactions": {CUSTOMER, MASKED, HASHED}, "interaction_attributes": {MASKED, HASHED}, "notes": {NOTE}}
"""The canaries that some view shows, by grain."""
every_grain = pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A tenant with few rows but those that a test puts in."""
    async with running_simulator(TENANT, interactions=40) as running:
        yield running
        assert running.violations == 0


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock) -> AsyncIterator[Facade]:
    async with running_facade(simulator, clock=clock.clock, **SCOPES) as running:
        yield running


def with_parts(simulator: Simulator) -> list[str]:
    """Interactions that hold every canary, and have come to their end; their ids."""
    ids = populate(simulator)
    simulator.advance(3_600)
    return ids


async def test_all_grains_asked_for_at_once_cost_one_call(facade: Facade, simulator: Simulator) -> None:
    with_parts(simulator)
    answers = await asyncio.gather(*(facade.get(grain.path, *KNOWN) for grain in GRAINS.values()))
    assert [answer.json()["meta"]["total"] for answer in answers] == [len(answer.json()["items"]) for answer in answers]
    assert len(simulator.calls()) == 1


@every_grain
async def test_all_grains_are_answered_from_one_snapshot_whichever_was_asked_first(
    facade: Facade, simulator: Simulator, clock: HandClock, grain: Grain
) -> None:
    (one, *_) = with_parts(simulator)
    customer = (await facade.get("/interactions", *KNOWN)).json()["items"][0]["customer_key"]
    await purge(facade, all=True)
    simulator.clear_journal()
    await facade.get(grain.path, *KNOWN)
    for other in GRAINS.values():
        again = await facade.get(f"{other.path}.csv", *KNOWN)
        assert again.headers["cache-status"].startswith("cxfacade; hit")
    assert len(simulator.calls()) == 1
    orders: list[dict[str, Any]] = [
        {"query": f"attr={VALUE}"},
        {"interaction_id": one},
        {"customer_key": customer},
        {"all": True},
    ]
    for calls, order in enumerate(orders, 1):
        await facade.get(grain.path, *KNOWN)
        assert (await explained(facade, *KNOWN, ("grain", grain.path[1:])))["answer_stored"] is True
        clock.advance(1)
        assert (await purge(facade, **order))["purged"] == 1, order
        told = await explained(facade, *KNOWN, ("grain", grain.path[1:]))
        assert (told["stored"], told["answer_stored"]) == (False, False)
        assert len(simulator.calls()) == calls
        assert (await facade.get(grain.path, *KNOWN)).headers["cache-status"].startswith("cxfacade; fwd=uri-miss")


@pytest.mark.threat("T12", "T25", "T26")
@every_grain
async def test_each_audience_has_its_own_answers(
    simulator: Simulator, clock: HandClock, tmp_path: Path, grain: Grain
) -> None:
    """Cold, from what others were given before, by their tags, in part, and from replays."""
    with_parts(simulator)
    tags: dict[str, dict[bytes, set[str]]] = {one.extension: {} for one in FORMATS}
    async with guarded(simulator, clock.clock, tmp_path) as facade:
        for who in (*SERVED, *REFUSED, *reversed(SERVED)):
            for extension, known in tags.items():
                target = f"{grain.path}.{extension}?attr={VALUE}{f'&pii={who.pii}' if who.pii else ''}"
                whole = await facade.ask(target, *who.fields)
                if status := refused(who, grain):
                    assert (whole.status, seen(whole)) == (status, set())
                    continue
                shown = HOLDS.get(grain.name, set()) & who.sees
                assert (whole.status, seen(whole)) == (200, shown), who.name
                is_secret = who.pii == "clear" or grain.name == "notes"
                assert known.setdefault(whole.headers[b"etag"], shown) == shown
                for fields in ((b"if-none-match", b", ".join(known)), (b"range", b"bytes=0-")):
                    again = await facade.ask(target, *who.fields, fields)
                    assert again.status in {206, 304}
                    assert leaked(again, who.sees) == set()
                    assert again.headers[b"etag"] == whole.headers[b"etag"]
                    assert (again.headers[b"cache-control"] == b"private, no-store") is is_secret


def refused(who: Who, grain: Grain) -> int | None:
    """The status where this viewer gets none of these rows."""
    may = who.key is not None and grain.scope in who.key.key.scopes
    return who.refused or (None if may else 403)


@pytest.mark.threat("T12")
async def test_attributes_are_rows_as_the_policy_shows_them(
    simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    """Of a dropped one there is no row, no number and no gap."""
    with_parts(simulator)
    async with guarded(simulator, clock.clock, tmp_path) as facade:
        for who in SERVED:
            pii = f"&pii={who.pii}" if who.pii else ""
            query = f"?attr={VALUE}{pii}"
            listed = await facade.ask(f"/interaction-attributes{query}", *who.fields)
            told, of_interactions = json.loads(listed.body), await facade.ask(f"/interactions{query}", *who.fields)
            rows, parents = told["items"], json.loads(of_interactions.body)["items"]
            values = {row["name"]: row["value"] for row in rows}
            assert "ssn" not in values
            assert values["card"] == "**** **** **** 1111"
            is_clear = who.pii == "clear"
            assert values["Account"] == (MASKED if is_clear else "***ed")
            assert (values["reason"] == HASHED) is is_clear
            assert told["meta"]["masked"] == ([] if is_clear else ["value"])
            for parent in parents:
                own = [row["position"] for row in rows if row["interaction_id"] == parent["interaction_id"]]
                assert own == [*range(parent["attribute_count"])]
            assert listed.headers[b"x-total-count"] == str(len(rows)).encode()
            assert len(rows) == sum(parent["attribute_count"] for parent in parents) > 0
            assert {DROPPED, CARD}.isdisjoint(seen(listed))


@every_grain
async def test_every_representation_is_of_the_same_rows_and_is_replayed(
    simulator: Simulator, clock: HandClock, grain: Grain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_parts(simulator)
    async with repeating(simulator, clock.clock, **SCOPES) as facade:
        rows: list[Any] = []
        for extension, variant in (
            ("json", ""), ("json", "&shape=records"), ("json", "&shape=columns"), ("ndjson", ""), ("csv", ""),
        ):  # fmt: skip
            target = f"{grain.path}.{extension}?attr={VALUE}{variant}"
            whole = await facade.ask(target, OWN_ID)
            await facade.warm(target, OWN_ID)
            assert facade.replay(target, OWN_ID).told == (await facade.long(target, OWN_ID)).told
            rows.append(read(extension, variant, whole))
            for coding in UNDONE:
                coded = await facade.warm(target, OWN_ID, (b"accept-encoding", coding.encode()))
                assert plain(coded.body, coded.fields) == whole.body
                assert len(whole.body) < 1_000 or (b"content-encoding" in coded.headers) is (coding != "identity")
            tag, half = whole.headers[b"etag"], len(whole.body) // 2
            assert (await facade.ask(target, OWN_ID, (b"if-none-match", tag))).status == 304
            part = await facade.ask(target, OWN_ID, (b"range", b"bytes=%d-" % half), (b"if-range", tag))
            assert (part.status, part.body) == (206, whole.body[half:])
            head = await facade.ask(target, OWN_ID, method="HEAD")
            assert (head.status, head.body) == (200, b"")
            assert head.headers[b"content-length"] == str(len(whole.body)).encode()
        assert rows == [rows[0]] * len(rows)
        monkeypatch.setattr(representations, "MOST_BYTES", 100)
        refused = await facade.ask(f"{grain.path}?attr={VALUE}&download=1")
        assert (refused.status, b"smaller `limit`" in refused.body) == (400, bool(rows[0]))


def read(extension: str, variant: str, answer: Received) -> list[list[str]]:
    """The rows as CSV would show them, whatever they came in."""
    text = answer.body.decode()
    if extension == "csv":
        return [*csv.reader(io.StringIO(text))][1:]
    if extension == "ndjson":
        return [_cells(json.loads(line).values()) for line in text.splitlines()]
    told = json.loads(text)
    if variant == "&shape=columns":
        return [_cells(row) for row in zip(*told.values(), strict=True)]
    return [_cells(row.values()) for row in (told if variant else told["items"])]


def _cells(row: Any) -> list[str]:
    return ["" if cell is None else cell if isinstance(cell, str) else json.dumps(cell) for cell in row]


@pytest.mark.threat("T12")
@pytest.mark.parametrize("policy", ["pin=drop", "pin=mask", "*=hash"])
async def test_a_right_guess_costs_and_shows_what_a_wrong_one_does(simulator: Simulator, policy: str) -> None:
    with_secret(simulator)
    paths = [grain.path for grain in GRAINS.values() if grain.is_of_parts]
    targets = [
        *(f"{path}?attr=GUESS" for path in paths),
        *(f"{path}.csv?attr.pin=GUESS&sort=position" for path in paths),
    ]
    right, wrong = [
        await told_of(simulator, policy, targets, guess, anonymous_scopes="read,notes:read") for guess in (RIGHT, WRONG)
    ]
    assert right == wrong
