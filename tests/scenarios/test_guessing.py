"""What may not be seen cannot be found: a right guess at what is hidden shows and costs what a wrong one does."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.http.routing import Services
from tests.scenarios.guessing import ALLOWED, NAME, RIGHT, WRONG, asking, told_of, with_secret
from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.simulator import Simulator, running_simulator

POLICIES = ("pin=drop", " PIN = mask", "pin=hash", "*=drop", "*=drop,tier=allow", "*=mask,tier=allow", "*=hash")
DROPPING = tuple(policy for policy in POLICIES if "drop" in policy)
FORMATS = ("/interactions?", "/interactions.csv?", "/interactions.ndjson?", "/interactions?shape=columns&")
BY_VALUE = (
    "attr=GUESS",
    "attr.pin=GUESS",
    "attr.tier=GUESS",
    "attr.Pin=GUESS",
    "attr=GUESS&attr=gold",
    "attr=GUESS&attr.tier=gold",
    "attr=GUESS&attr_name=tier",
    "attr_any=GUESS&attr_any=nobody-has-this",
    "attr_any=GUESS&attr_any=gold",
    "attr_pin=GUESS",
    "attr_pin.prefix=GUESS",
    "attr=GUESS&sort=attr_pin&queue_name=Support",
    "attr=GUESS&from=2026-11-01T00:00:00Z&to=2026-11-18T00:00:00Z&offset=1&limit=1",
)
BY_NAME = ("attr_name=GUESS", "hook_type=GUESS", "hook_type=GUESS&hook_subtype=interaction-attribute")
COLUMNS: dict[str, Any] = {"attributes": "pin,tier"}
VIEWERS_MAY: dict[str, Any] = {"anonymous_scopes": ("read", "pii:read")}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A tenant with few rows but those that a test puts in."""
    async with running_simulator(TENANT, interactions=40) as running:
        yield running
        assert running.violations == 0


async def ids(facade: Facade, query: str) -> list[str]:
    """Those that one question finds."""
    rows = (await facade.get(f"/interactions?{query}")).json()["items"]
    return [row["interaction_id"] for row in rows]


def hook_of(simulator: Simulator, name: str) -> dict[str, Any]:
    """The latest attribute of this name that was put in."""
    hooks: list[dict[str, Any]] = simulator.state.world._inserted[-1].record["interactionAttributes"]
    return next(hook for hook in hooks if hook["hookType"] == name)


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_right_guess_at_a_value_is_told_from_a_wrong_one_by_nothing(simulator: Simulator, policy: str) -> None:
    """Neither by bytes, headers and lifetimes, nor by calls to upstream or by what is told of the inside."""
    with_secret(simulator)
    targets = [*(f"{form}{BY_VALUE[0]}" for form in FORMATS), *(f"{FORMATS[0]}{query}" for query in BY_VALUE[1:])]
    right, wrong = [await told_of(simulator, policy, targets, guess, **COLUMNS) for guess in (RIGHT, WRONG)]
    assert right == wrong


@pytest.mark.parametrize("policy", DROPPING)
async def test_a_dropped_attribute_is_not_found_by_its_name_either(simulator: Simulator, policy: str) -> None:
    """A name that somebody has is told from one that nobody has by nothing but the rows asked of upstream."""
    with_secret(simulator)
    targets = [f"{form}{query}" for query in BY_NAME for form in FORMATS[:2]]
    right, wrong = [await told_of(simulator, policy, targets, guess) for guess in (NAME, "pim")]
    assert _without_limits(right) == _without_limits(wrong)


def _without_limits(told: list[object]) -> list[object]:
    """For a name that is dropped upstream is asked for no rows at all."""
    return [
        [(kind, [one for one in query if one[0] != "limit"]) for kind, query in one] if isinstance(one, list) else one
        for one in told
    ]


