"""Settings: defaults, precedence, secrets, and one clear line for whatever is wrong."""

import os
import traceback
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr, ValidationError

from app.errors import SettingsError
from app.settings import MASK, SECRETS, SETTINGS, Scope, Settings, inherited_sockets, load

TENANT = "2f6d4c1e-0000-4000-8000-0123456789ab"
CANARY = "invented-canary-5f1c2a"


def read(environ: dict[str, str] | None = None, **overrides: object) -> Settings:
    return load(overrides, environ=environ or {}, env_file=None)


def faults(environ: dict[str, str], env_file: Path | None = None, **overrides: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(overrides, environ=environ, env_file=env_file)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.__context__)
    assert CANARY not in shown
    assert "pydantic" not in str(caught.value)
    return caught.value.faults


def secret_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "invented.secret"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


WRITABLE = "others may write; its mode must be 0644 or stricter, better 0440 or 0400"


def test_defaults_are_those_of_the_interface() -> None:
    assert {row.name: row.default for row in SETTINGS} == {
        "CXF_UPSTREAM_URL": "https://api.cxengage.net",
        "CXF_TENANT_ID": "none",
        "CXF_USERNAME": "none",
        "CXF_PASSWORD": "none",
        "CXF_AUTH": "basic",
        "CXF_HOST": "127.0.0.1",
        "CXF_PORT": "8080",
        "CXF_CACHE_BYTES": "268435456",
        "CXF_FRESH_OPEN_SECONDS": "15",
        "CXF_FRESH_MAX_SECONDS": "86400",
        "CXF_SETTLE_SECONDS": "3600",
        "CXF_STALE_WHILE_REVALIDATE_SECONDS": "30",
        "CXF_STALE_SECONDS": "86400",
        "CXF_UPSTREAM_CONCURRENCY": "8",
        "CXF_WAIT_SECONDS": "10",
        "CXF_FETCH_SECONDS": "60",
        "CXF_MAX_ROWS": "10000",
        "CXF_SLA_SECONDS": "20",
        "CXF_SLA_BY_QUEUE": "none",
        "CXF_ATTRIBUTES": "none",
        "CXF_ATTRIBUTE_POLICY": "none",
        "CXF_TIME_ZONE": "none",
        "CXF_CLIENT_KEYS_FILE": "none",
        "CXF_ALLOW_ANONYMOUS": "none",
        "CXF_ANONYMOUS_SCOPES": "read",
        "CXF_ALLOWED_ORIGINS": "none",
        "CXF_ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "CXF_PUBLIC_URL": "none",
        "CXF_TRUSTED_PROXIES": "none",
        "CXF_CONNECTIONS_PER_ADDRESS": "200",
        "CXF_PSEUDONYM_SECRET": "none",
        "CXF_REDIS_URL": "none",
        "CXF_LOG_FORMAT": "none",
        "CXF_LOG_LEVEL": "info",
    }


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_every_setting_is_explained_in_a_sentence(row: tuple[str, str, str]) -> None:
    assert row[2].endswith(".")


def test_every_secret_type_is_masked_and_readable_from_a_file() -> None:
    typed = {name for name, field in Settings.model_fields.items() if "SecretStr" in repr(field.annotation)}
    assert typed | {"username"} == SECRETS


