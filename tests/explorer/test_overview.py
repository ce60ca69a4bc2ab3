"""Overview: its figures are the API's summaries of all that the question asks for, and every bar leads to its rows."""

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, expect

from tests.explorer.conftest import Explorer, Place, fetched, served

QUESTION = "attr=SIM-ABANDON"
COUNTS = "measures=count,abandoned_count"


def summary(place: Place, grain: str, query: str) -> Any:
    """What the API counts, with its totals."""
    return json.loads(fetched(f"{place.url}/{grain}/summary?{QUESTION}&{query}"))


def numbers(bars: Locator) -> list[list[int]]:
    """The numbers that bars are labelled with."""
    labels = [text.rpartition(": ")[2] for text in bars.locator(".bar").all_inner_texts()]
    return [[int(number) for number in re.findall(r"\d+", label)] for label in labels]


def parted(rows: list[Any]) -> list[list[int]]:
    """The numbers of the bars that summaries by COUNTS make."""
    return [[row["count"] - row["abandoned_count"], row["abandoned_count"]] for row in rows]


def test_bars_are_the_summaries_of_the_api(explorer: Explorer, place: Place) -> None:
    page = explorer.open(f"?{QUESTION}#overview").page
    expect(page.locator(".basis")).to_contain_text("Counted from all 15 interactions")
    levels = {row["sla_outcome"]: row["count"] for row in summary(place, "interactions", "by=sla_outcome")["items"]}
    met, missed = levels.get("met", 0), levels["missed"]
    level = page.get_by_role("region", name="Service level")
    expect(level.locator(".value")).to_have_text(f"{100 * met / (met + missed):.1f} %")
    expect(level.get_by_role("link", name="missed")).to_have_text(f"{missed} missed")
    intervals = summary(place, "interactions", f"interval=15m&fill=zero&{COUNTS}")["items"]
    assert numbers(page.get_by_role("figure", name="Interactions, a bar")) == parted(intervals)
    waits = [
        summary(place, "interactions", f"queue_seconds.gte={bounds}&{COUNTS}")["meta"]["totals"]
        for bounds in ("0&queue_seconds.lt=10", "10&queue_seconds.lt=20", "20&queue_seconds.lt=60")
    ]
    assert numbers(page.get_by_role("figure", name="Wait in queues"))[:3] == parted(waits)
    entries = summary(
        place, "queue-entries", "by=queue_name&measures=offered_count,abandon_rate,average_speed_of_answer_seconds"
    )
    for row in entries["items"]:
        shown = page.get_by_role("region", name="By queue").get_by_role("row", name=row["queue_name"])
        expect(shown).to_contain_text(f"{row['offered_count']}{100 * row['abandon_rate']:.1f} %")
    rate = entries["meta"]["totals"]["abandon_rate"]
    expect(page.get_by_role("region", name="Abandon rate").locator(".value")).to_have_text(f"{100 * rate:.1f} %")


def test_a_bar_leads_to_its_rows(explorer: Explorer) -> None:
    page = explorer.open(f"?{QUESTION}#overview").page
    page.locator(".tile").first.wait_for()
    leads = (".tile .parts a", ".chart a.bar", "[aria-label='By channel'] a")
    for place in (f"{kind} >> nth={nth}" for kind in leads for nth in (0, -1)):
        bar = page.locator(place)
        said = bar.inner_text()
        found = re.findall(r"\d+", said.rpartition(": ")[2])
        if "channel" in place:
            found = [page.get_by_role("row", name=said.strip()).locator("td").first.inner_text()]
        bar.click()
        count = sum(map(int, found))
        explorer.says(f"{count} interaction")
        assert page.url.startswith(f"{explorer.place.url}/?{QUESTION}&"), place
        assert "#" not in page.url
        page.go_back()
        page.locator(".tile").first.wait_for()


def test_arrow_keys_go_from_bar_to_bar(explorer: Explorer) -> None:
    bars = explorer.open(f"?{QUESTION}#overview").page.get_by_role("figure", name="Wait in queues").locator("a.bar")
    bars.last.focus()
    explorer.page.keyboard.press("ArrowLeft")
    expect(bars.nth(-2)).to_be_focused()
    explorer.page.keyboard.press("Enter")
    explorer.page.wait_for_url("**&queue_seconds.gte=*")


def test_figures_are_asked_for_once_as_long_as_the_answer_is_the_same(explorer: Explorer) -> None:
    asked: list[str] = []
    explorer.page.on("request", lambda request: asked.append(request.url.partition("?")[0]))
    page = explorer.open(f"?{QUESTION}#overview").page
    page.locator(".tile").first.wait_for()
    before = [url for url in asked if url.endswith("/summary")]
    page.get_by_role("link", name="Interactions", exact=True).click()
    explorer.says("15 interactions")
    page.get_by_role("link", name="Overview").click()
    page.locator(".tile").first.wait_for()
    assert [url for url in asked if url.endswith("/summary")] == before
    assert len(before) == 9


def test_a_question_that_queue_entries_do_not_know_shows_why_in_place_of_their_figures(explorer: Explorer) -> None:
    page = explorer.open(f"?{QUESTION}&end_type.null=false#overview").page
    expect(page.get_by_role("region", name="By queue")).to_contain_text("end_type.null is not a parameter")
    expect(page.get_by_role("region", name="Abandon rate")).to_contain_text("not known")
    expect(page.get_by_role("figure", name="Wait in queues")).to_be_visible()


def test_more_than_can_be_counted_is_said_in_the_api_s_words(explore: Callable[..., Explorer]) -> None:
    with served(cache_bytes=1_048_576) as place:
        page = explore(place).open("?attr=SIM-2500#overview").page
        expect(page.get_by_role("alert")).to_contain_text("Summary needs the whole result")
        expect(page.locator(".tile")).to_have_count(0)
