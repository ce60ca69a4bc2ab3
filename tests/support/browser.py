"""A real browser for tests of pages: the system's Chromium, headless, which reaches this machine alone."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright
from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = ("chromium", "chromium-browser", "google-chrome")
LEFT_OUT = (
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,"  # pages of the address bar, which each window loads though none shows it
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,"
    "OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch"
)
"""Features of the browser; all but the first two are Playwright's own list, which ours stands for."""
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--disable-features={LEFT_OUT}",
]


@contextmanager
def running_browser(reason: str, *names: str) -> Iterator[Browser]:
    """A browser to which `names` are this machine; where there is none, skip for this reason, or fail in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = f"no Chromium on this machine: {reason}"
        pytest.fail(reason) if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip(reason)
    rules = [*(f"MAP {name} 127.0.0.1" for name in names), "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=found, args=[*OPTIONS, f"--host-resolver-rules={', '.join(rules)}"]
        )
        yield running
        running.close()


def behind(prefix: str, app: ASGIApp) -> ASGIApp:
    """The application as it is seen through a proxy that serves it under a path prefix."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            assert scope["path"].startswith(f"{prefix}/")
            scope = {**scope, "path": scope["path"].removeprefix(prefix), "raw_path": scope["raw_path"][len(prefix) :]}
        await app(scope, receive, send)

    return proxy
