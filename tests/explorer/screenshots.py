"""Pictures of the explorer's main states, at a desk and on a phone, by day and by night: `make screenshots`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page

from tests.explorer.conftest import PATIENCE, Explorer, fetched, served
from tests.explorer.test_asking import DOCUMENTED
from tests.support.browser import running_browser
from tests.support.clock import HandClock
from tests.support.simulator import ANCHOR

README = Path(__file__).parents[2] / "docs/explorer.png"
DEVICES: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True},
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def elsewhere(page: Page) -> None:
    page.get_by_role("button", name="Use elsewhere").click()
    page.get_by_role("tab", name="Python").click()


def columns(page: Page) -> None:
    page.locator(".tools").get_by_role("button", name="Columns").click()


def source(page: Page) -> None:
    page.locator('[data-column="queue_seconds"]').focus()
    page.locator(".raw .lit").wait_for()
    page.locator(".record h3").evaluate("(title) => title.scrollIntoView()")


def nothing(_page: Page) -> None:
    """As it is."""


# Where the page is opened, what tells that it is ready, and what is done then; long ones are taken whole.
STATES: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "rows": ("", "[data-place]", nothing),
    "answer": ("?attr=VIP&from=now-7d/d&queue_name=Support", "[data-place]", nothing),
    "interaction": ("?attr=SIM-TRANSFER#interactions/{first}", ".bar", nothing),
    "record": ("?attr=1234567&pii=clear#interactions/{documented}", ".raw > pre", source),
    "overview": ("?from=now-7d/d#overview", ".tile", nothing),
    "facade": ("?attr=VIP#facade", ".explained", nothing),
    "columns": ("#columns", ".schema li", nothing),
    "problem": ("?attribute-value=1234567&from=yesterdayish", ".problem", nothing),
    "empty": ("?attr=SIM-EMPTY&from=now-7d/d", ".empty", nothing),
    "elsewhere": ("?attr=VIP&from=now-7d/d", "[data-place]", elsewhere),
    "chooser": ("?attr=VIP", "[data-place]", columns),
}


def take(folder: Path) -> None:
    """Write every picture into `folder`, and the one for the README where it stands."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = HandClock(wall=ANCHOR).clock
    with (
        served(clock=clock, anonymous_scopes="read,metrics:read,pii:read,notes:read") as place,
        running_browser("no pictures are taken") as browser,
    ):
        first = json.loads(fetched(f"{place.url}/interactions?attr=SIM-TRANSFER&limit=1"))["items"][0]["interaction_id"]
        for device, options in DEVICES.items():
            for scheme in SCHEMES:
                context = browser.new_context(**options, color_scheme=scheme, reduced_motion="reduce")
                context.set_default_timeout(PATIENCE)
                for state, (where, ready, act) in STATES.items():
                    page = context.new_page()
                    page.clock.set_fixed_time(ANCHOR)
                    Explorer(page, place).open(where.format(first=first, documented=DOCUMENTED))
                    page.locator(ready).first.wait_for()
                    act(page)
                    page.locator(".progress:not(.on), main:not(:has(.progress))").first.wait_for(state="attached")
                    page.screenshot(path=folder / f"{state}-{device}-{scheme}.png", full_page=state == "overview")
                    page.close()
                context.close()
    README.write_bytes((folder / "rows-desk-light.png").read_bytes())


if __name__ == "__main__":
    take(Path(sys.argv[1]))
