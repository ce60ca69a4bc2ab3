"""The page behind a real nginx with TLS and a prefix, and where the service has a public URL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.explorer.conftest import Explorer, Place, served
from tests.explorer.test_sharing import copied_from
from tests.scenarios.matrix.authority import Authority
from tests.support.nginx import LOOPBACK, running_nginx

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
