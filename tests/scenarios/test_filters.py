"""What is asked for is what comes back, whatever upstream makes of the question."""

from typing import Any

import pytest

from app.simulator.arrivals import STRANGE_VALUES
from tests.support.facade import Facade
from tests.support.simulator import Simulator

DOCUMENTED = "c506eb9b-f523-4616-8839-fbce3fd89c17"


def insert(simulator: Simulator, *attributes: tuple[str, str]) -> str:
    """The id of a new interaction with these attributes, names and values."""
    (new,) = simulator.state.world.insert(1, simulator.state.now(), attributes)
    return new


def values_of(row: dict[str, Any]) -> set[str]:
    return {attribute["value"] for attribute in row["attributes"]}


async def test_attr_twice_means_both(facade: Facade, simulator: Simulator) -> None:
    both = insert(simulator, ("colour", "blue"), ("size", "large"))
    blue = insert(simulator, ("colour", "blue"))
    insert(simulator, ("size", "large"))
    assert set(await facade.ids(("attr", "blue"))) == {both, blue}
    assert await facade.ids(("attr", "blue"), ("attr", "large")) == [both]
    assert await facade.ids(("attr", "blue"), ("attr", "nobody-has-this")) == []
    assert simulator.journal()[-2].query[:2] == [("attribute-value", "blue"), ("attribute-value", "large")]


async def test_the_documented_interaction_is_found_by_each_of_its_values_and_by_all(facade: Facade) -> None:
    values = ("valueOne", "valueTwo", "1234567")
    for asked in (*[(value,) for value in values], values):
        assert await facade.ids(*[("attr", value) for value in asked]) == [DOCUMENTED]


@pytest.mark.parametrize(
    "ignored", ["attribute-value", "start", "end", "contact", "hookType", "hookSubType", "hookId", None]
)
async def test_an_upstream_that_ignores_a_filter_leaks_no_foreign_row(
    facade: Facade, simulator: Simulator, ignored: str | None
) -> None:
    wanted = simulator.insert(2, value="blue", start="2026-11-17T12:00:00.000Z")
    simulator.insert(2, value="blue", start="2026-11-17T13:00:00.000Z")
    simulator.insert(2, value="blue", start="2026-11-17T11:59:59.999Z")
    simulator.insert(2, value="red", start="2026-11-17T12:00:00.000Z")
    simulator.faults("filter-ignored", None, filter=ignored)
    found = await facade.ids(
        ("attr", "blue"),
        ("from", "2026-11-17T12:00:00Z"),
        ("to", "2026-11-17T13:00:00Z"),
        ("hook_type", "inserted"),
        ("hook_subtype", "interaction-attribute"),
    )
    assert sorted(found) == sorted(wanted)


async def test_an_upstream_that_ignores_everything_leaks_nothing_through_any_condition(
    facade: Facade, simulator: Simulator
) -> None:
    rows = (await facade.ask(("limit", "1000")))["items"]
    contact = next(row["contact_id"] for row in rows if row["contact_id"])
    simulator.faults("filter-ignored", None)
    for query, wanted in (
        (("attr", "nobody-has-this"), []),
        (("attr_name", "noSuchAttribute"), []),
        (("hook_type", "noSuchSystem"), []),
        (("hook_id", "no-such-record"), []),
        (("contact_id", contact), [row for row in rows if row["contact_id"] == contact]),
        (("to", "2018-11-01T00:00:00Z"), [row for row in rows if row["started_at"] < "2018-11-01"]),
    ):
        assert await facade.ids(query, ("limit", "1000")) == [row["interaction_id"] for row in wanted]


async def test_dropped_rows_are_counted_and_the_total_is_not_upstreams(facade: Facade, simulator: Simulator) -> None:
    simulator.faults("filter-ignored", None)
    got = await facade.ask(("attr", "1234567"), ("limit", "1000"))
    assert [row["interaction_id"] for row in got["items"]] == [DOCUMENTED]
    assert got["meta"]["total"] == 1
    metrics = facade.services.metrics.exposition().decode()
    assert 'cxfacade_upstream_rows_dropped_total{reason="attribute-value"}' in metrics


async def test_an_upstream_that_keeps_one_repeat_only_leaks_no_foreign_row(
    facade: Facade, simulator: Simulator
) -> None:
    both = insert(simulator, ("colour", "blue"), ("size", "large"))
    insert(simulator, ("colour", "blue"))
    insert(simulator, ("size", "large"))
    simulator.faults("last-repeat-only", None)
    assert await facade.ids(("attr", "large"), ("attr", "blue")) == [both]


