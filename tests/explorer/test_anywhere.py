"""Wherever the page stands and whoever looks at it: behind a prefix, on a phone, in the dark, by keys alone, by ear."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.explorer.conftest import Explorer, Place, served

pytestmark = pytest.mark.timeout(180)

VIEWS = {
    "rows": "?attr=SIM-ABANDON",
    "overview": "?attr=SIM-ABANDON#overview",
    "façade": "?attr=SIM-ABANDON#facade",
    "columns": "#columns",
    "problem": "?attribute-value=1&from=then",
    "empty": "?attr=SIM-EMPTY",
}
PHONE = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "is_mobile": True}
SCHEMES: dict[Literal["light", "dark"], list[str] | None] = {"light": None, "dark": ["color-contrast"]}
"""What the page is looked at in, and by which rules of axe: the dark changes colours alone."""
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def settled(explorer: Explorer, view: str) -> Page:
    """The page once the view shows what it has to show."""
    explorer.open(VIEWS[view])
    landmark = {"rows": "[data-place]", "overview": ".tile", "façade": ".explained", "columns": ".schema li"}
    explorer.page.locator(landmark.get(view, f".{view}")).first.wait_for()
    return explorer.page


def test_behind_a_prefix_everything_works(explore: Callable[..., Explorer]) -> None:
    with served("/call-centre") as place:
        explorer = explore(place).open("?attr=SIM-2500")
        explorer.says("100 of 2,500")
        explorer.row().focus()
        explorer.page.keyboard.press("End")
        explorer.says("600 of 2,500")
        explorer.page.keyboard.press("Home")
        explorer.opened()
        explorer.page.keyboard.press("Escape")
        for view in ("Overview", "Façade", "Columns", "Interactions"):
            explorer.page.get_by_role("link", name=view).click()
        assert explorer.page.url == f"{place.url}/?attr=SIM-2500"
        explorer.page.get_by_role("link", name="API reference").click()
        explorer.page.locator(".opblock").first.wait_for()


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_a_phone(view: str, explore: Callable[..., Explorer], place: Place) -> None:
    page = settled(explore(place, **PHONE), view)
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_every_filter_and_every_text_for_elsewhere_is_in_sight_on_a_phone(
    explore: Callable[..., Explorer], place: Place
) -> None:
    explorer = explore(place, **PHONE).open("?attr=VIP&queue_name=Support")
    explorer.row().wait_for()
    explorer.page.get_by_role("button", name="Use elsewhere").click()
    explorer.page.get_by_role("tab").first.wait_for()
    ends = [
        explorer.page.locator(shown).evaluate_all("all => all.map((one) => one.getBoundingClientRect().right)")
        for shown in (".choice", "[role=tab]")
    ]
    assert min(map(len, ends)) >= 4
    assert max(map(max, ends)) <= 375


def test_an_interaction_fits_a_phone(explore: Callable[..., Explorer], place: Place) -> None:
    explorer = explore(place, **PHONE).open("?attr=1234567")
    dialog = explorer.opened()
    assert dialog.evaluate("(it) => [it.scrollWidth, it.querySelector('.inside').scrollWidth]") == [375, 375]
    assert explorer.page.evaluate("document.documentElement.scrollWidth") == 375


def test_axe_finds_nothing_serious(explore: Callable[..., Explorer], place: Place) -> None:
    explorer = explore(place, color_scheme="light")
    for view in VIEWS:
        assert serious_in_each_scheme(settled(explorer, view)) == {}, view
    settled(explorer, "rows")
    explorer.page.get_by_role("combobox", name="Queue").click()
    explorer.page.get_by_role("listbox").wait_for()
    assert serious_in_each_scheme(explorer.page) == {}, "picker"
    explorer.page.keyboard.press("Escape")
    explorer.opened()
    assert serious_in_each_scheme(explorer.page) == {}, "interaction"
    explorer.page.keyboard.press("Escape")
    for button in ("Use elsewhere", "Columns"):
        explorer.page.locator(".tools").get_by_role("button", name=button).click()
        assert serious_in_each_scheme(explorer.page) == {}, button
        explorer.page.keyboard.press("Escape")


def test_axe_would_find_something(explorer: Explorer) -> None:
    page = settled(explorer, "columns")
    page.evaluate("document.querySelector('.filter').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('.filter').removeAttribute('placeholder')")
    assert [rule for rule, _ in serious(page, ["label"])] == ["label"]


def serious_in_each_scheme(page: Page) -> dict[str, list[Any]]:
    """What axe finds, by scheme."""
    found = {}
    for scheme, rules in SCHEMES.items():
        page.emulate_media(color_scheme=scheme)
        found[scheme] = serious(page, rules)
    return {scheme: faults for scheme, faults in found.items() if faults}


def serious(page: Page, rules: list[str] | None) -> list[Any]:
    """What axe calls serious or critical, by these rules or all: the rule, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    found = page.evaluate("async (options) => (await axe.run(document, options)).violations", options)
    return [
        (one["id"], [(node["html"][:200], node["failureSummary"]) for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_by_keys_alone_one_asks_opens_and_comes_back(explorer: Explorer) -> None:
    explorer.open().rows.first.wait_for()
    keys, page = explorer.page.keyboard, explorer.page
    box = page.get_by_role("combobox", name="Attribute value")
    _tab_to(page, "input[name=condition]")
    keys.type("SIM-TRANSFER")
    keys.press("Enter")
    explorer.says("12 interactions")
    _tab_to(page, "[data-place]")
    keys.press("ArrowDown")
    expect(explorer.row(1)).to_be_focused()
    keys.press("Enter")
    page.get_by_role("dialog", name="Interaction").locator(".bar").first.wait_for()
    _tab_to(page, ".bar")
    keys.press("ArrowRight")
    expect(page.locator(".bar").nth(1)).to_be_focused()
    keys.press("Escape")
    expect(explorer.row(1)).to_be_focused()
    box.focus()
    keys.press("Backspace")
    page.wait_for_url(f"{explorer.place.url}/")


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on what is looked for; all that is passed is visible."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never came to {selector}")


def test_a_ribbon_marks_the_demo_and_only_it(explore: Callable[..., Explorer], place: Place) -> None:
    explorer = explore(place).open("?attr=1234567")
    expect(explorer.page.get_by_role("complementary", name="Demo")).to_contain_text("invented by a simulator")
    real = explore(place)
    real.page.route("**/interactions?*", _as_if_live)
    real.open("?attr=1234567")
    real.says("1 interaction")
    expect(real.page.get_by_role("complementary", name="Demo")).to_have_count(0)


def _as_if_live(route: Any) -> None:
    answer = route.fetch()
    body = answer.json()
    body["meta"]["source"] = "live"
    route.fulfill(response=answer, json=body)
