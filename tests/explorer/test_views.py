"""Façade and columns, and the key kept for the tab."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.explorer.conftest import Explorer, fetched, served
from tests.support.clock import HandClock
from tests.support.simulator import ANCHOR


def test_the_facade_view_shows_hits_upstream_and_what_is_stored(explorer: Explorer) -> None:
    explorer.open("?attr=VIP").rows.first.wait_for()
    explorer.page.get_by_role("link", name="Façade").click()
    stored = explorer.page.get_by_role("region", name="This question in the cache")
    expect(stored).to_contain_text("GET /interactions?attr=VIP")
    expect(stored).to_contain_text("attribute-value=VIP")
    answers = explorer.page.get_by_role("region", name="Answers to this tab")
    before = answers.locator(".strip li").count()
    stored.get_by_role("button", name="Ask it again").click()
    expect(answers.locator(".strip li")).to_have_count(before + 1)
    expect(explorer.page.get_by_role("region", name="All clients")).to_contain_text("Calls to upstream")
    expect(explorer.page.get_by_role("region", name="Upstream")).to_contain_text("closed")


@pytest.mark.parametrize("scopes", ["read,metrics:read", "read"])
def test_hours_held_are_shown_by_the_day_and_values_are_not(scopes: str, explore: Callable[..., Explorer]) -> None:
    with served(clock=HandClock(wall=ANCHOR).clock, anonymous_scopes=scopes) as place:
        fetched(f"{place.url}/interactions?from=now-1d&limit=1000")
        explorer = explore(place).open("?attr=SIM-ABANDON&from=now-10d&to=now-8d#facade")
        whole = explorer.page.get_by_role("group", name="Whole tenant, ").get_by_role("img")
        expect(whole).to_have_count(2)
        expect(whole.first).to_have_accessible_name("Wed 18 Nov: 16 h held")
        expect(whole.last).to_have_accessible_name("Tue 17 Nov: 9 h held, 15 h not held")
        assert whole.first.locator("i").count() == 24
        own = explorer.page.get_by_role("group", name="attr=SIM-ABANDON, 0 records, of this question")
        expect(own).to_have_count(int("metrics" in scopes))
        explorer.open("?attr=VIP&from=now-10d&to=now-8d#facade")
        expect(explorer.page.get_by_role("group", name="attr=…, 0 records")).to_have_count(int("metrics" in scopes))
        stored = explorer.page.get_by_role("region", name="This question in the cache")
        explorer.open("?from=now-1d#facade")
        expect(stored).to_contain_text("Asked of upstream")
        expect(stored).not_to_contain_text("A miss would cost")


@pytest.mark.parametrize("view", ["interactions", "overview"])
def test_the_zone_of_the_times_is_named_once(view: str, explorer: Explorer) -> None:
    expect(explorer.open(f"?attr=VIP#{view}").page.get_by_text("times in US/Eastern")).to_have_count(1)


def test_without_the_scope_counters_are_not_asked_for(explore: Callable[..., Explorer]) -> None:
    with served() as place:
        explorer = explore(place).open("#facade")
        expect(explorer.page.get_by_role("region", name="All clients")).to_contain_text("metrics:read")
        expect(explorer.page.get_by_role("region", name="This question in the cache")).to_be_visible()


def test_columns_are_found_by_name_meaning_and_source(explorer: Explorer) -> None:
    explorer.open("#columns")
    search = explorer.page.get_by_label("Search the columns")
    for words, names in (("agentHandleTime", ["handle_seconds"]), ("pseudonym", ["customer_key"]), ("zzz", [])):
        search.fill(words)
        expect(explorer.page.locator(".schema h2")).to_have_text(names)
    expect(explorer.page.get_by_text("Nothing is called that.")).to_be_visible()


def test_a_key_is_kept_for_the_tab_and_sent_as_a_header_alone(
    explore: Callable[..., Explorer],
) -> None:
    with served() as place:
        _use_a_wrong_key(explore(place))


def _use_a_wrong_key(explorer: Explorer) -> None:
    client_key = "cxf_invented_0123456789abcdefghijklmnopqrstuv"
    explorer.open().rows.first.wait_for()
    sent: list[dict[str, str]] = []
    explorer.page.on("request", lambda request: sent.append({"url": request.url, **request.headers}))
    explorer.page.get_by_role("button", name="anonymous").click()
    explorer.page.get_by_role("dialog").get_by_label("Key").fill(client_key)
    explorer.page.get_by_role("button", name="Use this key").click()
    expect(explorer.page.get_by_role("alert")).to_contain_text("This key is not known here")
    data = [one for one in sent if "/interactions?" in one["url"]]
    assert [one["x-api-key"] for one in data] == [client_key]
    assert client_key not in json.dumps([one["url"] for one in sent]) + explorer.page.url
    assert explorer.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    explorer.page.get_by_role("button", name="Enter a key").click()
    explorer.page.get_by_role("button", name="Forget the key").click()
    explorer.rows.first.wait_for()
