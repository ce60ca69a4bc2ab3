"""Nothing of ours leaves for anywhere else: threats T01 to T06 of FAULTS section 5."""

import contextlib
import ssl
from urllib.parse import quote, unquote, urlsplit

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import SettingsError, UpstreamError
from app.simulator.wire import whole
from app.upstream.access import INTERACTION, TOKENS, target
from tests.scenarios.matrix.authority import Authority
from tests.scenarios.matrix.rows import BASIC, REDIRECT, RIGHT, SECURE, TOKEN
from tests.scenarios.matrix.scene import Fault, Scene, staged
from tests.scenarios.matrix.setting import CERTIFICATES, VALUE, Setting
from tests.support.facade import TENANT, facade_settings, running_facade
from tests.support.raw import Exchange, spy_server
from tests.upstream.support import access, opened

REDIRECTS = (301, 302, 303, 307, 308)
HOSTILE = ("169.254.169.254", "../x", "..%2fx", "a@evil.example", "%2e%2e", "//evil.example/", "x?y", "x#y", "\\evil")


def redirecting(status: int) -> Fault:
    """Every answer, a login's included, points to the spy."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        location = ("location", f"{scene.spy.url}{exchange.request.target}")
        await exchange.write(whole(b"", location, ("connection", "keep-alive"), status=status))

    return Fault(strike)


@pytest.fixture
def certificates(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> dict[str, ssl.SSLContext]:
    """Certificates of an authority that the façade trusts."""
    monkeypatch.setattr(certifi, "where", lambda: str(authority.root))
    return {kind: authority.context(kind) for kind in CERTIFICATES}


@pytest.mark.threat("T01")
@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("setting", [BASIC, TOKEN, SECURE], ids=["to another port", "with a token", "https to http"])
async def test_a_redirect_carries_nothing_anywhere(
    status: int, setting: Setting, certificates: dict[str, ssl.SSLContext]
) -> None:
    async with staged(redirecting(status), setting, certificates if setting.tls else {}) as scene:
        await scene.break_upstream()
        REDIRECT.check(await scene.ask(), scene)
        scene.desk.granted.clear()
        scene.clock.advance(11)
        REDIRECT.check(await scene.ask(), scene)
        assert scene.spy.connections == 0


@pytest.mark.threat("T02")
@given(segment=st.text(min_size=1).filter(lambda text: text not in (".", "..") and not _is_surrogate(text)))
def test_whatever_a_path_parameter_says_it_stays_one_segment_of_the_path(segment: str) -> None:
    asked = target(INTERACTION, {"tenant": TENANT.tenant_id, "interaction": segment}, ())
    parts = urlsplit(f"https://upstream.example{asked}")
    assert (parts.hostname, parts.port, parts.query, parts.fragment) == ("upstream.example", None, "", "")
    *path, last = parts.path.split("/")
    assert path == ["", "v1", "tenants", TENANT.tenant_id, "interactions"]
    assert unquote(last) == segment


def _is_surrogate(text: str) -> bool:
    return any("\ud800" <= one <= "\udfff" for one in text)


@pytest.mark.threat("T02")
@pytest.mark.parametrize("segment", HOSTILE)
async def test_a_hostile_path_parameter_reaches_the_configured_host_and_no_other(segment: str) -> None:
    async with spy_server() as upstream, opened(access(upstream.url)) as opening:
        with contextlib.suppress(UpstreamError):  # what the spy says is no interaction
            await opening.client.interaction(segment)
        (request,) = upstream.requests
        assert request.headers["host"] == f"127.0.0.1:{upstream.port}"
        assert unquote(request.path.rpartition("/")[2]) == segment


@pytest.mark.threat("T03")
@pytest.mark.parametrize("text", HOSTILE)
async def test_what_a_client_sends_names_no_host_and_no_tenant(text: str) -> None:
    sent = quote(text, safe="")
    async with staged(Fault(), BASIC) as scene:
        for path in (f"/interactions/{sent}", f"/interactions/{sent}/timeline", f"/{sent}", f"/{sent}/interactions"):
            answer = await scene.facade.get(path, status=None)
            assert 400 <= answer.status_code < 500
        for name in ("tenant", "region", "base_url"):
            assert (await scene.facade.get("/interactions", (name, text), status=None)).status_code == 400
        assert scene.upstream.connections == 0
        for name in ("tenant_id", "flow_name"):  # conditions on columns, answered here; no tenant has such an id
            status = 400 if name == "tenant_id" else 200
            await scene.facade.get("/interactions", (name, text), status=status)
        assert not any(text in unquote(request.path) for request in scene.upstream.requests)


@pytest.mark.threat("T03")
@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_configured_is_a_tenant_and_an_origin_or_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        facade_settings("https://upstream.example", tenant_id=text)
    with pytest.raises(SettingsError):
        facade_settings(f"https://upstream.example/{text}")


@pytest.mark.threat("T04")
async def test_proxies_of_the_environment_see_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with spy_server() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        async with staged(Fault(), TOKEN) as scene:
            RIGHT.check(await scene.ask(), scene)
            assert scene.upstream.requests[0].path == TOKENS.path
        assert proxy.connections == 0


@pytest.mark.threat("T05")
@pytest.mark.parametrize("url", ["http://api.cxengage.net", "http://10.0.0.1", "http://127.0.0.1.evil.example"])
def test_an_upstream_without_tls_is_refused_unless_it_is_this_machine(url: str) -> None:
    with pytest.raises(SettingsError):
        facade_settings(url)
    facade_settings("http://127.0.0.1:9")


@pytest.mark.threat("T05")
async def test_over_tls_an_upstream_that_proves_itself_is_asked(certificates: dict[str, ssl.SSLContext]) -> None:
    async with staged(Fault(), SECURE, certificates) as scene:
        RIGHT.check(await scene.ask(), scene)
        assert scene.upstream.handshakes == 1


@pytest.mark.threat("T06")
async def test_a_cookie_of_one_tenant_comes_back_neither_for_it_nor_for_another() -> None:
    async def baking(exchange: Exchange, scene: Scene) -> None:
        cookie = ("set-cookie", "session=invented; Path=/; Max-Age=9999")
        await exchange.write(whole(scene.desk.body(exchange), cookie))

    async with staged(Fault(baking), BASIC) as scene:
        await scene.break_upstream()
        other = running_facade(scene.upstream.url(), tenant_id="11111111-2222-4333-8444-555555555555")
        for number in range(3):
            RIGHT.check(await scene.ask(f"{VALUE}-{number}"), scene)
        async with other as facade:
            await facade.get("/interactions", ("attr", VALUE), status=None)
        assert len(scene.upstream.requests) == 4
        assert [request.headers.get("cookie") for request in scene.upstream.requests] == [None] * 4
