"""Overview, façade and columns, and the key kept for the tab."""

import json
from collections import Counter
from collections.abc import Callable

from playwright.sync_api import expect

from tests.explorer.conftest import Explorer, served


def test_the_overview_counts_what_the_api_says(explorer: Explorer) -> None:
    explorer.open("?attr=SIM-ABANDON#overview")
    expect(explorer.page.locator(".basis")).to_have_text("Computed from all 15 rows of this question.")
    path = f"{explorer.place.url}/interactions?attr=SIM-ABANDON"
    rows = explorer.page.evaluate("async (url) => (await (await fetch(url)).json()).items", path)
    met, eligible = (sum(row[name] for row in rows) for name in ("is_sla_met", "is_sla_eligible"))
    level = explorer.page.get_by_role("region", name="Service level")
    expect(level).to_contain_text(f"{100 * met / eligible:.1f} %")
    expect(level).to_contain_text(f"{met} of {eligible} that count")
    for name, column in (("By queue", "first_queue_name"), ("By channel", "channel_type")):
        values = [row[column] for row in rows if row[column] is not None]
        shown = explorer.page.get_by_role("region", name=name)
        for value, number in Counter(values).items():
            expect(shown.get_by_role("row", name=value)).to_contain_text(str(number))
    waits = explorer.page.get_by_role("table", name="Wait in queues").locator("td").all_inner_texts()
    assert sum(map(int, waits)) == sum(row["queue_seconds"] is not None for row in rows)


def test_the_overview_says_when_more_match_and_loads_them(explorer: Explorer) -> None:
    explorer.open("?attr=SIM-2500#overview")
    expect(explorer.page.locator(".basis")).to_contain_text("Computed from the 100 rows at hand; 2,500 match.")
    explorer.page.get_by_role("button", name="Load all rows").click()
    expect(explorer.page.locator(".basis")).to_have_text("Computed from all 2,500 rows of this question.")


def test_a_group_of_the_overview_narrows_the_question(explorer: Explorer) -> None:
    explorer.open("?attr=SIM-ABANDON#overview")
    explorer.page.get_by_role("region", name="By channel").get_by_role("button", name="messaging").click()
    explorer.page.wait_for_url("**/?attr=SIM-ABANDON&channel_type=messaging#overview")


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
