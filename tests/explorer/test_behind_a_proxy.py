"""The page behind a real nginx: with TLS and a prefix, in front of two façades; and where there is a public URL."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from app.main import create_app
from app.simulator import create_simulator
from tests.explorer.conftest import Explorer, Place, fetched, served
from tests.explorer.test_sharing import copied_from
from tests.scenarios.matrix.authority import Authority
from tests.support.canary import TIER_SECRET, WATCH, Watched
from tests.support.facade import ONE_ATTEMPT, TENANT, facade_settings
from tests.support.nginx import LOOPBACK, running_in_turn, running_nginx
from tests.support.serving import serve_in_thread
from tests.support.tier import running_tier

pytestmark = pytest.mark.timeout(180)

PUBLIC = "https://reports.example/call-centre"


@contextmanager
def behind_nginx(folder: Path) -> Iterator[Place]:
    """A façade that believes nginx, as its clients see it."""
    with served(trusted_proxies=LOOPBACK, allow_anonymous=True) as place:
        port = urlsplit(place.url).port or 0
        with running_nginx(folder, port, Authority(folder).certificate("good")) as url:
            yield Place(url, place.upstream)


def test_behind_nginx_everything_works(explore: Callable[..., Explorer], tmp_path: Path) -> None:
    with behind_nginx(tmp_path) as place:
        explorer = explore(place, ignore_https_errors=True).open("?attr=SIM-2500")
        explorer.says("100 of 2,500")
        explorer.row().focus()
        explorer.page.keyboard.press("End")
        explorer.says("600 of 2,500")
        explorer.page.keyboard.press("Home")
        explorer.opened()
        explorer.page.keyboard.press("Escape")
        for view in ("Overview", "Façade", "Columns", "Interactions"):
            explorer.page.get_by_role("link", name=view).click()
        texts = copied_from(explorer)
        assert f"{place.url}/interactions?" in texts["curl"]
        explorer.page.keyboard.press("Escape")
        explorer.page.locator("details.menu summary").click()
        with explorer.page.expect_download() as download:
            explorer.page.get_by_role("link", name="NDJSON").click()
        assert download.value.path().read_text(encoding="utf-8").count("\n") == 2500
        explorer.page.get_by_role("link", name="API reference").click()
        expect(explorer.page.locator(".opblock").first).to_be_visible()
        assert explorer.page.url.startswith(f"{place.url}/docs")


@contextmanager
def in_turn(folder: Path, **settings: Any) -> Iterator[Place]:
    """Two façades in front of one simulator that nginx asks in turn."""
    with ExitStack() as closing:
        closing.enter_context(WATCH.hearing())
        simulator = closing.enter_context(serve_in_thread(create_simulator(TENANT)))
        given = facade_settings(simulator, trusted_proxies=LOOPBACK, allow_anonymous=True, **settings)
        urls = [
            closing.enter_context(serve_in_thread(Watched(create_app(given, limits=ONE_ATTEMPT)))) for _ in range(2)
        ]
        ports = (urlsplit(urls[0]).port or 0, urlsplit(urls[1]).port or 0)
        yield Place(closing.enter_context(running_in_turn(folder, ports)), simulator)


@pytest.mark.parametrize("has_tier", [True, False])
def test_in_turn_two_are_as_one(explore: Callable[..., Explorer], tmp_path: Path, *, has_tier: bool) -> None:
    with ExitStack() as closing:
        tier = closing.enter_context(running_tier()) if has_tier else None
        given = {"redis_url": tier.url, "tier_secret": TIER_SECRET} if tier else {}
        place = closing.enter_context(in_turn(tmp_path, **given))
        explorer = explore(place).open("?attr=SIM-2500")
        explorer.says("100 of 2,500")
        explorer.row().focus()
        for shown in (*(f"{count:,} of 2,500" for count in (600, 1_100, 1_600, 2_100)), "2,500"):
            explorer.page.keyboard.press("End")
            expect(explorer.found).to_have_text(f"{shown} interactions")
        explorer.page.keyboard.press("End")
        explorer.row(2_499).wait_for()
        whole = json.loads(fetched(f"{place.url}/interactions?attr=SIM-2500&limit=10000"))
        wanted = [row["interaction_id"] for row in whole["items"]]
        seen = explorer.rows.evaluate_all("all => all.map((one) => [Number(one.dataset.place), one.dataset.id])")
        assert seen
        assert [wanted[number] for number, _ in seen] == [name for _, name in seen]
        explorer.page.keyboard.press("Home")
        explorer.opened()


def test_what_is_copied_names_the_public_url(explore: Callable[..., Explorer]) -> None:
    """While the page itself asks where it was loaded from."""
    with served("", public_url=PUBLIC) as place:
        explorer = explore(place).open("?attr=1234567")
        explorer.says("1 interaction")
        texts = copied_from(explorer)
    assert texts
    for language, text in texts.items():
        assert f"{PUBLIC}/" in text, language
        assert place.url not in text, language
