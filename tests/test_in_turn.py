"""Two `cxfacade serve` in turn behind a real nginx that runs the documented example: to its clients they are as one."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.http.responses import content_tag
from app.simulator import create_simulator
from tests.commands.running import started
from tests.commands.test_serving import SERVES, TENANT
from tests.support.canary import PSEUDONYM_SECRET, TIER_SECRET
from tests.support.nginx import LOOPBACK, running_in_turn
from tests.support.serving import NO_TLS, serve_in_thread
from tests.support.simulator import QUIET
from tests.support.tier import running_tier

pytestmark = pytest.mark.timeout(180)

SETTINGS = {
    **TENANT,
    "CXF_TRUSTED_PROXIES": LOOPBACK,
    "CXF_ALLOWED_HOSTS": LOOPBACK,
    "CXF_ALLOW_ANONYMOUS": "true",
    "CXF_ANONYMOUS_SCOPES": "read,metrics:read,cache:refresh",
    "CXF_PSEUDONYM_SECRET": PSEUDONYM_SECRET,
    "CXF_FRESH_OPEN_SECONDS": "600",
}
HANG_SECONDS = 60


@dataclass(frozen=True, slots=True)
class InTurn:
    """nginx at `url`, and the façades that it asks in turn; they share what they read if they have a tier."""

    url: str
    simulator: str
    facades: tuple[str, str]
    has_tier: bool

    def happens(self, what: str, **asked: Any) -> list[str]:
        """Have rows arrive at upstream, or leave it; their ids."""
        answer = httpx.post(
            f"{self.simulator}/__sim/{what}", json=asked, trust_env=False, timeout=HANG_SECONDS, verify=NO_TLS
        )
        ids: list[str] = answer.raise_for_status().json()["ids"]
        return ids

    def asked(self, route: str) -> list[float]:
        """How often each façade has answered a list by this route."""
        return [_figure(url, "requests_total", f'route="{route}"') for url in self.facades]

    def readings(self, source: str) -> float:
        """How many turns at reading ended so, at both."""
        return sum(_figure(url, "tier_readings_total", f'source="{source}"') for url in self.facades)


def _figure(url: str, name: str, label: str) -> float:
    lines = httpx.get(f"{url}/metrics", trust_env=False, timeout=HANG_SECONDS, verify=NO_TLS).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"cxfacade_{name}{{") and label in line)


@pytest.fixture(scope="module", params=[True, False], ids=["tier", "no tier"])
def in_turn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InTurn]:
    """Upstream's rows are days old: one that settles between two readings is another row to the second reader."""
    folder, has_tier = tmp_path_factory.mktemp("turns"), bool(request.param)
    with ExitStack() as closing:
        settings = dict(SETTINGS)
        if has_tier:
            tier = closing.enter_context(running_tier())
            settings |= {"CXF_REDIS_URL": tier.url, "CXF_TIER_SECRET": TIER_SECRET}
        settings["CXF_UPSTREAM_URL"] = upstream = closing.enter_context(serve_in_thread(create_simulator(QUIET)))
        one, two = (
            closing.enter_context(started(folder, "serve", "--port", "0", last=SERVES, **settings)).url(SERVES)
            for _ in range(2)
        )
        ports = (urlsplit(one).port or 0, urlsplit(two).port or 0)
        yield InTurn(closing.enter_context(running_in_turn(folder, ports)), upstream, (one, two), has_tier)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=HANG_SECONDS) as client:
        yield client


def rows_of(client: httpx.Client, url: str) -> tuple[list[tuple[Any, ...]], list[str]]:
    """The key of each row of a walk, and the URL of each page."""
    rows, pages = list[tuple[Any, ...]](), list[str]()
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += [(row["interaction_id"], row.get("position")) for row in page["items"]]
        pages.append(url)
        url = page["next"] or ""
    return rows, pages


