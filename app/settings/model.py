"""The settings, each with its default, unit and reason; `SETTINGS` is their table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from app.errors import SettingsError
from app.settings import forms

PREFIX = "CXF_"

Scope = Literal["read", "pii:read", "notes:read", "cache:purge", "cache:refresh", "metrics:read"]
Treatment = Literal["allow", "mask", "hash", "drop"]


class Effective(NamedTuple):
    """A setting in force; `source` is flag, environment, .env file, file or default."""

    name: str
    value: str
    source: str


class Settings(BaseModel):
    """The configuration of one service, built by `load`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True, validate_default=True
    )

    upstream_url: forms.UpstreamOrigin = Field(
        "https://api.cxengage.net", description="Origin of the reporting API; `http://` only for loopback."
    )
    tenant_id: forms.Uuid | None = Field(None, description="UUID of the tenant; required by `serve`.")
    username: str | None = Field(None, repr=False, description="User, or API key; required by `serve`.")
    password: SecretStr | None = Field(None, description="Password, or API secret; required by `serve`.")
    auth: Annotated[Literal["basic", "token"], forms.WORD] = Field(
        "basic", description="`basic` sends the credentials with each call, `token` logs in and sends a token."
    )
    host: forms.Host = Field("127.0.0.1", description="Address to listen on; beyond loopback, client keys are needed.")
    port: int = Field(8080, ge=0, le=65_535, description="Port to listen on; 0 lets the system choose.")
    workers: int = Field(1, ge=1, le=32, description="Processes that serve one socket; several have a supervisor.")
    cache_bytes: int = Field(
        268_435_456, ge=1_048_576, description="Hard bound, in bytes, of everything cached; workers divide it."
    )
    fresh_open_seconds: forms.Seconds = Field(15, description="Freshness of an answer that can still change.")
    fresh_max_seconds: forms.Seconds = Field(86_400, description="Upper bound of any freshness lifetime.")
    settle_seconds: forms.SecondsOrZero = Field(
        3_600, description="How long after its last event an interaction counts as settled."
    )
    hold: forms.Days | None = Field(
        None, description="Days of the whole tenant that are held from the start and kept up to date, as `7d`."
    )
    recheck_open_seconds: forms.Seconds = Field(
        60, description="How old what is held of an interaction that has not ended may be, at least."
    )
    recheck_seconds: Annotated[tuple[forms.Seconds, ...], forms.ASCENDING, forms.COMMAS] = Field(
        (300, 3_600, 86_400, 604_800),
        description="Comma list: so long after its last event an ended interaction is read again, each time once.",
    )
    stale_while_revalidate_seconds: forms.SecondsOrZero = Field(
        30,
        description="How long past freshness an answer is served at once and refreshed behind; past it the client "
        "waits for the refresh.",
    )
    stale_seconds: forms.SecondsOrZero = Field(
        86_400, description="How long past freshness an answer may be served when upstream fails, or is too slow."
    )
    upstream_concurrency: int = Field(8, ge=1, le=256, description="Calls in flight to upstream at once.")
    wait_seconds: forms.Seconds = Field(10, description="Longest wait of one client; the fetch it waits for goes on.")
    fetch_seconds: forms.Seconds = Field(60, description="Longest life of one fetch with all its attempts.")
    max_rows: int = Field(10_000, ge=1, le=100_000, description="Most rows in one answer.")
    sla_seconds: forms.Seconds = Field(20, description="Service-level threshold: answered within it counts as met.")
    sla_by_queue: forms.Thresholds = Field(
        (), description="Thresholds in seconds of single queues, as `Support=30,Sales=15`."
    )
    abandon_seconds: forms.Seconds | None = Field(
        None, description="An abandon within it is short; without it the queue's service-level threshold."
    )
    sla_abandons: Annotated[Literal["ignore", "count"], forms.WORD] = Field(
        "ignore", description="`ignore` leaves short abandons out of the service level, `count` counts them as missed."
    )
    attributes: Annotated[tuple[str, ...], forms.COMMAS] = Field(
        (), description="Comma list of attribute names that get a column of their own."
    )
    attribute_policy: Annotated[tuple[tuple[str, Annotated[Treatment, forms.WORD]], ...], forms.ATTRIBUTES] = Field(
        (),
        description="What is shown of attributes' values, as `accountNumber=mask,ssn=drop`: `allow`, `mask`, `hash` or "
        "`drop`; `*` is any other name.",
    )
    time_zone: forms.TimeZone | None = Field(
        None, description="Zone of `started_on` and `started_hour`; without it upstream's, else UTC."
    )
    client_keys_file: Path | None = Field(None, description="File of client keys; without it only anonymous clients.")
    questions_file: Path | None = Field(
        None, description="File of pinned questions (TOML), which `/questions` lists and answers by their names."
    )
    allow_anonymous: bool | None = Field(
        None, description="Serve without a key; without this setting only on a loopback `CXF_HOST`, and without keys."
    )
    anonymous_scopes: Annotated[tuple[Scope, ...], forms.COMMAS] = Field(
        ("read",), description="Comma list of scopes: what a client without a key may see."
    )
    allowed_origins: Annotated[tuple[forms.Origin, ...], forms.COMMAS] = Field(
        (), description="Comma list of web origins that may read answers (CORS)."
    )
    allowed_hosts: Annotated[tuple[forms.HostHeader, ...], forms.COMMAS] = Field(
        ("localhost", "127.0.0.1", "[::1]"), description="Comma list of host names, without port, that are ours."
    )
    public_url: forms.PublicUrl | None = Field(
        None, description="Scheme, host and prefix that links are built from, as `https://reports.example/cx`."
    )
    trusted_proxies: Annotated[tuple[forms.Network, ...], forms.COMMAS] = Field(
        (),
        description="Comma list of addresses or networks believed for `X-Forwarded-For`, `-Proto`, `-Host`, `-Prefix`.",
    )
    connections_per_address: int = Field(
        200, ge=0, description="Connections one address (IPv6: one /64) may hold; 0: no bound."
    )
    pseudonym_secret: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        None, description="Key of `customer_key`; without it random per start, with a warning."
    )
    redis_url: forms.RedisUrl | None = Field(
        None, description="Redis or Valkey server in which several processes share what they have read, as `unix:///…`."
    )
    tier_secret: forms.TierSecret | None = Field(
        None, description="Signs what lies there, the same in all processes; two, comma-separated, while it is changed."
    )
    log_format: Annotated[Literal["text", "json"] | None, forms.WORD] = Field(
        None, description="`text` or `json`; without it text on a terminal, else JSON."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], forms.WORD] = Field(
        "info", description="The least severe level that is logged."
    )

    demo: bool = Field(False, description="Answers come from the built-in simulator; set by the command alone.")
    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object, info: Any) -> object:
        return None if value == "" and cls.model_fields[info.field_name].default is None else value

    @property
    def anonymous_allowed(self) -> bool:
        """Whether clients without a key are served; by default only on loopback, and only without client keys."""
        if self.allow_anonymous is None:
            return self.client_keys_file is None and forms.is_loopback(self.host)
        return self.allow_anonymous

    @property
    def warnings(self) -> tuple[str, ...]:
        """Settings that work but should be changed: one line each, without the values."""
        return self._warnings

    def require_upstream(self) -> tuple[str, str, SecretStr]:
        """Tenant, user and password. Raises SettingsError unless all are known."""
        if self.tenant_id is not None and self.username is not None and self.password is not None:
            return self.tenant_id, self.username, self.password
        missing = [spelled(name) for name in ("tenant_id", "username", "password") if getattr(self, name) is None]
        words = "must be set to reach upstream, in the environment or in .env; `cxfacade demo` needs none of them."
        raise SettingsError([f"{', '.join(missing)} {words}"])

    def require_access(self) -> None:
        """Raise SettingsError if nobody may ask: neither client keys nor anonymous clients (FAULTS T67)."""
        if self.client_keys_file is None and not self.anonymous_allowed:
            raise SettingsError(
                [
                    "Nobody may ask: name a file of client keys in CXF_CLIENT_KEYS_FILE, "
                    "or set CXF_ALLOW_ANONYMOUS=true to serve whoever reaches CXF_HOST."
                ]
            )

    def require_tier(self) -> tuple[str, list[bytes]] | None:
        """URL and secrets of the shared tier, None without one. Raises SettingsError where a part is missing."""
        if (self.redis_url is None) != (self.tier_secret is None):
            given, missing = ("redis_url", "tier_secret") if self.redis_url else ("tier_secret", "redis_url")
            raise SettingsError([f"{spelled(given)} needs {spelled(missing)}, see docs/operating.md."])
        if self.redis_url is None or self.tier_secret is None:
            return None
        return self.redis_url.get_secret_value(), forms.secrets_of(self.tier_secret)

    def explain(self) -> list[Effective]:
        """Every setting in force with the source that gave it, secrets masked."""
        return [
            Effective(spelled(name), forms.shown(name, getattr(self, name)), self._sources.get(name, "default"))
            for name in NAMES
        ]


class Setting(NamedTuple):
    """A row of the table of settings, for documentation and its tests."""

    name: str
    default: str
    description: str


def spelled(name: str) -> str:
    """The environment variable of an attribute."""
    return PREFIX + name.upper()


NAMES = tuple(name for name in Settings.model_fields if name != "demo")
SETTINGS = tuple(
    Setting(spelled(name), forms.shown(name, field.get_default()), field.description or "")
    for name, field in Settings.model_fields.items()
    if name in NAMES
)
