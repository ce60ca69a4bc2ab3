"""`cxfacade serve` behind a real nginx that runs the documented example: TLS, a prefix, the addresses of clients."""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from tests.commands.running import started
from tests.commands.test_serving import SERVES, TENANT
from tests.listener.place import HANG_SECONDS
from tests.scenarios.matrix.authority import Authority
from tests.support.keys import given, write
from tests.support.listing import Listing, failing_from, listed
from tests.support.nginx import EXAMPLE, LOOPBACK, PREFIX, running_nginx

pytestmark = pytest.mark.timeout(180)

LIMITED, WRONG = given("limited", "read", quota=3), given("unknown", "read")
CONNECTIONS = 3
SPOOFED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
}
ENVIRONMENT = {
    name: value.replace("reports.example", LOOPBACK)
    for name, value in re.findall(r"^#\s+(CXF_\w+)=(\S+)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
}
"""What the example says of cxfacade's own settings."""


@dataclass(frozen=True, slots=True)
class Behind:
    """nginx at `url`, with the prefix; `facade` is what it asks, and `trust` knows its certificate's authority."""

    url: str
    facade: str
    trust: ssl.SSLContext

    def client(self, address: str = LOOPBACK, **headers: str) -> httpx.Client:
        """A client that comes from an address of loopback."""
        transport = httpx.HTTPTransport(verify=self.trust, local_address=address)
        return httpx.Client(transport=transport, trust_env=False, headers=headers, timeout=HANG_SECONDS)

    def get(self, path: str, *, address: str = LOOPBACK, **headers: str) -> httpx.Response:
        with self.client(address, **headers) as client:
            return client.get(self.url + path)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("nginx")
    authority = Authority(folder)
    given = {
        **TENANT,
        **ENVIRONMENT,
        "CXF_CLIENT_KEYS_FILE": str(write(folder / "keys.json", LIMITED)),
        "CXF_ALLOW_ANONYMOUS": "true",
        "CXF_CONNECTIONS_PER_ADDRESS": str(CONNECTIONS),
    }
    with started(folder, "simulate", "--port", "0") as simulator:
        given["CXF_UPSTREAM_URL"] = simulator.url("cxfacade simulate")
        with started(folder, "serve", "--port", "0", last=SERVES, **given) as facade:
            own = facade.url(SERVES)
            with running_nginx(folder, urlsplit(own).port or 0, authority.certificate("good")) as url:
                yield Behind(url, own, ssl.create_default_context(cafile=authority.root))


def test_the_example_names_the_settings_that_it_needs() -> None:
    assert ENVIRONMENT == {"CXF_TRUSTED_PROXIES": LOOPBACK, "CXF_ALLOWED_HOSTS": LOOPBACK}


@pytest.mark.threat("T34")
@pytest.mark.parametrize("headers", [{}, SPOOFED], ids=["plain", "spoofed"])
def test_next_and_link_lead_on_through_the_proxy(behind: Behind, headers: dict[str, str]) -> None:
    with behind.client(**headers) as client:
        url, ids = f"{behind.url}/interactions.json?limit=1000&attr=SIM-2500", list[str]()
        while url:
            answer = client.get(url)
            assert answer.status_code == 200, answer.text
            page: dict[str, Any] = answer.json()
            assert answer.links.get("next", {}).get("url") == page["next"]
            ids += [row["interaction_id"] for row in page["items"]]
            url = page["next"] or ""
            assert not url or url.startswith(f"{behind.url}/interactions.json?")
    assert len(ids) == len(set(ids)) == page["meta"]["total"]
    assert len(ids) == 2500


async def test_a_streamed_answer_that_is_cut_short_is_cut_short_for_the_clients_of_the_proxy(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    trust = ssl.create_default_context(cafile=authority.root)
    listing = Listing(4_000, before=failing_from(3))
    async with listed(listing, allowed_hosts=LOOPBACK) as (facade, _):
        with running_nginx(tmp_path, urlsplit(facade.url).port or 0, authority.certificate("good")) as url:
            async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=HANG_SECONDS) as client:
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get(f"{url}/interactions.csv?limit=all")
                listing.before = None
                whole = await client.get(f"{url}/interactions.csv?limit=all")
                assert whole.text.count("\n") == 4_001


def test_who_asks_directly_is_not_believed_and_gets_links_of_its_own(behind: Behind) -> None:
    """Also where the same request came through the proxy before: ready answers are told apart."""
    question = "/interactions?limit=1"
    for _ in range(2):
        assert behind.get(question).json()["next"].startswith(f"{behind.url}/interactions?")
        with behind.client("127.0.0.2", **SPOOFED) as stranger:
            assert stranger.get(behind.facade + question).json()["next"].startswith(f"{behind.facade}/interactions?")


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/interactions?limit=none", {}, "invalid-parameter"),
        ("/nowhere", {}, "not-found"),
        ("/interactions;a", {}, "bad-target"),
        ("/interactions?limit=2", {"Range": "bytes=99999999-"}, "range-not-satisfiable"),
        ("/docs/assets/docs.js", {"Range": "bytes=99999999-"}, "range-not-satisfiable"),
        ("/interactions", {"X-API-Key": WRONG.secret}, "unauthorized"),
        ("/metrics", {}, "forbidden"),
    ],
)
def test_a_problem_leads_to_its_page(behind: Behind, path: str, headers: dict[str, str], code: str) -> None:
    for _ in range(2):  # an exact repeat is answered elsewhere in the code
        answer = behind.get(path, **headers)
        told = answer.json()
        assert told["code"] == code
        assert urljoin(str(answer.url), told["instance"]) == behind.url + path.partition("?")[0]
        page = behind.get(urljoin(str(answer.url), told["type"]).removeprefix(behind.url), Accept="text/html")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    explained = behind.get(f"/problems/{code}").json()
    assert explained["type"] == f"{PREFIX}/problems/{code}"


