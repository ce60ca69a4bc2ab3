"""One interaction: its timeline to scale, what it carries, how its row came about, and text that stays text."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import expect

from tests.explorer.conftest import Explorer, Place, served
from tests.explorer.test_asking import DOCUMENTED
from tests.support.facade import TENANT

EVIL = '<img src="nowhere" onerror="window.broken = true"><script>window.broken = true</script>'


def test_a_row_opens_its_interaction_and_the_url_says_which(explorer: Explorer) -> None:
    dialog = explorer.open("?attr=1234567").opened()
    assert explorer.page.url.endswith(f"/?attr=1234567#interactions/{DOCUMENTED}")
    expect(dialog).to_contain_text("Custom Attributes")
    for row in ("customAttributeUsingIvrInput 1234567", "Alex Example yes", "Support 10:33:56"):
        dialog.get_by_role("row", name=row).wait_for()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    expect(explorer.row()).to_be_focused()
    assert explorer.page.url.endswith("/?attr=1234567")


def test_an_interaction_shared_by_its_url_opens(explorer: Explorer) -> None:
    explorer.open(f"#interactions/{DOCUMENTED}").page.get_by_role("dialog").locator(".bar").first.wait_for()


def test_bars_are_to_scale_and_each_is_reached_by_pointer_and_keys(explorer: Explorer) -> None:
    dialog = explorer.open("?attr=1234567").opened()
    bars = dialog.locator(".bar")
    widths = {
        bar.get_attribute("class").split()[1]: float(bar.locator("rect").get_attribute("width") or 0)  # type: ignore[union-attr]  # each has one
        for bar in bars.all()
    }
    assert abs(widths["ivr"] / widths["customer"] - 10.469 / 47.212) < 0.01
    assert abs(widths["conversation"] / widths["customer"] - 29.834 / 47.212) < 0.01
    said = dialog.locator(".told")
    bars.nth(1).hover()
    expect(said).to_contain_text("IVR 10 s (10.469 s)")
    bars.first.focus()
    for _ in range(bars.count() - 1):
        explorer.page.keyboard.press("ArrowRight")
    expect(bars.last).to_be_focused()
    expect(said).to_contain_text("Segment 1 47 s (47.448 s)")


def test_a_columns_source_lights_up_in_the_record(explorer: Explorer) -> None:
    dialog = explorer.open("?attr=1234567").opened()
    dialog.get_by_role("row", name="queue_seconds Σ queues[].queueTime").focus()
    expect(dialog.locator(".part.lit")).to_contain_text("queues")
    expect(dialog.locator(".field.lit")).to_have_text(["queue_seconds: 6.591\n"])
    expect(dialog.locator(".field.lit")).to_be_in_viewport()


def test_who_may_see_all_sees_the_record_as_sent_and_each_columns_source_in_it(
    explore: Callable[..., Explorer],
) -> None:
    with served(anonymous_scopes="read,pii:read,notes:read") as place:
        explorer = explore(place).open("?attr=1234567")
        dialog = explorer.opened()
        expect(dialog.locator(".raw .part").first).to_be_visible()
        dialog.get_by_role("button", name="Show it as upstream sent it").click()
        assert explorer.page.url.endswith(f"/?attr=1234567&pii=clear#interactions/{DOCUMENTED}")
        raw = dialog.get_by_role("region", name="Record")
        expect(raw).to_contain_text('"interactionAttributes": [')
        assert json.loads(raw.inner_text()) == _record(place)
        for column, lit in (
            ("queue_seconds", {"queueTime": 6.591}),
            ("customer", {"customer": "+15550123"}),
            ("ivr_seconds", {"ivrTime": 10.469, "startTimestamp": "2018-10-30T14:33:56.423Z"}),
        ):
            dialog.locator(f'[data-column="{column}"]').focus()
            expect(raw.locator(".lit", has_text=f'"{next(iter(lit))}": ')).to_be_in_viewport()
            lines = [line.strip(" ,\n") for line in raw.locator(".lit").all_inner_texts()]
            assert json.loads(f"{{{','.join(sorted(lines))}}}") == lit
        dialog.locator('[data-column="segment_count"]').hover()
        expect(raw.locator(".lit").first).to_have_text('  "segments": [\n')


def test_without_the_scopes_the_page_says_which_are_needed_and_never_asks_for_the_record(explorer: Explorer) -> None:
    asked: list[str] = []
    explorer.page.on("request", lambda request: asked.append(request.url))
    dialog = explorer.open("?attr=1234567").opened()
    expect(dialog.locator(".record")).to_contain_text("needs the scopes pii:read and notes:read")
    assert [url for url in asked if "raw" in url.partition("?")[2]] == []


def test_where_a_policy_hides_attributes_the_page_says_so(explore: Callable[..., Explorer]) -> None:
    with served(anonymous_scopes="read,pii:read,notes:read", attribute_policy="ssn=drop") as place:
        explorer = explore(place).open(f"?attr=1234567&pii=clear#interactions/{DOCUMENTED}")
        record = explorer.page.locator(".record")
        expect(record).to_contain_text("CXF_ATTRIBUTE_POLICY")
        expect(record.locator(".part").first).to_be_visible()


def test_the_next_row_is_one_step_away(explorer: Explorer) -> None:
    dialog = explorer.open("?attr=SIM-TRANSFER").opened()
    dialog.get_by_role("button", name="The next row").click()
    expect(explorer.page.get_by_role("dialog").locator(".identity")).to_contain_text(
        explorer.row(1).get_attribute("data-id") or "no id"
    )


def test_markup_in_data_stays_text(explore: Callable[..., Explorer]) -> None:
    with served(anonymous_scopes="read,notes:read") as place:
        record = _record(place)
        record["notes"] = [{**record["notes"][0], "title": EVIL, "body": EVIL}]
        [one] = place.control("POST", "/insert", name=EVIL, value=EVIL)["ids"]
        explorer = explore(place).open()
        explorer.page.locator(f'[data-id="{one}"]').get_by_text(EVIL).first.wait_for()
        place.control("POST", "/faults", kind="body", times=None, match={"endpoint": "one"}, text=json.dumps(record))
        explorer.open(f"#interactions/{DOCUMENTED}")
        note = explorer.page.locator(".note")
        expect(note.locator(".text")).to_have_text(EVIL)
        assert explorer.page.evaluate("document.querySelectorAll('#page img, #page script').length") == 0
        assert explorer.page.evaluate("window.broken") is None


def _record(place: Place) -> dict[str, Any]:
    """The documented interaction as upstream sends it."""
    credentials = b64encode(f"{TENANT.username}:{TENANT.password}".encode()).decode()
    url = f"{place.upstream}/v1/tenants/{TENANT.tenant_id}/interactions/{DOCUMENTED}"
    with urlopen(Request(url, headers={"Authorization": f"Basic {credentials}"}), timeout=30) as answer:
        record: dict[str, Any] = json.load(answer)
    return record
