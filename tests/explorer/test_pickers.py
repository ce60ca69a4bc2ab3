"""Boxes that offer values: by a summary of the range in force, by keys, and as plain text where there is none."""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, expect

from app.http.parameters import BY_NAME
from tests.explorer.conftest import Explorer, Place, answered, fetched, served

SUMMARY = "/queue-entries/summary?by=queue_name&measures=count&sort=-count&limit=100"


def box(explorer: Explorer, name: str) -> Locator:
    return explorer.page.get_by_role("combobox", name=name)


def options(explorer: Explorer) -> Locator:
    return explorer.page.get_by_role("listbox").get_by_role("option")


def test_values_are_offered_with_their_numbers_and_filled_in_by_keys(explorer: Explorer, place: Place) -> None:
    queue = box(explorer.open(), "Queue")
    queue.click()
    counted = json.loads(fetched(f"{place.url}{SUMMARY}"))["items"]
    expect(options(explorer)).to_have_text([f"{row['queue_name']} {row['count']}" for row in counted])
    expect(queue).to_have_attribute("aria-expanded", "true")
    queue.press_sequentially("su")
    expect(options(explorer)).to_have_count(1)
    queue.press("ArrowDown")
    chosen = options(explorer).first
    expect(chosen).to_have_attribute("aria-selected", "true")
    expect(queue).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "none")
    queue.press("Enter")
    explorer.page.wait_for_url("**/?queue_name=Support")
    expect(queue).to_have_value("Support")
    expect(options(explorer)).to_have_count(0)
    queue.click()
    options(explorer).get_by_text("Any").click()
    explorer.page.wait_for_url(f"{place.url}/")


def test_values_are_those_of_the_range_in_force(explorer: Explorer) -> None:
    explorer.open("?attr=VIP&from=now-7d/d&to=now")
    with explorer.page.expect_response(answered(explorer, "/interactions/summary")) as told:
        box(explorer, "Channel").click()
    assert "?from=now-7d/d&to=now&by=channel_type&" in told.value.url


def test_names_of_attributes_are_offered_and_their_value_is_typed_behind(explorer: Explorer) -> None:
    condition = box(explorer.open(), "Attribute value")
    condition.fill("ACC")
    expect(options(explorer)).to_contain_text(["accountNumber"])
    condition.press("ArrowDown")
    condition.press("Enter")
    expect(condition).to_have_value("accountNumber=")
    expect(condition).to_be_focused()
    condition.press_sequentially("12")
    condition.press("Enter")
    explorer.page.wait_for_url("**/?attr.accountNumber=12")


def test_values_of_an_attribute_are_offered_behind_its_name_and_one_picked_is_asked_for(
    explorer: Explorer, place: Place
) -> None:
    condition = box(explorer.open("?from=2018-10-01"), "Attribute value")
    condition.fill("customerT")
    expect(options(explorer)).to_contain_text(["customerTier"])
    condition.press("ArrowDown")
    condition.press("Enter")
    expect(condition).to_have_value("customerTier=")
    path = "/interaction-attributes/summary?from=2018-10-01&name=customerTier&by=value&measures=count&sort=-count"
    counted = json.loads(fetched(f"{place.url}{path}"))["items"]
    expect(options(explorer)).to_have_text([f"{row['value']} {row['count']}" for row in counted])
    assert {row["value"] for row in counted} == {"Standard", "VIP"}
    condition.press_sequentially("v")
    expect(options(explorer)).to_have_count(1)
    condition.press("ArrowDown")
    condition.press("Enter")
    explorer.page.wait_for_url("**/?from=2018-10-01&attr.customerTier=VIP")
    expect(condition).to_have_value("")
    expect(options(explorer)).to_have_count(0)


def test_agents_are_offered_to_those_alone_who_may_see_clear_views(
    explorer: Explorer, explore: Callable[..., Explorer]
) -> None:
    asked: list[str] = []
    explorer.page.on("request", lambda request: asked.append(request.url))
    explorer.page.clock.install()
    agent = box(explorer.open(), "Agent")
    agent.click()
    agent.fill("some-id")
    explorer.page.clock.run_for(1000)  # longer than a box rests before it asks
    agent.press("Enter")
    explorer.page.wait_for_url("**/?agent_id=some-id")
    assert not [url for url in asked if "/agent-legs/" in url]
    with served(anonymous_scopes="read,pii:read") as place:
        allowed = explore(place).open()
        box(allowed, "Agent").click()
        name = options(allowed).first.locator("span").first.inner_text()
        options(allowed).first.click()
        allowed.page.wait_for_url("**/?agent_id=*-*")
        expect(box(allowed, "Agent")).to_have_value(name)


def test_where_the_summary_fails_a_box_offers_the_documents_examples_and_takes_text(explorer: Explorer) -> None:
    explorer.page.route("**/summary?*", lambda route: route.abort())
    explorer.open("?attr=SIM-EMPTY")
    for label, name in (("Channel", "channel_type"), ("Queue", "queue_name")):
        schema: Any = BY_NAME[name].schema
        picker = box(explorer, label)
        with explorer.page.expect_event("requestfailed"):
            picker.click()
        expect(options(explorer)).to_have_text(schema["items"].get("examples", []))
        picker.fill("letter")
        picker.press("Enter")
        explorer.page.wait_for_url(f"**{name}=letter")


def test_what_is_outdated_is_cancelled(explorer: Explorer) -> None:
    explorer.page.route("**/summary?*.prefix=s&*", lambda _: None)  # never answered
    queue = box(explorer.open(), "Queue")
    with explorer.page.expect_event("requestfailed") as cancelled:
        with explorer.page.expect_request("**/summary?*.prefix=s&*"):
            queue.press_sequentially("s")
        queue.press_sequentially("u")
    assert "prefix=s&" in cancelled.value.url
    expect(options(explorer)).to_contain_text(["Support"])


def test_on_a_phone_offers_stay_within_the_page(explore: Callable[..., Explorer], place: Place) -> None:
    explorer = explore(place, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open()
    for name in ("Channel", "Direction", "Queue", "Flow"):
        box(explorer, name).click()
        options(explorer).first.wait_for()
        assert explorer.page.evaluate("document.documentElement.scrollWidth") == 390, name
        explorer.page.keyboard.press("Escape")
