"""Asking: the box, the controls and the request itself, the URL that holds the question, and what is said of faults."""

import pytest
from playwright.sync_api import expect

from tests.explorer.conftest import Explorer

DOCUMENTED = "c506eb9b-f523-4616-8839-fbce3fd89c17"

PAINTED_NO_MORE = """
  const asking = window.fetch;
  window.fetch = (url, options) => {
    if (String(url).includes("/interactions?")) {
      window.requestAnimationFrame = () => 0;
      window.setTimeout = () => 0;
    }
    return asking(url, options);
  };
"""  # once rows are asked for, so that what waits for a paint waits until the answer is there


def test_the_newest_rows_are_there_before_anything_is_asked(explorer: Explorer) -> None:
    explorer.open().rows.first.wait_for()
    expect(explorer.found).to_contain_text("100 of ")


def test_an_answer_that_comes_before_the_page_is_painted_has_no_page_asked_for_beyond_it(explorer: Explorer) -> None:
    asked: list[str] = []
    explorer.page.on("request", lambda request: asked.append(request.url))
    explorer.page.add_init_script(PAINTED_NO_MORE)
    explorer.open().rows.first.wait_for()
    assert len([url for url in asked if "/interactions?" in url]) == 1


def test_a_value_typed_finds_its_rows_and_stands_in_the_url(explorer: Explorer) -> None:
    explorer.open().ask("1234567")
    explorer.says("1 interaction")
    assert explorer.row().get_attribute("data-id") == DOCUMENTED
    assert explorer.page.url == f"{explorer.place.url}/?attr=1234567"
    assert explorer.page.get_by_label("The request's parameters").input_value() == "attr=1234567"


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("customAttributeWithResource=valueOne", "attr.customAttributeWithResource=valueOne"),
        ("customAttributeWithResource=*", "attr_name=customAttributeWithResource"),
        ("hook_subtype=ticket", "hook_subtype=ticket"),
        ("is_abandoned=true", "is_abandoned=true"),
        ("attr_pair=customAttributeWithResource=valueOne", "attr_pair=customAttributeWithResource%3DvalueOne"),
    ],
)
def test_a_name_typed_becomes_the_parameter_it_means(explorer: Explorer, typed: str, query: str) -> None:
    explorer.open().ask(typed)
    explorer.page.wait_for_url(f"**/?{query}")
    explorer.rows.first.wait_for()


def test_a_shared_url_shows_the_same_question_and_back_leads_back(explorer: Explorer) -> None:
    explorer.open("?attr=1234567&channel_type=voice")
    explorer.says("1 interaction")
    assert explorer.page.get_by_label("Channel").input_value() == "voice"
    explorer.page.get_by_role("button", name="Remove 1234567").click()
    explorer.page.wait_for_url("**/?channel_type=voice")
    explorer.says("100")
    explorer.page.go_back()
    explorer.says("1 interaction")


def test_controls_ask_at_once(explorer: Explorer) -> None:
    explorer.open().rows.first.wait_for()
    explorer.page.get_by_label("Started").select_option("7 days")
    explorer.page.wait_for_url("**/?from=now-7d/d")
    queue = explorer.page.get_by_role("combobox", name="Queue")
    queue.fill("Support")
    queue.press("Enter")
    explorer.page.wait_for_url("**/?from=now-7d/d&queue_name=Support")


def test_a_range_can_be_typed_or_picked(explorer: Explorer) -> None:
    explorer.open("?attr=1234567")
    explorer.page.get_by_label("Started").select_option("range")
    explorer.page.get_by_label("Pick the day for from").fill("2018-10-30")
    explorer.page.wait_for_url("**/?attr=1234567&from=2018-10-30")
    explorer.page.get_by_label("To", exact=True).fill("2018-10-31T00:00:00Z")
    explorer.page.get_by_label("To", exact=True).press("Enter")
    explorer.page.wait_for_url("**from=2018-10-30&to=2018-10-31T00:00:00Z")
    explorer.says("1 interaction")


def test_a_wrong_filter_shows_the_apis_own_error_and_can_be_put_right(explorer: Explorer) -> None:
    explorer.open()
    request = explorer.page.get_by_label("The request's parameters")
    request.fill("attribute-value=1234567&from=yesterdayish")
    request.press("Enter")
    alert = explorer.page.get_by_role("alert")
    expect(alert).to_contain_text("attribute-value is not a parameter of this resource. Did you mean attr?")
    expect(alert).to_contain_text("from is not a time")
    expect(request).to_have_attribute("aria-invalid", "true")
    alert.get_by_role("button", name="Use attr").click()
    expect(alert).not_to_contain_text("attribute-value")
    explorer.page.get_by_label("Started").select_option("Any time")
    explorer.says("1 interaction")
    expect(alert).to_have_count(0)


def test_nothing_found_says_what_was_asked_and_offers_ways_out(explorer: Explorer) -> None:
    explorer.open("?attr=SIM-EMPTY&from=now-7d/d")
    empty = explorer.page.get_by_role("region", name="No rows")
    expect(empty).to_contain_text("SIM-EMPTY")
    empty.get_by_role("button", name="At any time").click()
    explorer.page.wait_for_url("**/?attr=SIM-EMPTY")
    empty.get_by_role("button", name="Show everything").click()
    explorer.rows.first.wait_for()