async def test_how_a_dropped_name_is_spelled_upstream_is_told_by_nothing(simulator: Simulator) -> None:
    simulator.insert(1, name=f"{NAME} ", value=RIGHT)
    async with running_facade(simulator, attribute_policy="*=drop") as facade:
        assert await ids(facade, "limit=1")
        for name in (NAME, "pim"):
            query = f"attr_name={name}"
            inside = (await facade.get(f"/cache/explain?{query}")).json()
            assert {"name": "hookType", "value": name} in inside["upstream"]["parameters"]
            assert await ids(facade, query) == []
            assert ("hookType", name) in simulator.calls()[-1].query


@pytest.mark.parametrize("condition", ["hook_id", "hook_id&hook_subtype", "hook_id&hook_type"])
async def test_a_dropped_attribute_meets_no_condition_on_hooks(simulator: Simulator, condition: str) -> None:
    (found,) = with_secret(simulator, 1)
    given = {"hook_id": hook_of(simulator, NAME)["hookId"], "hook_subtype": "interaction-attribute", "hook_type": NAME}
    query = "&".join(f"{name}={given[name]}" for name in condition.split("&"))
    for policy, expected in (("pin=drop", []), ("*=drop", []), ("pin=mask", [found]), ("", [found])):
        async with running_facade(simulator, attribute_policy=policy, **VIEWERS_MAY) as facade:
            assert await ids(facade, query) == expected
            assert await ids(facade, f"{query}&pii=clear") == expected


async def test_what_is_dropped_hides_no_crm_record(simulator: Simulator) -> None:
    """Links to other systems are no attributes: the policy has no say in them, unless it names their system."""
    every = [row for row in simulator.state.world.rows(simulator.state.now()) if row.hooks(simulator.now)]
    linked = [row.id for row in every if any(hook["hookType"] == "zendesk" for hook in row.hooks(simulator.now))]
    assert linked
    for policy, found in (("pin=drop", linked), ("*=drop", linked), ("*=drop,zendesk=allow", linked)):
        async with running_facade(simulator, attribute_policy=policy) as facade:
            for more in ("", "&hook_subtype=ticket"):
                assert await ids(facade, f"hook_type=zendesk{more}&limit=1000") == found
    async with running_facade(simulator, attribute_policy="zendesk=drop") as facade:
        assert await ids(facade, "hook_type=zendesk") == []


@pytest.mark.threat("T12")
@pytest.mark.parametrize(("policy", "is_found"), [("pin=mask", True), ("pin=hash", True), ("pin=drop", False)])
async def test_a_clear_value_is_found_in_clear_views_alone(simulator: Simulator, policy: str, is_found: bool) -> None:
    found = with_secret(simulator)
    settings = {"attribute_policy": policy, **COLUMNS, **VIEWERS_MAY}
    for order in (("", "&pii=clear", ""), ("&pii=clear", "", "&pii=clear")):
        async with running_facade(simulator, **settings) as facade:
            for query in (f"attr={RIGHT}", f"attr.pin={RIGHT}", f"attr_any={RIGHT}&attr_any=none"):
                for pii in order:
                    expected = sorted(found) if pii and is_found else []
                    assert sorted(await ids(facade, f"{query}{pii}")) == expected


async def test_what_is_masked_or_hashed_is_found_by_what_is_shown_of_it(simulator: Simulator) -> None:
    found = sorted(with_secret(simulator, 2))
    with_secret(simulator, 1, value="another")
    for policy in ("pin=mask", "pin=hash", "*=hash"):
        async with running_facade(simulator, attribute_policy=policy, **COLUMNS, **VIEWERS_MAY) as facade:
            rows = (await facade.ask(("attr_name", NAME), ("limit", "1000")))["items"]
            (shown,) = {row["attr_pin"] for row in rows if row["interaction_id"] in found}
            assert len([row for row in rows if row["attr_pin"] == shown]) == 2
            forms = ("attr={0}", "attr.pin={0}", "attr={0}&attr.pin={0}&attr_name=tier", "attr_any={0}&attr_any=none")
            for query in (form.format(shown) for form in forms):
                answer = (await facade.get(f"/interactions?{query}&limit=1000")).json()
                assert sorted(row["interaction_id"] for row in answer["items"]) == found
                assert (answer["meta"]["total"], answer["meta"]["truncated"]) == (2, False)
                assert await ids(facade, f"{query}&pii=clear") == []


