"""A view that has become stale is replaced by the newer answer while it can be seen; nothing else changes."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from app.clock import Clock
from tests.explorer.conftest import Explorer, Place, answered, served

pytestmark = pytest.mark.timeout(180)

FRESH = 15  # seconds: CXF_FRESH_OPEN_SECONDS
PAST = FRESH + 3  # seconds after which an answer is stale, whatever its lifetime's jitter
BUSY = "BUSY"  # the attribute value of the rows that are put in
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}


@dataclass
class Shifted:
    """The system's time, set forward by hand."""

    seconds: float = 0.0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(
            monotonic=lambda: time.monotonic() + self.seconds,
            wall=lambda: datetime.now(UTC) + timedelta(seconds=self.seconds),
            sleep=asyncio.sleep,
        )


@dataclass
class Scene:
    """A page of its own façade; time goes on for both together."""

    explorer: Explorer
    shifted: Shifted
    asked: list[Request] = field(default_factory=list)  # for rows, an interaction or a timeline
    most_at_once: int = 0

    @property
    def page(self) -> Page:
        return self.explorer.page

    @property
    def place(self) -> Place:
        return self.explorer.place

    @property
    def scroller(self) -> Locator:
        return self.page.get_by_role("region", name="Rows")

    def insert(self, n: int = 1, **more: Any) -> list[str]:
        """Put interactions in upstream, a moment after those before; their ids."""
        self.place.control("POST", "/clock", advance=1)
        ids: list[str] = self.place.control("POST", "/insert", n=n, name="odd", value=BUSY, **more)["ids"]
        return ids

    def later(self, seconds: float = PAST) -> None:
        """So much later, for the service and for the page."""
        self.shifted.seconds += seconds
        self.page.clock.fast_forward(round(1000 * seconds))

    def see(self, *, visible: bool) -> None:
        """The page is hidden or shown, as when its tab is."""
        self.page.evaluate(
            """(state) => {
              Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
              Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            "visible" if visible else "hidden",
        )

    def watch(self) -> None:
        """Note what is asked from now on, and how much of it at once."""
        under_way: set[Request] = set()

        def began(request: Request) -> None:
            if "/interactions" in request.url:
                self.asked.append(request)
                under_way.add(request)
                self.most_at_once = max(self.most_at_once, len(under_way))

        def ended(request: Request) -> None:
            under_way.discard(request)

        self.page.on("request", began)
        self.page.on("requestfinished", ended)
        self.page.on("requestfailed", ended)


@pytest.fixture
def scene(explore: Callable[..., Explorer]) -> Iterator[Scene]:
    """A façade of its own, whose clock and whose page's clock the test sets forward."""
    shifted = Shifted()
    with served(clock=shifted.clock) as place:
        explorer = explore(place, **DESK)
        explorer.page.clock.install()
        scene = Scene(explorer, shifted)
        scene.watch()
        yield scene


def opened(scene: Scene, n: int, where: str = "") -> Explorer:
    """The page that asks for the `n` rows put in."""
    scene.insert(n)
    return scene.explorer.open(f"?attr={BUSY}{where}")


def abort(route: Route) -> None:
    """No answer."""
    route.abort()


def test_a_stale_view_is_replaced_by_the_newer_answer(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    [newest] = scene.insert()
    scene.later()
    scene.explorer.says("3 interactions")
    expect(scene.explorer.row(0)).to_have_attribute("data-id", newest)
    expect(scene.page.locator(".age")).to_have_text(re.compile(r"^(just now|[2-9] s old), "))


def test_figures_and_charts_are_those_of_the_newer_answer(scene: Scene) -> None:
    opened(scene, 2, "#overview")
    shown = scene.page.get_by_role("region", name="Interactions", exact=True).locator(".value")
    expect(shown).to_have_text("2")
    scene.insert(3)
    scene.later()
    expect(shown).to_have_text("5")
    expect(scene.page.locator(".basis")).to_have_text(re.compile("^Counted from all 5 interactions"))
    expect(scene.page.get_by_role("figure", name="Interactions, a bar").locator("a.bar").last).to_have_text(
        re.compile(": 5 others, 0 abandoned")
    )
    expect(scene.page.locator(".age")).not_to_contain_text("Stale")


def test_what_is_still_the_newest_keeps_the_view_and_renews_its_age(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    with scene.page.expect_response(answered(scene.explorer, "/interactions")) as told:
        scene.page.clock.fast_forward(1000 * PAST)  # for the page alone
    assert told.value.status == 304
    assert told.value.request.headers["if-none-match"]
    expect(scene.page.locator(".age")).to_contain_text("from the cache")
    expect(scene.page.locator(".age")).not_to_contain_text(f"{PAST} s old")
    scene.explorer.says("2 interactions")


def test_while_hidden_nothing_is_asked_and_once_seen_again_the_newer_answer_is_there(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    scene.see(visible=False)
    scene.insert()
    before = len(scene.asked)
    for _ in range(3):
        scene.later()
    assert len(scene.asked) == before
    with scene.page.expect_response(answered(scene.explorer, "/interactions")):
        scene.see(visible=True)
    scene.explorer.says("3 interactions")


def test_a_view_that_is_fresh_is_not_asked_for_however_often_it_is_seen_again(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    scene.later(FRESH - 5)
    before = len(scene.asked)
    for _ in range(20):
        scene.see(visible=False)
        scene.see(visible=True)
    assert len(scene.asked) == before


def test_other_views_of_the_page_do_not_ask_for_rows(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    scene.page.get_by_role("link", name="Columns").click()
    scene.page.locator(".schema li").first.wait_for()
    scene.insert()
    before = len(scene.asked)
    scene.later()
    assert len(scene.asked) == before
    scene.page.get_by_role("link", name="Interactions").click()
    scene.explorer.says("3 interactions")


def test_where_nothing_can_be_had_the_view_stays_and_says_so(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    scene.insert()
    scene.page.route("**/interactions?*", abort)
    scene.later()
    note = scene.page.locator(".stalled")
    expect(note).to_contain_text("Not refreshed. The façade does not answer. What is shown is the latest that came.")
    expect(note).to_contain_text("Asked again in")
    expect(scene.page.locator(".age.failing")).to_be_visible()
    assert scene.explorer.rows.count() == 2
    scene.page.unroute("**/interactions?*")
    scene.later(6)
    scene.explorer.says("3 interactions")
    expect(note).to_have_count(0)


def test_the_longer_it_fails_the_more_seldom_it_is_asked(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    scene.page.route("**/interactions?*", abort)
    for failed, seconds in enumerate((PAST, 5, 10, 20, 40, 60), start=1):
        with scene.page.expect_event("requestfailed"):
            scene.later(seconds + 0.5)
        expect(scene.page.locator(".stalled")).to_contain_text("Asked again in")
        scene.later(0.4 * (5 * 2 ** min(failed - 1, 3)))
        assert len([request for request in scene.asked if request.failure]) == failed


def test_a_refusal_that_asking_cannot_change_is_said_once(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    problem = {"title": "Key needed", "status": 401, "code": "unauthorized", "detail": "This key is not known here."}
    scene.page.route("**/interactions?*", lambda route: route.fulfill(status=401, json=problem))
    scene.later()
    expect(scene.page.locator(".stalled")).to_contain_text("Not refreshed. Key needed.")
    before = len(scene.asked)
    scene.later(3_600)
    assert len(scene.asked) == before
    scene.page.locator(".stalled").get_by_role("button", name="Ask again now").click()
    expect(scene.page.get_by_role("alert")).to_contain_text("This key is not known here.")


def test_with_upstream_down_the_view_stays_and_says_that_upstream_fails(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    scene.place.control("POST", "/faults", kind="reset", times=None)
    scene.later()
    expect(scene.page.locator(".age.failing")).to_contain_text("upstream fails")
    scene.explorer.says("2 interactions")
    scene.insert()
    scene.place.control("DELETE", "/faults")
    while scene.explorer.found.inner_text() == "2 interactions":  # upstream is left alone for a moment
        with scene.page.expect_response(answered(scene.explorer, "/interactions")):
            scene.later(61)
    scene.explorer.says("3 interactions")


def test_scroll_focus_and_what_is_typed_stay_where_they_are(scene: Scene) -> None:
    explorer = opened(scene, 90)
    explorer.says("90 interactions")
    box = scene.page.get_by_role("combobox", name="Attribute value")
    box.fill("half ty")
    request = scene.page.get_by_label("The request's parameters")
    request.fill("attr=half&")
    scene.scroller.evaluate("(it) => { it.scrollTop = 37 * 50; }")
    explorer.row(55).focus()
    held = explorer.row(55).get_attribute("data-id")
    row = scene.page.locator(f'[data-id="{held}"]')
    before = _top(row)
    scene.insert(30)
    scene.later()
    explorer.says("120 interactions")
    expect(row).to_have_attribute("data-place", "85")
    expect(row).to_be_focused()
    scrolled = scene.scroller.evaluate("(it) => it.scrollTop")
    assert scrolled == 37 * 80
    above = scene.page.get_by_role("button", name="30 new rows above")
    assert _top(row) == before
    assert (box.input_value(), request.input_value()) == ("half ty", "attr=half&")
    above.click()
    expect(explorer.row(0)).to_be_in_viewport()
    expect(above).to_have_count(0)


def _top(row: Locator) -> float:
    box = row.bounding_box()
    assert box
    return box["y"]


def test_at_the_top_the_newest_rows_come_into_sight(scene: Scene) -> None:
    opened(scene, 60).says("60 interactions")
    [newest] = scene.insert()
    scene.later()
    expect(scene.explorer.row(0)).to_have_attribute("data-id", newest)
    expect(scene.explorer.row(0)).to_be_in_viewport()


def test_a_row_that_is_gone_leaves_the_focus_to_the_one_in_its_place(scene: Scene) -> None:
    explorer = opened(scene, 5)
    explorer.says("5 interactions")
    explorer.row(2).focus()
    gone = explorer.row(2).get_attribute("data-id")
    next_one = explorer.row(3).get_attribute("data-id")
    scene.place.control("POST", "/remove", ids=[gone])
    scene.later()
    explorer.says("4 interactions")
    expect(explorer.row(2)).to_have_attribute("data-id", next_one or "no id")
    expect(explorer.row(2)).to_be_focused()


def test_an_interaction_that_is_open_stays_open_and_its_timeline_goes_on(scene: Scene) -> None:
    [one] = scene.insert(kind="voice-answered")
    explorer = scene.explorer.open(f"?attr={BUSY}")
    dialog = explorer.opened()
    expect(dialog.locator(".summary")).to_contain_text("open")
    before = dialog.locator(".bar").count()
    dialog.locator(".bar").first.focus()
    scene.place.control("POST", "/clock", advance=3_600)
    scene.later()
    expect(dialog.locator(".summary")).not_to_contain_text("open")
    expect(dialog.locator(".identity")).to_contain_text(one)
    expect(dialog.locator(".bar.open")).to_have_count(0)
    assert dialog.locator(".bar").count() > before
    expect(dialog.locator(".bar").first).to_be_focused()
    expect(dialog.locator(".told")).to_contain_text("Customer")
    assert scene.most_at_once == 1


def test_the_pages_shown_are_all_renewed_in_one_step(scene: Scene) -> None:
    explorer = opened(scene, 250)
    explorer.says("100 of 250")
    explorer.row().focus()
    scene.page.keyboard.press("End")
    expect(explorer.found).to_have_text("250 interactions")
    scene.page.evaluate(
        """() => {
          const found = document.querySelector(".found");
          window.said = [];
          new MutationObserver(() => window.said.push(found.textContent))
            .observe(found, { subtree: true, childList: true, characterData: true });
        }"""
    )
    scene.insert(5)
    scene.later()
    explorer.says("255 interactions")
    assert set(scene.page.evaluate("window.said")) - {"250 interactions"} == {"255 interactions"}
    assert scene.most_at_once == 1


def test_a_new_question_is_not_overtaken_by_a_renewal_of_the_old(scene: Scene) -> None:
    opened(scene, 2).says("2 interactions")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    scene.page.route(f"**/interactions?attr={BUSY}&*", hold)
    with scene.page.expect_request(lambda request: f"attr={BUSY}&" in request.url):
        scene.later()
    scene.explorer.ask("1234567")
    scene.page.get_by_role("button", name=f"Remove {BUSY}").click()
    scene.explorer.says("1 interaction")
    for route in held:
        route.abort()
    scene.page.wait_for_url("**/?attr=1234567")
    expect(scene.explorer.found).to_have_text("1 interaction")


def test_a_menu_that_is_open_and_a_bar_that_is_focused_stay_as_they_are(scene: Scene) -> None:
    opened(scene, 4, "#overview")
    bar = scene.page.get_by_role("figure", name="Interactions, a bar").locator("a.bar").last
    bar.focus()
    expect(bar).to_have_text(re.compile(": 4 others"))
    scene.insert(3)
    scene.later()
    expect(bar).to_have_text(re.compile(": 7 others"))
    expect(bar).to_be_focused()
    scene.page.get_by_role("link", name="Interactions").click()
    scene.page.get_by_text("Download", exact=True).click()
    scene.insert()
    scene.later()
    scene.explorer.says("8 interactions")
    expect(scene.page.get_by_role("link", name="NDJSON")).to_be_visible()


def test_a_stale_interaction_that_cannot_be_renewed_stays_and_says_so(scene: Scene) -> None:
    scene.insert(kind="voice-open-in-queue")
    dialog = scene.explorer.open(f"?attr={BUSY}").opened()
    scene.page.route("**/interactions/*", abort)
    scene.later()
    expect(dialog.locator(".stalled")).to_contain_text("Not refreshed. The façade does not answer.")
    expect(dialog.locator(".bar").first).to_be_visible()
    scene.page.unroute("**/interactions/*")
    scene.later(6)
    expect(dialog.locator(".stalled")).to_have_count(0)


def test_clear_views_which_no_cache_may_store_are_renewed_too(explore: Callable[..., Explorer]) -> None:
    shifted = Shifted()
    with served(clock=shifted.clock, anonymous_scopes="read,pii:read") as place:
        scene = Scene(explore(place, **DESK), shifted)
        scene.page.clock.install()
        scene.watch()
        opened(scene, 2, "&pii=clear").says("2 interactions")
        before = len(scene.asked)
        scene.later(FRESH - 5)
        assert len(scene.asked) == before
        scene.insert()
        scene.later(8)
        scene.explorer.says("3 interactions")
