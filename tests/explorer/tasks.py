"""How long a page's main thread works without a break, in its own processor time: other work is left out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page


@contextmanager
def tasks_of(browser: Browser, page: Page) -> Iterator[list[float]]:
    """The milliseconds of each task that the page's main thread ran meanwhile; filled in at the end."""
    found: list[float] = []
    browser.start_tracing(page=page, categories=["-*", "disabled-by-default-devtools.timeline"])
    try:
        yield found
        page.evaluate("() => new Promise(setTimeout)")  # a task of its own: the one before has ended and is recorded
    finally:
        events = json.loads(browser.stop_tracing())["traceEvents"]
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = (event for event in events if event["name"] == "RunTask" and event["ph"] == "X")
    found += [event.get("tdur", 0) / 1000 for event in tasks if (event["pid"], event["tid"]) in main]