def test_defaults_pass_their_own_validation() -> None:
    Settings.model_validate(read().model_dump())


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        read().port = 1


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
            "CXF_SLA_BY_QUEUE": "Support=30, Sales = 1.5,a=b=2",
            "CXF_ATTRIBUTES": "accountNumber, Order Id ,accountNumber,",
            "CXF_TIME_ZONE": "US/Eastern",
            "CXF_CLIENT_KEYS_FILE": "keys.json",
            "CXF_ALLOW_ANONYMOUS": "false",
            "CXF_ANONYMOUS_SCOPES": "",
            "CXF_ALLOWED_ORIGINS": "https://Reports.example.com,http://localhost:3000",
            "CXF_ALLOWED_HOSTS": "Facade.example.com.,::1,[::2]",
            "CXF_PUBLIC_URL": "https://Reports.example:443/Call-Centre/v1/",
            "CXF_TRUSTED_PROXIES": "127.0.0.1, ::1,10.0.0.0/8",
            "CXF_CONNECTIONS_PER_ADDRESS": "0",
            "CXF_REDIS_URL": "redis://cache.example.com",
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
    assert settings.sla_by_queue == (("Support", 30.0), ("Sales", 1.5), ("a=b", 2.0))
    assert settings.attributes == ("accountNumber", "Order Id")
    assert settings.time_zone == "US/Eastern"
    assert settings.client_keys_file == Path("keys.json")
    assert settings.allow_anonymous is False
    assert settings.anonymous_scopes == ()
    assert settings.allowed_origins == ("https://reports.example.com", "http://localhost:3000")
    assert settings.allowed_hosts == ("facade.example.com", "[::1]", "[::2]")
    assert settings.public_url == "https://reports.example/Call-Centre/v1"
    assert settings.trusted_proxies == ("127.0.0.1/32", "::1/128", "10.0.0.0/8")
    assert settings.connections_per_address == 0
    assert settings.redis_url == SecretStr("redis://cache.example.com")
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
    "CXF_CACHE_BYTES": ["1048575", "256MB"],
    "CXF_FRESH_OPEN_SECONDS": ["0", "-1", "nan", "inf", "15s"],
    "CXF_FRESH_MAX_SECONDS": ["31536001"],
    "CXF_STALE_SECONDS": ["-0.1"],
    "CXF_UPSTREAM_CONCURRENCY": ["0"],
    "CXF_MAX_ROWS": ["0", "100001"],
    "CXF_SLA_BY_QUEUE": ["Support", "=30", "Support=x", "Support=0", "Support=30,Support=40"],
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
    "CXF_REDIS_URL": [f"http://:{CANARY}@cache.example.com", f"{CANARY}"],
    "CXF_LOG_FORMAT": ["xml"],
    "CXF_LOG_LEVEL": ["loud"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BROKEN.items() for value in values])
def test_a_bad_value_stops_the_start_with_one_line(name: str, value: str) -> None:
    [line] = faults({name: value})
    assert line.startswith(f"{name} (environment) must ")
    assert line.isprintable()


def test_every_fault_is_told_at_once_each_once() -> None:
    lines = faults({"CXF_PORT": "x", "CXF_SLA_BY_QUEUE": "a=x,b=y", "CXF_POTR": "1"}, auth="bearer", prot=1)
    assert [line.split(" must")[0].split(" is")[0] for line in lines] == [
        "CXF_POTR (environment)",
        "CXF_AUTH (flag)",
        "CXF_PORT (environment)",
        "CXF_SLA_BY_QUEUE (environment)",
        "prot (flag)",
    ]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CXF_PASSWROD", "CXF_PASSWORD"),
        ("CXF_TENANT", "CXF_TENANT_ID"),
        ("CXF_CLIENT_KEYS", "CXF_CLIENT_KEYS_FILE"),
        ("CXF_PASSWORDFILE", "CXF_PASSWORD_FILE"),
        ("Cxf_Port", "CXF_PORT"),
    ],
)
def test_an_unknown_name_is_refused_and_the_nearest_offered(name: str, nearest: str) -> None:
    assert faults({name: CANARY}) == (f"{name} (environment) is not a setting; did you mean {nearest}?",)


@pytest.mark.parametrize("name", ["CXF_DEMO", "CXF_", "CXF_PORT_FILE"])
def test_what_is_no_setting_has_no_name(name: str) -> None:
    [line] = faults({name: "1"})
    assert line.startswith(f"{name} (environment) is not a setting")


def test_other_names_of_the_environment_are_none_of_ours() -> None:
    assert read({"PORT": "1", "HTTP_PROXY": "x", "CXFACADE": "x"}).port == 8080


