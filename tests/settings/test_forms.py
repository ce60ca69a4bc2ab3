"""The forms of settings: how each value is read, and one clear line for a bad one."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.settings.reading import CANARY, TENANT, faults, read


def test_every_value_is_read_in_its_own_form() -> None:
    settings = read(
        {
            "CXF_UPSTREAM_URL": "https://EU-west-1-prod-api.cxengage.net/",
            "CXF_TENANT_ID": TENANT.upper(),
            "CXF_USERNAME": "api-key",
            "CXF_PASSWORD": "p$w{x}#1 ",
            "CXF_AUTH": "TOKEN",
            "CXF_HOST": "::1",
            "CXF_PORT": "0",
            "CXF_FRESH_OPEN_SECONDS": "0.5",
            "CXF_STALE_SECONDS": "0",
            "CXF_HOLD": "7d",
            "CXF_SLA_BY_QUEUE": "Support=30, Sales = 1.5,a=b=2",
            "CXF_ABANDON_SECONDS": "5",
            "CXF_SLA_ABANDONS": "Count",
            "CXF_ATTRIBUTES": "accountNumber, Order Id ,accountNumber,",
            "CXF_TIME_ZONE": "US/Eastern",
            "CXF_CLIENT_KEYS_FILE": "keys.json",
            "CXF_QUESTIONS_FILE": "questions.toml",
            "CXF_ALLOW_ANONYMOUS": "false",
            "CXF_ANONYMOUS_SCOPES": "",
            "CXF_ALLOWED_ORIGINS": "https://Reports.example.com,http://localhost:3000",
            "CXF_ALLOWED_HOSTS": "Facade.example.com.,::1,[::2]",
            "CXF_PUBLIC_URL": "https://Reports.example:443/Call-Centre/v1/",
            "CXF_TRUSTED_PROXIES": "127.0.0.1, ::1,10.0.0.0/8",
            "CXF_CONNECTIONS_PER_ADDRESS": "0",
            "CXF_REDIS_URL": "redis://cache.example.com",
            "CXF_TIER_SECRET": "an invented secret,the one before it",
            "CXF_LOG_FORMAT": "json",
            "CXF_LOG_LEVEL": "DEBUG",
        }
    )
    assert settings.upstream_url == "https://eu-west-1-prod-api.cxengage.net"
    assert settings.tenant_id == TENANT
    assert settings.username == "api-key"
    assert settings.password == SecretStr("p$w{x}#1 ")
    assert settings.auth == "token"
    assert (settings.host, settings.port) == ("::1", 0)
    assert (settings.fresh_open_seconds, settings.stale_seconds) == (0.5, 0)
    assert settings.hold == timedelta(days=7)
    assert settings.sla_by_queue == (("Support", 30.0), ("Sales", 1.5), ("a=b", 2.0))
    assert (settings.abandon_seconds, settings.sla_abandons) == (5.0, "count")
    assert settings.attributes == ("accountNumber", "Order Id")
    assert settings.time_zone == "US/Eastern"
    assert settings.client_keys_file == Path("keys.json")
    assert settings.questions_file == Path("questions.toml")
    assert settings.allow_anonymous is False
    assert settings.anonymous_scopes == ()
    assert settings.allowed_origins == ("https://reports.example.com", "http://localhost:3000")
    assert settings.allowed_hosts == ("facade.example.com", "[::1]", "[::2]")
    assert settings.public_url == "https://reports.example/Call-Centre/v1"
    assert settings.trusted_proxies == ("127.0.0.1/32", "::1/128", "10.0.0.0/8")
    assert settings.connections_per_address == 0
    assert settings.redis_url == SecretStr("redis://cache.example.com")
    assert settings.tier_secret == SecretStr("an invented secret,the one before it")
    assert (settings.log_format, settings.log_level) == ("json", "debug")


def test_overrides_may_be_values_of_their_own_type() -> None:
    settings = read(
        port=9, attributes=("a,b",), sla_by_queue={"Support": 30}, password=SecretStr("invented"), demo=True
    )
    assert (settings.port, settings.attributes, settings.sla_by_queue) == (9, ("a,b",), (("Support", 30.0),))
    assert settings.demo


@pytest.mark.parametrize(
    "value", ["http://127.0.0.1:9000", "http://localhost:9000/", "http://[::1]:9000", "https://api.example.com:8443"]
)
def test_upstream_may_be_plain_on_loopback(value: str) -> None:
    assert read(upstream_url=value).upstream_url == value.removesuffix("/")


@pytest.mark.parametrize(
    ("value", "network"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::fffe:0:0/95", "::fffe:0:0/95"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_a_trusted_network_is_written_as_addresses_are_compared(value: str, network: str) -> None:
    assert read(trusted_proxies=value).trusted_proxies == (network,)


BROKEN = {
    "CXF_UPSTREAM_URL": [
        "http://api.cxengage.net",
        "http://127.0.0.1.example.com",
        f"https://user:{CANARY}@api.cxengage.net",
        "https://api.cxengage.net/v1",
        "https://api.cxengage.net?",
        "https://api.cxengage.net#x",
        "https://api.cxengage.net:99999",
        "https://api.cxengage.net:0",
        "https://[::1",
        "https://api.cx\nengage.net",
        "https:\\\\api.cxengage.net",
        "ftp://localhost",
        "api.cxengage.net",
        "https://",
        "",
    ],
    "CXF_TENANT_ID": ["not-a-uuid", "2f6d4c1e0000400080000123456789ab", "{2f6d4c1e-0000-4000-8000-0123456789ab}"],
    "CXF_AUTH": ["bearer", ""],
    "CXF_HOST": ["http://localhost", "localhost:8080", "a..b", ""],
    "CXF_PORT": ["-1", "65536", "http", "80.5", ""],
    "CXF_WORKERS": ["0", "33", "two"],
    "CXF_CACHE_BYTES": ["1048575", "256MB"],
    "CXF_FRESH_OPEN_SECONDS": ["0", "-1", "nan", "inf", "15s"],
    "CXF_FRESH_MAX_SECONDS": ["31536001"],
    "CXF_STALE_SECONDS": ["-0.1"],
    "CXF_UPSTREAM_CONCURRENCY": ["0"],
    "CXF_HOLD": ["7", "0d", "401d", "7h", "7D", "1.5d", "-1d", "P7D", "many"],
    "CXF_MAX_ROWS": ["0", "100001"],
    "CXF_SLA_BY_QUEUE": ["Support", "=30", "Support=x", "Support=0", "Support=30,Support=40"],
    "CXF_ABANDON_SECONDS": ["0", "-1", "5s"],
    "CXF_SLA_ABANDONS": ["credit", ""],
    "CXF_TIME_ZONE": ["Europe/Nowhere", "America", "/etc/localtime", "../UTC"],
    "CXF_ALLOW_ANONYMOUS": ["perhaps"],
    "CXF_ANONYMOUS_SCOPES": ["read,everything"],
    "CXF_ALLOWED_ORIGINS": ["*", "null", "https://*.example.com", "reports.example.com", "https://example.com/x"],
    "CXF_ALLOWED_HOSTS": ["*", "example.com:8080", "a/b"],
    "CXF_PUBLIC_URL": [
        "reports.example",
        "https://",
        "https:///cx",
        "ftp://reports.example",
        f"https://user:{CANARY}@reports.example",
        "https://reports.example//cx",
        "https://reports.example/cx/..",
        "https://reports.example/c%78",
        "https://reports.example/cx?a=1",
        "https://reports.example/cx;a",
        "https://reports.example/" + "a" * 200,
    ],
    "CXF_TRUSTED_PROXIES": ["proxy", "*", "10.0.0.1/8", "127.0.0.1:80", "10.0.0.0/33"],
    "CXF_CONNECTIONS_PER_ADDRESS": ["-1", "many"],
    "CXF_PSEUDONYM_SECRET": ["too-short"],
    "CXF_REDIS_URL": [
        f"http://:{CANARY}@cache.example.com",
        f"{CANARY}",
        "redis://",
        "unix://",
        "redis://cache.example.com:0",
        "redis://cache.example.com/1",
        "redis://cache.example.com?db=one",
        "redis://cache.example.com?ssl_keyfile=key.pem",
        "rediss://cache.example.com?ssl_cert_reqs=none",
        "rediss://cache.example.com?socket_timeout=60",
        "redis://cache.example.com#1",
    ],
    "CXF_TIER_SECRET": ["too short", "long enough to be one,short", ",".join(["long enough to be one"] * 3)],
    "CXF_LOG_FORMAT": ["xml"],
    "CXF_LOG_LEVEL": ["loud"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BROKEN.items() for value in values])
def test_a_bad_value_stops_the_start_with_one_line(name: str, value: str) -> None:
    [line] = faults({name: value})
    assert line.startswith(f"{name} (environment) must ")
    assert line.isprintable()


def test_an_empty_value_counts_as_not_given_where_none_is_a_value() -> None:
    settings = read({"CXF_TENANT_ID": "", "CXF_PASSWORD": "", "CXF_CLIENT_KEYS_FILE": "", "CXF_ALLOW_ANONYMOUS": ""})
    assert (settings.tenant_id, settings.password, settings.client_keys_file) == (None, None, None)
    assert settings.allow_anonymous is None


def test_values_are_explained_as_the_environment_spells_them() -> None:
    settings = read(sla_by_queue="Support=30,Sales=1.5", allow_anonymous=True, attributes="a,b", hold="400d")
    values = {row.name: row.value for row in settings.explain()}
    assert values["CXF_SLA_BY_QUEUE"] == "Support=30,Sales=1.5"
    assert values["CXF_ALLOW_ANONYMOUS"] == "true"
    assert values["CXF_ATTRIBUTES"] == "a,b"
    assert values["CXF_HOLD"] == "400d"
    assert values["CXF_CACHE_BYTES"] == "268435456"
    assert values["CXF_FRESH_MAX_SECONDS"] == "86400"
