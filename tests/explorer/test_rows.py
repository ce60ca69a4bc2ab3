"""Rows: pages that come as one scrolls, order, columns, badges, and ten thousand of them."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.explorer.conftest import Explorer, Place, answered, served
from tests.explorer.tasks import tasks_of

pytestmark = pytest.mark.timeout(180)

LONGEST_TASK = 200  # milliseconds, in which a page answers nobody (the bound)


def test_the_next_page_comes_before_the_end_is_seen(explorer: Explorer) -> None:
    explorer.open("?attr=SIM-2500")
    explorer.says("100 of 2,500")
    explorer.row().focus()
    for shown in ("600 of 2,500", "1,100 of 2,500"):
        explorer.page.keyboard.press("End")
        explorer.says(shown)
    ids = explorer.rows.evaluate_all("all => all.map((one) => one.dataset.id)")
    assert len(ids) == len(set(ids)) < 80


def test_a_head_sorts_by_the_api_and_says_so(explorer: Explorer) -> None:
    explorer.open("?attr=SIM-ABANDON")
    explorer.says("15 interactions")
    with explorer.page.expect_response(answered(explorer, "/interactions")) as told:
        explorer.page.get_by_role("columnheader", name="Duration").get_by_role("button").click()
    assert "sort=-duration_seconds" in told.value.url
    expect(explorer.page.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "descending")
    wanted = [row["interaction_id"] for row in told.value.json()["items"]]
    expect(explorer.row(0)).to_have_attribute("data-id", wanted[0])
    assert explorer.rows.evaluate_all("all => all.map((one) => one.dataset.id)") == wanted


def test_the_heads_of_the_first_queue_and_agent_say_that_they_are_the_first(explorer: Explorer) -> None:
    """A filter finds a row by any of its queues, so that the first may be another than the one asked for."""
    explorer.open("?attr=SIM-TRANSFER")
    explorer.says("12 interactions")
    heads = explorer.page.get_by_role("columnheader")
    for column, words in (("first_queue_name", "First queue"), ("first_agent_name", "First agent")):
        expect(heads.filter(has_text=column)).to_contain_text(words)


@pytest.fixture
def small() -> Iterator[Place]:
    """A façade that sorts no more than 1,000 rows."""
    with served(max_rows=1_000) as running:
        yield running


def test_what_the_api_cannot_sort_is_sorted_as_far_as_it_is_here(
    small: Place, explore: Callable[..., Explorer]
) -> None:
    explorer = explore(small).open("?attr=SIM-2500&sort=-duration_seconds")
    expect(explorer.page.locator(".notice")).to_contain_text("Only the 100 rows at hand are sorted")
    seconds = explorer.page.locator("[data-place] td:nth-child(9) span").evaluate_all(
        "all => all.map((one) => parseFloat(one.title))"
    )
    assert len(seconds) > 10
    assert seconds == sorted(seconds, reverse=True)


def test_the_column_chooser_is_the_fields_of_the_question(explorer: Explorer) -> None:
    explorer.open("?attr=1234567")
    explorer.says("1 interaction")
    explorer.page.locator(".tools").get_by_role("button", name="Columns").click()
    dialog = explorer.page.get_by_role("dialog", name="Columns")
    dialog.get_by_label("Find a column").fill("ivr_seconds")
    dialog.get_by_role("checkbox").first.check()
    explorer.page.wait_for_url("**fields=started_at,*ivr_seconds")
    dialog.get_by_role("button", name="Close").click()
    cell = explorer.row().get_by_text("10 s", exact=True)
    expect(cell).to_have_attribute("title", "10.469 s")


def test_badges_mark_what_is_open_abandoned_or_missed(explorer: Explorer) -> None:
    explorer.open("?attr=SIM-OPEN")
    expect(explorer.row().locator(".badge.open")).to_have_text("open")
    explorer.open("?attr=SIM-ABANDON")
    expect(explorer.page.locator(".badge.bad").first).to_have_text("abandoned")
    expect(explorer.page.locator(".badge.warn").first).to_have_text("SLA missed")
    cut = ".rows td:has(.badge)", "cells => cells.filter(one => one.scrollWidth > one.clientWidth).length"
    assert explorer.page.locator(cut[0]).evaluate_all(cut[1]) == 0, "no badge is cut off"


def test_the_wait_is_the_one_that_the_service_level_judges(explorer: Explorer) -> None:
    with explorer.page.expect_response(answered(explorer, "/interactions")) as told:
        explorer.open("?attr=SIM-TRANSFER")
    first, *others = told.value.json()["items"][0]["queues"]
    assert others
    assert first["sla_outcome"] == "met"
    wait = explorer.row().locator("td:nth-child(4) span")
    words = f"{first['time_to_answer_seconds']} s in the first queue, until the answer; the threshold is 20 s"
    expect(wait).to_have_attribute("title", words)
    expect(explorer.row().locator("td:nth-child(3)")).to_have_text("SLA met")
    expect(explorer.row().locator("td:nth-child(2)")).to_have_text("answered")


def test_times_are_humane_and_exact_beneath(explorer: Explorer) -> None:
    explorer.open("?attr=1234567")
    time = explorer.row().locator("time")
    expect(time).to_have_text("30 Oct 2018 10:33")
    expect(time).to_have_attribute("datetime", "2018-10-30T14:33:45.954Z")
    assert "2018-10-30T14:33:45.954Z" in (time.get_attribute("title") or "")
    expect(explorer.row().get_by_text("47 s")).to_have_attribute("title", "47.212 s")
    explorer.open("?attr=SIM-ABANDON")
    expect(explorer.page.locator("td:nth-child(8) .null").first).to_have_attribute("title", "null: no agent")


def test_an_attribute_in_a_row_asks_for_its_like(explorer: Explorer) -> None:
    explorer.open("?attr=1234567")
    explorer.row().get_by_role("button", name="customAttributeWithResource valueOne").click()
    explorer.page.wait_for_url("**/?attr=1234567&attr.customAttributeWithResource=valueOne")


def test_ten_thousand_rows_do_not_freeze_the_page(explorer: Explorer, browser: Browser) -> None:
    page = explorer.open("?attr=SIM-10K").page
    explorer.says("100 of 10,000")
    rows = page.get_by_role("region", name="Rows")
    with tasks_of(browser, page) as milliseconds:
        for shown in (*(f"{number:,} of 10,000" for number in range(600, 10_000, 500)), "10,000"):
            rows.evaluate("(it) => { it.scrollTop = it.scrollHeight }")
            expect(explorer.found).to_have_text(f"{shown} interactions")
        rows.evaluate("(it) => { it.scrollTop = it.scrollHeight }")
        explorer.row(9_999).wait_for()
        assert explorer.rows.count() < 80
    assert 0 < max(milliseconds) < LONGEST_TASK


def test_a_page_that_freezes_would_be_found(explorer: Explorer, browser: Browser) -> None:
    page = explorer.open().page
    with tasks_of(browser, page) as milliseconds:
        page.evaluate(
            "() => { let sum = 0; for (let turn = 0; turn < 5e8; turn += 1) sum += Math.sqrt(turn); return sum }"
        )
    assert max(milliseconds) > LONGEST_TASK
