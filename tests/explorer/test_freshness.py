"""What is shown while upstream is slow, and once it is down."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.explorer.conftest import Explorer, Place, answered, served


@pytest.fixture
def impatient() -> Iterator[Place]:
    """A façade that lets no client wait long, and whose answers are stale at once."""
    with served(wait_seconds=0.4, fresh_open_seconds=0.05) as place:
        yield place


def test_a_slow_answer_shows_progress_and_then_its_rows(impatient: Place, explore: Callable[..., Explorer]) -> None:
    impatient.control("POST", "/faults", kind="hold", times=None, match={"attribute_value": "1234567"})
    explorer = explore(impatient).open("?attr=1234567")
    progress = explorer.page.locator(".progress")
    expect(progress).to_contain_text("Upstream is slow; the façade goes on fetching")
    expect(progress.get_by_role("button", name="Stop waiting")).to_be_visible()
    impatient.control("DELETE", "/faults")
    explorer.says("1 interaction")
    expect(progress).not_to_have_class("on")


def test_one_who_does_not_want_to_wait_may_stop(impatient: Place, explore: Callable[..., Explorer]) -> None:
    impatient.control("POST", "/faults", kind="hold", times=None)
    explorer = explore(impatient).open("?attr=1234567")
    explorer.page.get_by_role("button", name="Stop waiting").click()
    expect(explorer.page.locator(".progress p")).to_have_count(0)
    impatient.control("DELETE", "/faults")


def test_with_upstream_down_what_is_stored_is_shown_as_stale(
    impatient: Place, explore: Callable[..., Explorer]
) -> None:
    explorer = explore(impatient).open("?attr=1234567")
    expect(explorer.page.locator(".age")).to_contain_text("asked upstream")
    impatient.control("POST", "/faults", kind="reset", times=None)
    for _ in range(20):
        explorer.page.locator(".age").get_by_role("button", name="Ask again").click()
        expect(explorer.page.locator(".age")).to_contain_text("Stale: ")
        if "upstream fails" in explorer.page.locator(".age").inner_text():
            break
    expect(explorer.page.locator(".age.failing")).to_contain_text("upstream fails")
    explorer.says("1 interaction")


def test_with_nothing_stored_the_failure_is_said_and_asking_again_helps(
    impatient: Place, explore: Callable[..., Explorer]
) -> None:
    impatient.control("POST", "/faults", kind="status", times=None, status=500)
    explorer = explore(impatient).open("?attr=1234567")
    alert = explorer.page.get_by_role("alert")
    expect(alert).to_contain_text("Upstream failed")
    impatient.control("DELETE", "/faults")
    while alert.count():  # upstream is left alone for a moment
        with explorer.page.expect_response(answered(explorer, "/interactions")):
            alert.get_by_role("button", name="Ask again").click()
        explorer.page.locator(".progress:not(.on)").wait_for(state="attached")
    explorer.says("1 interaction")