def test_the_reference_finds_its_document_and_parts(behind: Behind) -> None:
    page = behind.get("/docs")
    assert page.status_code == 200
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert named
    for part in named:
        found = behind.get(urljoin(str(page.url), part).removeprefix(behind.url))
        assert found.status_code == 200, part
    document = behind.get("/openapi.json")
    [server] = document.json()["servers"]
    assert urljoin(str(document.url), server["url"]) == f"{behind.url}/"


def test_the_prefix_alone_leads_to_the_page(behind: Behind) -> None:
    answer = behind.get("")
    assert (answer.status_code, answer.headers["location"]) == (308, f"{behind.url}/")
    assert '<link rel="canonical" href=".">' in behind.get("/").text


def test_a_keys_quota_holds_whatever_address_it_comes_from(behind: Behind) -> None:
    answers = [
        behind.get("/interactions?limit=1", address=f"127.0.0.{10 + number}", **{"X-API-Key": LIMITED.secret})
        for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers[:3]] == [
        f'"key";r={left}' for left in (2, 1, 0)
    ]
    assert int(answers[3].headers["retry-after"]) > 0
    assert behind.get("/interactions?limit=1").status_code == 200, "nobody else is limited"


@pytest.mark.threat("T34", "T40")
def test_the_bound_of_connections_is_for_clients_and_not_for_the_proxy(behind: Behind) -> None:
    def connected(address: str) -> list[int | None]:
        clients = [behind.client(address) for _ in range(CONNECTIONS + 2)]
        found: list[int | None] = []
        for client in clients:
            try:
                found.append(client.get(f"{behind.facade}/health/live").status_code)
            except httpx.TransportError:
                found.append(None)
        for client in clients:
            client.close()
        return found

    assert connected("127.0.0.30") == [200] * CONNECTIONS + [None] * 2
    assert connected(LOOPBACK) == [200] * (CONNECTIONS + 2)