async def test_a_name_that_is_shown_is_found_whatever_becomes_of_its_values(simulator: Simulator) -> None:
    found = sorted(with_secret(simulator))
    for policy in ("pin=mask", "*=hash", "tier=drop"):
        async with running_facade(simulator, attribute_policy=policy) as facade:
            for query in ("attr_name=pin", "hook_type=pin", "hook_type=pin&hook_subtype=interaction-attribute"):
                assert sorted(await ids(facade, query)) == found


@pytest.mark.parametrize("policy", ["pin=drop", "pin=mask", "*=mask,tier=allow"])
async def test_what_is_shown_is_found_and_paged_as_ever(simulator: Simulator, policy: str) -> None:
    """Also beside rows that hold the same as something hidden, of which nothing is told."""
    gold = with_secret(simulator, 230)
    hidden = simulator.insert(40, name=NAME, value="gold")
    async with running_facade(simulator, attribute_policy=policy, **VIEWERS_MAY) as facade:
        for query in ("attr=gold", "attr.tier=gold", "attr=gold&attr_name=tier", "attr_any=gold&attr_any=other"):
            walked, path = [], f"/interactions?{query}&limit=100&fields=interaction_id"
            while path:
                page = (await facade.get(path)).json()
                walked += [row["interaction_id"] for row in page["items"]]
                path = page["next"]
            assert sorted(walked) == sorted(gold)
            assert len(await ids(facade, f"{query}&limit=1000")) == 230
        assert (await facade.ask(("attr", "gold"), ("limit", "100")))["meta"]["total"] == 230
        clear = await ids(facade, "attr=gold&limit=1000&pii=clear")
        assert sorted(clear) == sorted([*gold, *(hidden if "drop" not in policy else ())])


@pytest.mark.parametrize("count", [1, 99, 150, 1000, 1100])
async def test_so_many_hidden_matches_cost_what_none_cost(simulator: Simulator, count: int) -> None:
    """One call: where a whole block of upstream's holds nothing that may be seen, nothing behind it is looked for."""
    with_secret(simulator, count)
    targets = [f"/interactions?{query}" for query in (BY_VALUE[0], "attr=GUESS&sort=ended_at")]
    right, wrong = [await told_of(simulator, "pin=drop", targets, guess) for guess in (RIGHT, WRONG)]
    assert right == wrong


