"""Where upstream is: an origin and a tenant, nothing that could lead elsewhere."""

import pytest

from app.errors import SettingsError
from app.main import upstream_access
from app.upstream.access import Origin, UpstreamAccess
from tests.settings.reading import read
from tests.upstream.support import TENANT


def at(url: str, tenant_id: str = TENANT) -> UpstreamAccess:
    settings = read(upstream_url=url, tenant_id=tenant_id, username="invented", password="invented-secret")
    return upstream_access(settings)


@pytest.mark.parametrize(
    ("url", "origin", "text"),
    [
        ("https://api.example.com", Origin("https", "api.example.com", 443), "https://api.example.com:443"),
        ("http://127.0.0.1:8090/", Origin("http", "127.0.0.1", 8090), "http://127.0.0.1:8090"),
        ("http://[::1]:8090", Origin("http", "::1", 8090), "http://[::1]:8090"),
        ("HTTPS://API.Example.com", Origin("https", "api.example.com", 443), "https://api.example.com:443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: Origin, text: str) -> None:
    assert at(url).origin() == origin
    assert at(url).origin().url() == text


@pytest.mark.parametrize(
    "url",
    [
        "", "api.example.com", "ftp://api.example.com", "https://", "https://api.example.com/v1", "https://api.example.com?x=1",
        "https://user@api.example.com", "https://:secret@api.example.com", "https://api.example.com:port", "https://x#y",
    ],
)  # fmt: skip
def test_anything_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        at(url)
    assert "example" not in str(caught.value)


def test_the_tenant_is_a_uuid_in_its_canonical_form() -> None:
    assert at("https://x", TENANT.upper()).tenant_id == TENANT
    for tenant_id in ("", "..", "../x", "169.254.169.254", TENANT + "0", "{" + TENANT + "}"):
        with pytest.raises(SettingsError):
            at("https://x", tenant_id)


def test_the_password_is_not_shown() -> None:
    assert "invented-secret" not in repr(at("https://x"))