async def test_a_name_and_its_value_must_stand_in_the_same_attribute(facade: Facade, simulator: Simulator) -> None:
    right = insert(simulator, ("first", "one"), ("second", "two"))
    crossed = insert(simulator, ("first", "two"), ("second", "one"))
    assert set(await facade.ids(("attr", "one"), ("attr", "two"))) == {right, crossed}
    assert await facade.ids(("attr.first", "one")) == [right]
    assert await facade.ids(("attr.first", "two"), ("attr.second", "one")) == [crossed]
    assert await facade.ids(("attr.first", "one"), ("attr.second", "one")) == []
    assert await facade.ids(("attr.first", "one"), ("attr.first", "two")) == []


async def test_an_attributes_name_alone_finds_it_with_any_value(facade: Facade, simulator: Simulator) -> None:
    some = {insert(simulator, ("seatNumber", "12")), insert(simulator, ("seatNumber", "14"))}
    one = insert(simulator, ("seatNumber", "16"), ("mealChoice", "soup"))
    assert set(await facade.ids(("attr_name", "seatNumber"))) == {*some, one}
    assert await facade.ids(("attr_name", "seatNumber"), ("attr_name", "mealChoice")) == [one]
    assert await facade.ids(("attr_name", "seatNumber"), ("attr", "14"), ("attr_name", "mealChoice")) == []
    assert await facade.ids(("attr_name", "seatnumber")) == []


async def test_names_are_compared_without_the_spaces_around_them(facade: Facade) -> None:
    """The documented name ends in a space (R3), which upstream compares and clients cannot see."""
    for name in ("customAttributeUsingIvrInput", "customAttributeUsingIvrInput ", " customAttributeUsingIvrInput"):
        assert await facade.ids((f"attr.{name}", "1234567")) == [DOCUMENTED]
        assert DOCUMENTED in await facade.ids(("attr_name", name), ("limit", "1000"))


async def test_a_name_that_ends_in_a_space_is_found_as_upstream_stores_it(facade: Facade) -> None:
    assert DOCUMENTED in await facade.ids(("attr_name", "customAttributeUsingIvrInput "))


@pytest.mark.parametrize("value", STRANGE_VALUES, ids=range(len(STRANGE_VALUES)))
async def test_every_strange_value_is_taken_literally(facade: Facade, value: str) -> None:
    for query in (("attr", value), ("attr.reference", value)):
        rows = (await facade.ask(query, ("include", "attributes"), ("limit", "1000")))["items"]
        assert rows
        assert all(value in values_of(row) for row in rows)


async def test_values_are_compared_exactly(facade: Facade, simulator: Simulator) -> None:
    exact = insert(simulator, ("code", "Blue"))
    insert(simulator, ("code", "blue"))
    insert(simulator, ("code", "Blue "))
    insert(simulator, ("code", "Bluebell"))
    assert await facade.ids(("attr", "Blue")) == [exact]


async def test_the_display_name_of_a_crm_record_is_no_attribute(facade: Facade, simulator: Simulator) -> None:
    rows = simulator.state.world.rows(simulator.state.now())
    hooks = [hook for row in rows for hook in row.at(simulator.now).get("hooks", ())]
    attributes = {hook.get("hookName") for hook in hooks if hook["hookSubType"] == "interaction-attribute"}
    names = {
        hook["hookName"] for hook in hooks if hook["hookSubType"] != "interaction-attribute" and hook.get("hookName")
    }
    assert names
    for name in sorted(names - attributes)[:3]:
        assert await facade.ids(("attr", name)) == []


async def test_repeats_of_a_column_mean_either(facade: Facade, simulator: Simulator) -> None:
    rows = (await facade.ask(("limit", "1000")))["items"]
    for names in (("sms",), ("sms", "email")):
        wanted = [
            row["interaction_id"] for row in rows if row["channel_type"] in names and row["direction"] == "inbound"
        ]
        assert wanted
        asked = [("channel_type", name) for name in names]
        assert await facade.ids(*asked, ("direction", "inbound"), ("limit", "1000")) == wanted


async def test_conditions_on_hooks_may_be_met_by_different_hooks(facade: Facade, simulator: Simulator) -> None:
    """The id stands on the user's hook, the subtype on the ticket's (UPSTREAM §3)."""
    rows = [
        row.at(simulator.now)
        for row in simulator.state.world.rows(simulator.state.now())
        if row.kind == "voice-zendesk"
    ]
    user = next(hook for hook in rows[0]["hooks"] if hook["hookSubType"] == "user")
    query = (("hook_type", "zendesk"), ("hook_subtype", "ticket"), ("hook_id", user["hookId"]))
    assert rows[0]["interactionId"] in await facade.ids(*query, ("limit", "1000"))