async def test_hidden_matches_beyond_what_upstream_gives_in_one_call_cost_no_more(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.simulator.query.MOST_ROWS", 100)
    with_secret(simulator, 250)
    right, wrong = [
        await told_of(simulator, "pin=drop", ["/interactions?attr=GUESS"], guess) for guess in (RIGHT, WRONG)
    ]
    assert right == wrong


async def test_an_upstream_that_ignores_the_condition_is_read_on_whatever_is_guessed(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies behind rows that were not asked for is not lost, and a right guess is told by nothing."""
    monkeypatch.setattr("app.simulator.query.MOST_ROWS", 100)
    (behind,) = simulator.insert(1, name=ALLOWED, value="bronze", start="2026-11-01T00:00:00Z")
    with_secret(simulator, 120, value="1234")
    with_secret(simulator, 3)
    simulator.faults("filter-ignored", None)
    right, wrong = [
        await told_of(simulator, "pin=drop", ["/interactions?attr=GUESS"], guess) for guess in (RIGHT, WRONG)
    ]
    assert right == wrong
    async with running_facade(simulator, attribute_policy="pin=drop") as facade:
        assert await ids(facade, "attr=bronze") == [behind]


async def test_rows_behind_a_block_of_hidden_matches_are_found_where_some_stand_before_them(
    simulator: Simulator,
) -> None:
    """Of those that lie between them neither the total nor what is told of the inside knows."""
    (behind,) = simulator.insert(1, name=ALLOWED, value=RIGHT, start="2026-11-01T00:00:00Z")
    with_secret(simulator, 1100)
    async with running_facade(simulator, attribute_policy="pin=drop") as facade:
        assert await ids(facade, f"attr={RIGHT}") == []
        assert behind in await ids(facade, f"attr_name={ALLOWED}&limit=2000")
    (before,) = simulator.insert(1, name=ALLOWED, value=RIGHT)
    async with running_facade(simulator, attribute_policy="pin=drop") as facade:
        answer = await facade.ask(("attr", RIGHT))
        assert [row["interaction_id"] for row in answer["items"]] == [before, behind]
        assert (answer["meta"]["total"], answer["meta"]["truncated"]) == (2, False)
        inside = (await facade.get(f"/cache/explain?attr={RIGHT}")).json()
        assert (inside["total"], inside["rows_stored"], inside["miss_cost"]["rows_read"]) == (2, 2, 2)
        assert [inside[name] for name in ("bytes", "blocks", "complete")] == [None, None, None]


async def test_no_pin_is_found_by_trying_them_one_by_one(simulator: Simulator) -> None:
    """Whatever else narrows the question down to one person's interaction."""
    (known,) = with_secret(simulator, 1)
    contact = simulator.state.world._inserted[-1].record["contactId"]
    for policy in ("pin=mask", "pin=drop"):
        async with asking(simulator, policy, **COLUMNS) as asker:
            simulator.clear_journal()
            seen = set()
            for number in range(4690, 4740):
                query = f"attr.pin={number}" if number % 2 else f"attr={number}"
                answer = await asker.facade.ask(f"/interactions?{query}&contact_id={contact}&fields=interaction_id")
                seen.add(answer.body.replace(str(number).encode(), b"").replace(b"attr.pin", b"attr"))
                assert len(simulator.calls()) == number - 4689
            assert known.encode() not in b"".join(seen)
            assert len(seen) == 2  # one body for each way to ask


async def test_neither_counters_nor_logs_tell_of_rows_that_may_not_be_seen(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with_secret(simulator)
    told = []
    for guess in (RIGHT, WRONG):
        async with running_facade(simulator, attribute_policy="pin=mask") as facade:
            with caplog.at_level(logging.WARNING):
                assert await ids(facade, f"attr={guess}") == []
            told.append([line for line in _counters(facade.services) if "upstream" in line])
    assert told[0] == told[1]
    assert [record for record in caplog.records if record.name.startswith("cxfacade")] == []


def _counters(services: Services) -> list[str]:
    lines = services.metrics.exposition().decode().splitlines()
    return [line for line in lines if "_total" in line and not line.startswith("#")]


async def test_what_upstream_sends_unasked_is_still_counted(simulator: Simulator) -> None:
    with_secret(simulator)
    simulator.faults("filter-ignored", None)
    async with running_facade(simulator, attribute_policy="pin=mask") as facade:
        assert await ids(facade, f"attr={RIGHT}") == []
        assert any('rows_dropped_total{reason="attribute-value"}' in line for line in _counters(facade.services))


@pytest.mark.parametrize("policy", ["", "pin=mask"])
async def test_a_card_number_is_found_by_what_is_shown_of_it(simulator: Simulator, policy: str) -> None:
    """No view shows it: its middle digits must not be found by trying either."""
    card, other, shown = "4111111111111111", "4111111111111129", "************1111"
    found = sorted(with_secret(simulator, 2, ("card", card)))
    targets = ["/interactions?attr=GUESS", "/interactions.csv?attr.card=GUESS"]
    settings: dict[str, Any] = {"attributes": "card"}
    right, wrong = [await told_of(simulator, policy, targets, guess, **settings) for guess in (card, other)]
    assert right == wrong
    async with running_facade(simulator, attribute_policy=policy, **VIEWERS_MAY, **settings) as facade:
        for pii in ("", "&pii=clear"):
            for query in ("attr", "attr.card"):
                assert await ids(facade, f"{query}={card}{pii}") == []
                assert sorted(await ids(facade, f"{query}={shown}{pii}&limit=1000")) == found


async def test_rows_are_sorted_by_what_is_shown_of_them(simulator: Simulator) -> None:
    """Else their order would spell it out."""
    for value in ("3333", "1111", "2222", "4444"):
        with_secret(simulator, 1, value=value)
    for policy in ("pin=mask", "pin=drop"):
        async with running_facade(simulator, attribute_policy=policy, **COLUMNS, **VIEWERS_MAY) as facade:
            by_pin = await ids(facade, "sort=attr_pin&attr=gold")
            assert by_pin == sorted(by_pin) == await ids(facade, "sort=-attr_pin&attr=gold")
            clear = await ids(facade, "sort=attr_pin&attr=gold&pii=clear")
            assert (clear == by_pin) is (policy == "pin=drop")


async def test_reports_are_shared_where_nothing_hidden_makes_a_difference(simulator: Simulator) -> None:
    """Upstream is asked once for all views, unless what one may find another may not."""
    with_secret(simulator)
    for policy, query, calls in (
        ("pin=mask", "limit=10", 1),
        ("pin=mask", "attr_name=pin", 1),
        ("pin=mask", "hook_type=zendesk", 1),
        ("pin=drop", "attr=gold", 1),  # in either view all but the pin
        ("", "attr=gold", 1),
        ("pin=allow", "attr=gold", 1),
        ("pin=mask", "attr=gold", 2),
    ):
        async with running_facade(simulator, attribute_policy=policy, **VIEWERS_MAY) as facade:
            simulator.clear_journal()
            for pii in ("", "&pii=clear", ""):
                await ids(facade, f"{query}{pii}")
            assert len(simulator.calls()) == calls, (policy, query)
            asked = dict(simulator.calls()[0].query)
            assert asked["limit"] == ("1000" if "attr=" in query and policy not in {"", "pin=allow"} else "100")


@pytest.mark.threat("T28")
async def test_a_purge_forgets_the_answers_of_every_view_and_counts_its_own(
    simulator: Simulator, clock: HandClock
) -> None:
    """What those who see more have asked for is not told by the number of reports that are gone."""
    with_secret(simulator)
    may: dict[str, Any] = {"anonymous_scopes": ("read", "pii:read", "cache:purge")}
    async with running_facade(simulator, clock=clock.clock, attribute_policy="pin=mask", **may) as facade:

        async def purged(query: str) -> int:
            clock.advance(1)  # there is a pace to it
            headers = {"X-Requested-With": "test", "Content-Type": "application/json"}
            answer = await facade.client.post("/cache/purge", json={"query": query}, headers=headers)
            gone: int = answer.json()["purged"]
            return gone

        async def is_stored(query: str) -> bool:
            stored: bool = (await facade.get(f"/cache/explain?{query}")).json()["stored"]
            return stored

        for masked_first in (True, False):
            for view in ("", "&pii=clear"):
                assert not await is_stored(f"attr={RIGHT}{view}")
                await ids(facade, f"attr={RIGHT}{view}")
                assert await is_stored(f"attr={RIGHT}{view}")
            assert await purged(f"attr={RIGHT}{'' if masked_first else '&pii=clear'}") == 1
        await ids(facade, f"attr={RIGHT}&pii=clear")
        assert await purged(f"attr={RIGHT}") == 0
        assert not await is_stored(f"attr={RIGHT}&pii=clear")
