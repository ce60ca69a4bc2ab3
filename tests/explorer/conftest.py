"""A browser and a façade for the package; the page of each test must ask nobody else and not complain."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, expect

from app.clock import SYSTEM_CLOCK, Clock
from app.main import create_app
from app.simulator import create_simulator
from tests.support.browser import behind, running_browser
from tests.support.canary import WATCH, Watched
from tests.support.facade import ONE_ATTEMPT, TENANT, facade_settings
from tests.support.serving import serve_in_thread

PATIENCE = 30_000  # milliseconds: a hang guard, as rendering takes its time on a busy machine


@dataclass(frozen=True, slots=True)
class Place:
    """Where a façade is served, and the simulator behind it."""

    url: str
    upstream: str

    def control(self, method: str, path: str, **asked: Any) -> Any:
        """What the simulator's control says."""
        request = Request(f"{self.upstream}/__sim{path}", method=method, data=json.dumps(asked).encode())
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)


def fetched(url: str) -> str:
    """The text at a URL."""
    with urlopen(url, timeout=30) as answer:
        text: str = answer.read().decode()
        return text


@contextmanager
def served(prefix: str = "", clock: Clock = SYSTEM_CLOCK, **settings: Any) -> Iterator[Place]:
    """A façade that asks upstream once, in front of a simulator; under a path prefix if there is one."""
    with WATCH.hearing(), serve_in_thread(create_simulator(TENANT)) as simulator:
        app = Watched(create_app(facade_settings(simulator, **settings), clock=clock, limits=ONE_ATTEMPT))
        with serve_in_thread(behind(prefix, app) if prefix else app) as url:
            yield Place(f"{url}{prefix}", simulator)


class Explorer:
    """The page as its tests see it."""

    def __init__(self, page: Page, place: Place) -> None:
        self.page = page
        self.place = place

    def open(self, where: str = "") -> "Explorer":
        self.page.goto(f"{self.place.url}/{where}")
        self.page.locator("main").wait_for()
        return self

    def ask(self, text: str) -> None:
        box = self.page.get_by_role("combobox", name="Attribute value")
        box.fill(text)
        box.press("Enter")

    @property
    def rows(self) -> Locator:
        return self.page.locator("[data-place]")

    def row(self, place: int = 0) -> Locator:
        return self.page.locator(f'[data-place="{place}"]')

    @property
    def found(self) -> Locator:
        return self.page.locator(".found")

    def says(self, text: str) -> None:
        """Wait until the count above the rows says this."""
        self.page.locator(".found", has_text=text).wait_for()

    def opened(self) -> Locator:
        """Open the first row and wait for its timeline."""
        self.row().click()
        dialog = self.page.get_by_role("dialog", name="Interaction")
        dialog.locator(".bar").first.wait_for()
        return dialog


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all of the package; its loop must end before a test of another package runs one."""
    expect.set_options(timeout=PATIENCE)
    with running_browser("the explorer is not looked at") as running:
        yield running


@pytest.fixture(scope="package")
def place() -> Iterator[Place]:
    """A façade that all tests may ask which change nothing for others; its viewers see counters and notes."""
    with served(anonymous_scopes="read,metrics:read,notes:read", max_rows=10_000) as running:
        yield running


@pytest.fixture
def explore(browser: Browser) -> Iterator[Callable[..., Explorer]]:
    """Makes explorers: of a place, in a browser's context as its options say. All they did is looked at in the end."""
    with ExitStack() as contexts:

        def make(place: Place, **options: Any) -> Explorer:
            context = browser.new_context(**{"permissions": ["clipboard-read", "clipboard-write"], **options})
            context.set_default_timeout(PATIENCE)
            contexts.callback(context.close)
            contexts.callback(_checked(context, place))
            return Explorer(context.new_page(), place)

        yield make


@pytest.fixture
def explorer(explore: Callable[..., Explorer], place: Place) -> Explorer:
    """The page of the shared façade at a desk, not opened yet."""
    return explore(place, viewport={"width": 1280, "height": 800})


def _checked(context: BrowserContext, place: Place) -> Callable[[], None]:
    """What looks at all that the pages of a context did: no request elsewhere, no error, no breach of policy."""
    asked: list[str] = []
    complaints: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)

    def check() -> None:
        assert asked, "nothing was asked"
        assert [url for url in asked if not url.startswith((f"{place.url}/", "blob:"))] == []
        assert [said for said in complaints if "Failed to load resource" not in said] == []  # a refusal, as wanted

    return check


def answered(explorer: Explorer, path: str) -> Callable[[Response], bool]:
    """Whether a response is the façade's to this path."""
    return lambda response: response.url.partition("?")[0] == f"{explorer.place.url}{path}"