def test_flags_win_over_environment_over_env_file_over_default(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("CXF_PORT=1\nCXF_MAX_ROWS=1\nexport CXF_AUTH='token'\nOTHER=x\n# CXF_BAD=1\n")
    settings = load({"port": 3, "host": None}, environ={"CXF_PORT": "2", "CXF_MAX_ROWS": "2"}, env_file=env_file)
    assert (settings.port, settings.max_rows, settings.auth, settings.host) == (3, 2, "token", "127.0.0.1")
    sources = {row.name: row.source for row in settings.explain()}
    assert [sources[f"CXF_{name}"] for name in ("PORT", "MAX_ROWS", "AUTH", "HOST")] == [
        "flag",
        "environment",
        ".env file",
        "default",
    ]


def test_the_env_file_of_the_working_directory_and_the_process_environment_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CXF_PORT=1\n")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("CXF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CXF_MAX_ROWS", "7")
    settings = load()
    assert (settings.port, settings.max_rows) == (1, 7)


def test_a_dollar_in_the_env_file_starts_no_substitution(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("CXF_PASSWORD=a${HOME}b\n")
    assert load(environ={}, env_file=env_file).password == SecretStr("a${HOME}b")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"CXF_PORT=1\nCXF_TENANT_ID\n", ".env line 2 must read NAME=value."),
        (b"CXF_PASSWORD='" + CANARY.encode() + b"\n", ".env line 1 must read NAME=value."),
        (b"CXF_PASSWORD=\xff" + CANARY.encode(), ".env cannot be read as UTF-8 text."),
        (b"CXF_PROT=1\n", "CXF_PROT (.env file) is not a setting; did you mean CXF_PORT?"),
        (b"CXF_PORT=x\n", "CXF_PORT (.env file) must be a whole number."),
    ],
)
def test_a_fault_of_the_env_file_is_told(tmp_path: Path, content: bytes, line: str) -> None:
    env_file = tmp_path / ".env"
    env_file.write_bytes(content)
    assert faults({}, env_file) == (line,)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_may_stand_in_a_file(tmp_path: Path, name: str) -> None:
    secret = f"redis://{CANARY}" if name == "redis_url" else CANARY
    settings = read({f"CXF_{name.upper()}_FILE": secret_file(tmp_path, secret.encode() + b"\n")})
    held = getattr(settings, name)
    assert (held.get_secret_value() if isinstance(held, SecretStr) else held) == secret
    assert {row.name: row.source for row in settings.explain()}[f"CXF_{name.upper()}"] == "file"


@pytest.mark.parametrize(
    ("content", "secret"), [(b"a", "a"), (b"a\n", "a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a ", " a ")]
)
def test_only_the_final_line_break_of_a_secret_is_dropped(tmp_path: Path, content: bytes, secret: str) -> None:
    settings = read({"CXF_PASSWORD_FILE": secret_file(tmp_path, content)})
    assert settings.password == SecretStr(secret)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (CANARY.encode(), 0o620, WRITABLE),
        (CANARY.encode(), 0o602, WRITABLE),
        (CANARY.encode(), 0o666, WRITABLE),
        (b"", 0o600, "is empty"),
        (b"\n", 0o600, "is empty"),
        (b"\xff" + CANARY.encode(), 0o600, "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_hold_a_secret_is_refused(tmp_path: Path, content: bytes, mode: int, reason: str) -> None:
    path = secret_file(tmp_path, content, mode)
    assert faults({"CXF_PASSWORD_FILE": path}) == (f"CXF_PASSWORD_FILE (environment) names a file that {reason}.",)


@pytest.mark.threat("T08")
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o440, 0o444, 0o644])
def test_a_secret_that_others_may_read_is_taken_with_a_warning_and_one_of_the_group_without(
    tmp_path: Path, mode: int
) -> None:
    """0440 is a Kubernetes secret's mode, 0444 that of a secret of Docker Swarm."""
    settings = read({"CXF_PASSWORD_FILE": secret_file(tmp_path, CANARY.encode(), mode)})
    assert settings.password == SecretStr(CANARY)
    warned = "CXF_PASSWORD_FILE (environment) names a file that others may read; its mode is better 0440 or 0400."
    assert settings.warnings == ((warned,) if mode & 0o004 else ())


@pytest.mark.parametrize(
    ("path", "reason"), [(CANARY, "does not exist"), (".", "cannot be read"), ("\0", "cannot be read")]
)
def test_a_path_that_cannot_be_read_is_refused_and_not_shown(path: str, reason: str) -> None:
    assert faults({"CXF_PASSWORD_FILE": path}) == (f"CXF_PASSWORD_FILE (environment) names a file that {reason}.",)


def test_a_secret_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    path = secret_file(tmp_path, CANARY.encode())
    assert faults({"CXF_PASSWORD": CANARY, "CXF_PASSWORD_FILE": path}) == (
        "CXF_PASSWORD_FILE (environment) and CXF_PASSWORD are both set; give one of them.",
    )


