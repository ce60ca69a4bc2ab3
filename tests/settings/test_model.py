"""The settings as one value: defaults, secrets, and who may ask."""

from typing import get_args

import pytest
from pydantic import ValidationError

from app.errors import SettingsError
from app.settings import MASK, SECRETS, SETTINGS, Scope, Settings
from tests.settings.reading import CANARY, TENANT, read


def test_defaults_are_those_of_the_interface() -> None:
    assert {row.name: row.default for row in SETTINGS} == {
        "CXF_UPSTREAM_URL": "https://api.cxengage.net",
        "CXF_TENANT_ID": "none",
        "CXF_USERNAME": "none",
        "CXF_PASSWORD": "none",
        "CXF_AUTH": "basic",
        "CXF_HOST": "127.0.0.1",
        "CXF_PORT": "8080",
        "CXF_WORKERS": "1",
        "CXF_CACHE_BYTES": "268435456",
        "CXF_FRESH_OPEN_SECONDS": "15",
        "CXF_FRESH_MAX_SECONDS": "86400",
        "CXF_SETTLE_SECONDS": "3600",
        "CXF_STALE_WHILE_REVALIDATE_SECONDS": "30",
        "CXF_STALE_SECONDS": "86400",
        "CXF_HOLD": "none",
        "CXF_RECHECK_OPEN_SECONDS": "60",
        "CXF_RECHECK_SECONDS": "300,3600,86400,604800",
        "CXF_UPSTREAM_CONCURRENCY": "8",
        "CXF_WAIT_SECONDS": "10",
        "CXF_FETCH_SECONDS": "60",
        "CXF_MAX_ROWS": "10000",
        "CXF_SLA_SECONDS": "20",
        "CXF_SLA_BY_QUEUE": "none",
        "CXF_ABANDON_SECONDS": "none",
        "CXF_SLA_ABANDONS": "ignore",
        "CXF_ATTRIBUTES": "none",
        "CXF_ATTRIBUTE_POLICY": "none",
        "CXF_TIME_ZONE": "none",
        "CXF_CLIENT_KEYS_FILE": "none",
        "CXF_QUESTIONS_FILE": "none",
        "CXF_ALLOW_ANONYMOUS": "none",
        "CXF_ANONYMOUS_SCOPES": "read",
        "CXF_ALLOWED_ORIGINS": "none",
        "CXF_ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "CXF_PUBLIC_URL": "none",
        "CXF_TRUSTED_PROXIES": "none",
        "CXF_CONNECTIONS_PER_ADDRESS": "200",
        "CXF_PSEUDONYM_SECRET": "none",
        "CXF_REDIS_URL": "none",
        "CXF_TIER_SECRET": "none",
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


def test_no_secret_is_shown_by_any_view_of_the_settings() -> None:
    settings = read(
        {
            "CXF_USERNAME": CANARY,
            "CXF_PASSWORD": CANARY,
            "CXF_PSEUDONYM_SECRET": CANARY,
            "CXF_REDIS_URL": f"redis://:{CANARY}@cache.example.com",
            "CXF_TIER_SECRET": CANARY,
        }
    )
    assert CANARY not in f"{settings!r} {settings!s} {settings.explain()}"
    values = {row.name: row.value for row in settings.explain()}
    assert [values[f"CXF_{name.upper()}"] for name in sorted(SECRETS)] == [MASK] * len(SECRETS)


def test_upstream_needs_tenant_and_credentials() -> None:
    with pytest.raises(SettingsError) as caught:
        read(username="api-key").require_upstream()
    assert caught.value.faults == (
        "CXF_TENANT_ID, CXF_PASSWORD must be set to reach upstream, in the environment or in .env; "
        "`cxfacade demo` needs none of them.",
    )
    read(tenant_id=TENANT, username="api-key", password="invented").require_upstream()


def test_the_shared_tier_needs_its_place_and_its_secrets() -> None:
    assert read().require_tier() is None
    settings = read(redis_url="unix:///run/valkey.sock", tier_secret=f"{CANARY}, another {CANARY}")
    assert settings.require_tier() == ("unix:///run/valkey.sock", [CANARY.encode(), b"another " + CANARY.encode()])
    for given, missing in (("redis_url", "tier_secret"), ("tier_secret", "redis_url")):
        with pytest.raises(SettingsError, match=f"CXF_{given.upper()} needs CXF_{missing.upper()}"):
            settings.model_copy(update={missing: None}).require_tier()


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