@pytest.mark.parametrize(
    ("question", "route"),
    [
        ("/interactions?attr=SIM-2500&limit=300", "/interactions"),
        ("/interactions?attr=SIM-2500&limit=400&sort=duration_seconds", "/interactions"),
        ("/queue-entries?attr=SIM-2500&limit=500&fields=interaction_id,position", "/queue-entries"),
        ("/queue-entries?attr=SIM-2500&limit=500&fields=interaction_id,position&sort=queue_name", "/queue-entries"),
    ],
)
def test_a_walk_sees_each_row_once(in_turn: InTurn, client: httpx.Client, question: str, route: str) -> None:
    before = in_turn.asked(route)
    rows, pages = rows_of(client, in_turn.url + question)
    assert all(url.startswith(in_turn.url) for url in pages)
    assert len(pages) > 4
    assert all(after - first >= len(pages) // 2 for first, after in zip(before, in_turn.asked(route), strict=True))
    whole, _ = rows_of(client, in_turn.facades[0] + re.sub("limit=[0-9]+", "limit=10000", question))
    assert rows == whole
    assert len(set(rows)) == len(rows) >= 2_500


def test_a_walk_through_a_crowd_of_one_millisecond_sees_each_row_once(in_turn: InTurn, client: httpx.Client) -> None:
    start, others = "2026-01-02T03:04:05.678Z", ("2026-01-02T03:04:05.677Z", "2026-01-02T03:04:05.679Z")
    new = in_turn.happens("insert", n=350, start=start, value="crowd")
    new += [name for each in others for name in in_turn.happens("insert", n=5, start=each, value="crowd")]
    before = in_turn.asked("/interactions")
    rows, pages = rows_of(client, f"{in_turn.url}/interactions?attr=crowd&limit=60")
    assert all(after - first >= 3 for first, after in zip(before, in_turn.asked("/interactions"), strict=True))
    assert len(pages) == 6
    assert sorted(name for name, _ in rows) == sorted(new)


def test_a_walk_through_changes_sees_each_once_where_a_tier_tells_them(in_turn: InTurn, client: httpx.Client) -> None:
    question, start, anew = "/interactions?attr=changing", "2026-01-02T03:04:05.678Z", {"Cache-Control": "no-cache"}
    old, one = in_turn.happens("insert", n=9, start=start, value="changing"), in_turn.facades[0]
    token = client.get(one + question).json()["meta"]["change_token"]
    since = f"{one}{question}&limit=2&changed_since={token}"
    assert client.get(since).json()["items"] == []
    new = in_turn.happens("insert", n=4, start=start, value="changing")
    assert client.get(since, headers=anew).json()["next"]
    gone = in_turn.happens("remove", ids=old[:3])
    pages = [client.get(since, headers=anew).json()]
    while following := pages[-1]["next"]:
        answers = [client.get(in_turn.url + following.removeprefix(in_turn.url).removeprefix(one)) for _ in range(2)]
        good = [answer.json() for answer in answers if answer.status_code == 200]
        codes = {answer.json()["code"] for answer in answers if answer.status_code == 410}
        assert (len(good), codes) == ((2, set()) if in_turn.has_tier else (1, {"change-token-expired"}))
        assert all((page["items"], page["removed"]) == (good[0]["items"], good[0]["removed"]) for page in good)
        pages.append(good[-1])
    assert len(pages) == 4
    assert sorted(row["interaction_id"] for page in pages for row in page["items"]) == sorted(new)
    assert sorted(name for page in pages for name in page["removed"]) == sorted(gone)
    assert len({page["meta"]["change_token"] for page in pages}) == 1


@pytest.mark.parametrize(
    "question",
    [
        "/interactions?attr=SIM-ABANDON",
        "/interactions.csv?attr=SIM-2500&limit=7",
        "/queue-entries/summary?by=queue_name&attr=SIM-2500",
        "/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17",
    ],
)
def test_what_one_has_sent_is_unchanged_at_either(in_turn: InTurn, client: httpx.Client, question: str) -> None:
    answers = [client.get(in_turn.url + question) for _ in range(4)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({content_tag(answer.headers["etag"]) for answer in answers}) == 1
    for answer in answers[:2]:
        again = [
            client.get(in_turn.url + question, headers={"If-None-Match": answer.headers["etag"]}) for _ in range(4)
        ]
        assert [one.status_code for one in again] == [304] * 4


def test_what_one_has_read_the_other_does_not_ask_for(in_turn: InTurn, client: httpx.Client) -> None:
    before = in_turn.readings("upstream"), in_turn.readings("tier")
    for _ in range(2):
        assert client.get(f"{in_turn.url}/interactions?attr=SIM-OPEN").status_code == 200
    assert in_turn.readings("upstream") - before[0] == in_turn.has_tier
    assert in_turn.readings("tier") - before[1] == in_turn.has_tier