def test_an_empty_value_counts_as_not_given_where_none_is_a_value() -> None:
    settings = read({"CXF_TENANT_ID": "", "CXF_PASSWORD": "", "CXF_CLIENT_KEYS_FILE": "", "CXF_ALLOW_ANONYMOUS": ""})
    assert (settings.tenant_id, settings.password, settings.client_keys_file) == (None, None, None)
    assert settings.allow_anonymous is None


def test_no_secret_is_shown_by_any_view_of_the_settings() -> None:
    settings = read(
        {
            "CXF_USERNAME": CANARY,
            "CXF_PASSWORD": CANARY,
            "CXF_PSEUDONYM_SECRET": CANARY,
            "CXF_REDIS_URL": f"redis://:{CANARY}@cache.example.com",
        }
    )
    assert CANARY not in f"{settings!r} {settings!s} {settings.explain()}"
    values = {row.name: row.value for row in settings.explain()}
    assert [values[f"CXF_{name.upper()}"] for name in sorted(SECRETS)] == [MASK] * len(SECRETS)


def test_no_line_repeats_a_value() -> None:
    lines = faults({row.name: f"{CANARY}:{CANARY}" for row in SETTINGS})
    free_text = {"CXF_USERNAME", "CXF_PASSWORD", "CXF_PSEUDONYM_SECRET", "CXF_ATTRIBUTES", "CXF_CLIENT_KEYS_FILE"}
    assert {line.split()[0] for line in lines} == {row.name for row in SETTINGS} - free_text


def test_values_are_explained_as_the_environment_spells_them() -> None:
    settings = read(sla_by_queue="Support=30,Sales=1.5", allow_anonymous=True, attributes="a,b", cache_bytes=2_000_000)
    values = {row.name: row.value for row in settings.explain()}
    assert values["CXF_SLA_BY_QUEUE"] == "Support=30,Sales=1.5"
    assert values["CXF_ALLOW_ANONYMOUS"] == "true"
    assert values["CXF_ATTRIBUTES"] == "a,b"
    assert values["CXF_CACHE_BYTES"] == "2000000"
    assert values["CXF_FRESH_MAX_SECONDS"] == "86400"


def test_upstream_needs_tenant_and_credentials() -> None:
    with pytest.raises(SettingsError) as caught:
        read(username="api-key").require_upstream()
    assert caught.value.faults == (
        "CXF_TENANT_ID is needed to reach upstream.",
        "CXF_PASSWORD is needed to reach upstream.",
    )
    read(tenant_id=TENANT, username="api-key", password="invented").require_upstream()


@pytest.mark.parametrize(
    ("host", "explicit", "allowed"),
    [
        ("127.0.0.1", None, True),
        ("127.8.8.8", None, True),
        ("::1", None, True),
        ("localhost", None, True),
        ("0.0.0.0", None, False),
        ("::", None, False),
        ("localhost.example.com", None, False),
        ("0.0.0.0", True, True),
        ("127.0.0.1", False, False),
    ],
)
def test_anonymous_clients_are_served_on_loopback_or_by_explicit_setting(
    host: str, explicit: bool | None, allowed: bool
) -> None:
    settings = read(host=host, allow_anonymous=explicit)
    assert settings.anonymous_allowed is allowed
    read(host=host, allow_anonymous=explicit, client_keys_file="keys.json").require_access()
    if allowed:
        settings.require_access()
    else:
        with pytest.raises(SettingsError, match="CXF_ALLOW_ANONYMOUS=true"):
            settings.require_access()


def test_scopes_are_those_of_the_interface() -> None:
    assert get_args(Scope) == ("read", "pii:read", "notes:read", "cache:purge", "cache:refresh", "metrics:read")


@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({}, 0),
        ({"LISTEN_FDS": "1"}, 0),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, 1),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}, 2),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, 0),
        ({"LISTEN_PID": "7"}, 0),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "-1"}, 0),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "x"}, 0),
        ({"LISTEN_PID": "²", "LISTEN_FDS": "1"}, 0),
    ],
)
def test_sockets_are_taken_only_where_they_were_meant_for_this_process(environ: dict[str, str], count: int) -> None:
    assert inherited_sockets(environ, process_id=7) == count
