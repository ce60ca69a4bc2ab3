"""Every setting with its default, unit and reason, as one frozen value; the only reader of the environment.

The forms a value may take come first, then the settings, then how they are found. Messages say what is wanted and never
repeat what was given: a secret may stand in the wrong place.
"""

import difflib
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv.parser import Binding, parse_stream
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.errors import SettingsError

PREFIX = "CXF_"
FILE_SUFFIX = "_FILE"
SECRETS = frozenset({"username", "password", "pseudonym_secret", "redis_url"})  # masked, and readable from files
MASK = "********"
YEAR_SECONDS = 31_536_000  # more than a year is milliseconds by mistake
DEMANDS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "literal_error": "must be one of {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} characters",
    "value_error": "{error}",
}


def is_loopback(host: str) -> bool:
    """Whether a bound address, or the host of a URL, is this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        labels = value.lower().removesuffix(".").split(".")
    if not all(label.isascii() and label.replace("-", "").isalnum() for label in labels):
        raise ValueError("must be an IP address or a host name, without scheme or port")
    return ".".join(labels)


def _host_header(value: str) -> str:
    """As a Host header names it: an IPv6 address stands in brackets (RFC 9110 §7.2)."""
    host = _host(value.removeprefix("[").removesuffix("]"))
    try:
        return f"[{IPv6Address(host)}]"
    except ValueError:
        return host


def _origin(value: str) -> str:
    """Scheme, host and perhaps port, lower case (RFC 6454 §6.2)."""
    plain = value.isascii() and value.isprintable() and not set(value) & set(" @?#\\*")  # urlsplit drops some silently
    try:
        parts = urlsplit(value if plain else "")
        plain = (
            bool(parts.hostname) and parts.port != 0 and parts.scheme in ("http", "https") and parts.path in ("", "/")
        )
    except ValueError:
        plain = False
    if not plain:
        raise ValueError("must be of the form https://host or https://host:port, without user, path, query or wildcard")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _upstream_origin(value: str) -> str:
    """Plain `http` shows the credentials to the network, so only loopback may use it (FAULTS T05)."""
    origin = _origin(value)
    if origin.startswith("http://") and not is_loopback(urlsplit(origin).hostname or ""):
        raise ValueError("must begin with https:// unless its host is loopback")
    return origin


def _uuid(value: str) -> str:
    try:
        canonical = str(UUID(value))
    except ValueError:
        canonical = ""
    if not canonical or canonical != value.lower():
        raise ValueError("must be a UUID like 00000000-0000-4000-8000-000000000000")
    return canonical


def _time_zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone like Europe/Berlin") from None


def _redis_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _split_commas(value: object) -> object:
    """`a, b` → `("a", "b")`, each once and in order."""
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def _split_thresholds(value: object) -> object:
    """`Support=30,Sales=15` → queue names and seconds; a name may hold `=`."""
    if not isinstance(value, str):
        return tuple(value.items()) if isinstance(value, Mapping) else value
    split = [part.rpartition("=") for part in value.split(",") if part.strip()]
    thresholds = {queue.strip(): seconds for queue, _, seconds in split}
    if "" in thresholds or len(thresholds) < len(split):
        raise ValueError("must look like Support=30,Sales=15 and name each queue once")
    return tuple(thresholds.items())


def _shown(name: str, value: object) -> str:
    """A value as the environment would spell it, secrets masked."""
    match value:
        case None | ():
            return "none"
        case _ if name in SECRETS:
            return MASK
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.15g}"
        case tuple():
            return ",".join(
                "=".join(_shown(name, of) for of in part) if isinstance(part, tuple) else part for part in value
            )
    return str(value)


Scope = Literal["read", "pii:read", "notes:read", "cache:purge", "cache:refresh", "metrics:read"]
Seconds = Annotated[float, Field(gt=0, le=YEAR_SECONDS)]
SecondsOrZero = Annotated[float, Field(ge=0, le=YEAR_SECONDS)]
Origin = Annotated[str, AfterValidator(_origin)]
HostHeader = Annotated[str, AfterValidator(_host_header)]
WORD = BeforeValidator(_lower)
COMMAS = BeforeValidator(_split_commas)


class Effective(NamedTuple):
    """A setting in force; `source` is flag, environment, .env file, file or default."""

    name: str
    value: str
    source: str


class Settings(BaseSettings):
    """What the service is told before it starts; built by `load`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    upstream_url: Annotated[str, AfterValidator(_upstream_origin)] = Field(
        "https://api.cxengage.net", description="Origin of the reporting API; `http://` only for loopback."
    )
    tenant_id: Annotated[str, AfterValidator(_uuid)] | None = Field(
        None, description="UUID of the tenant; required by `serve`."
    )
    username: str | None = Field(None, repr=False, description="User, or API key; required by `serve`.")
    password: SecretStr | None = Field(None, description="Password, or API secret; required by `serve`.")
    auth: Annotated[Literal["basic", "token"], WORD] = Field(
        "basic", description="`basic` sends the credentials with each call, `token` logs in and sends a token."
    )
    host: Annotated[str, AfterValidator(_host)] = Field(
        "127.0.0.1", description="Address to listen on; beyond loopback, client keys are needed."
    )
    port: int = Field(8080, ge=0, le=65_535, description="Port to listen on; 0 lets the system choose.")
    cache_bytes: int = Field(
        268_435_456, ge=1_048_576, description="Hard bound, in bytes, of everything cached in one process."
    )
    fresh_open_seconds: Seconds = Field(15, description="Freshness of an answer that can still change.")
    fresh_max_seconds: Seconds = Field(86_400, description="Upper bound of any freshness lifetime.")
    settle_seconds: SecondsOrZero = Field(
        3_600, description="How long after its last event an interaction counts as settled."
    )
    stale_seconds: SecondsOrZero = Field(
        86_400, description="How long past freshness an answer may be served, while refreshing or when upstream fails."
    )
    upstream_concurrency: int = Field(8, ge=1, le=256, description="Calls in flight to upstream at once.")
    wait_seconds: Seconds = Field(10, description="Longest wait of one client; the fetch it waits for goes on.")
    fetch_seconds: Seconds = Field(60, description="Longest life of one fetch with all its attempts.")
    max_rows: int = Field(10_000, ge=1, le=100_000, description="Most rows in one answer.")
    sla_seconds: Seconds = Field(20, description="Service-level threshold: answered within it counts as met.")
    sla_by_queue: Annotated[tuple[tuple[str, Seconds], ...], BeforeValidator(_split_thresholds)] = Field(
        (), description="Thresholds in seconds of single queues, as `Support=30,Sales=15`."
    )
    attributes: Annotated[tuple[str, ...], COMMAS] = Field(
        (), description="Comma list of attribute names that get a column of their own."
    )
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = Field(
        None, description="Zone of `started_on` and `started_hour`; without it upstream's, else UTC."
    )
    client_keys_file: Path | None = Field(None, description="File of client keys; without it only anonymous clients.")
    allow_anonymous: bool | None = Field(
        None, description="Serve without a key; without this setting only on a loopback `CXF_HOST`."
    )
    anonymous_scopes: Annotated[tuple[Scope, ...], COMMAS] = Field(
        ("read",), description="Comma list of scopes: what a client without a key may see."
    )
    allowed_origins: Annotated[tuple[Origin, ...], COMMAS] = Field(
        (), description="Comma list of web origins that may read answers (CORS)."
    )
    allowed_hosts: Annotated[tuple[HostHeader, ...], COMMAS] = Field(
        ("localhost", "127.0.0.1", "[::1]"), description="Comma list of host names, without port, that are ours."
    )
    pseudonym_secret: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        None, description="Key of `customer_key`; without it random per start, with a warning."
    )
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = Field(
        None, description="Shared second tier (Redis or Valkey)."
    )
    log_format: Annotated[Literal["text", "json"] | None, WORD] = Field(
        None, description="`text` or `json`; without it text on a terminal, else JSON."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], WORD] = Field(
        "info", description="The least severe level that is logged."
    )

    demo: bool = Field(False, description="Answers come from the built-in simulator; set by the command alone.")
    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` found: the library's own sources tell neither which one won nor which names are unknown."""
        return (sources["init_settings"],)

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object, info: Any) -> object:
        return None if value == "" and cls.model_fields[info.field_name].default is None else value

    @property
    def anonymous_allowed(self) -> bool:
        """Whether a client without a key is served."""
        return is_loopback(self.host) if self.allow_anonymous is None else self.allow_anonymous

    def require_upstream(self) -> None:
        """Raise SettingsError unless the tenant and its credentials are known."""
        missing = [name for name in ("tenant_id", "username", "password") if getattr(self, name) is None]
        if missing:
            raise SettingsError([f"{_spelled(name)} is needed to reach upstream." for name in missing])

    def require_access(self) -> None:
        """Raise SettingsError if nobody may ask: neither client keys nor anonymous clients (FAULTS T67)."""
        if self.client_keys_file is None and not self.anonymous_allowed:
            raise SettingsError(
                ["CXF_CLIENT_KEYS_FILE is needed unless CXF_ALLOW_ANONYMOUS is true or CXF_HOST loopback."]
            )

    def explain(self) -> list[Effective]:
        """Every setting in force with the source that gave it, secrets masked."""
        sources = [self._sources.get(name, "default") for name in NAMES]
        shown = [_shown(name, getattr(self, name)) for name in NAMES]
        return [Effective(*row) for row in zip(map(_spelled, NAMES), shown, sources, strict=True)]


class Setting(NamedTuple):
    """A row of the table of settings, for documentation and its tests."""

    name: str
    default: str
    description: str

    @classmethod
    def of(cls, name: str) -> Self:
        """The row of one attribute of Settings."""
        declared = Settings.model_fields[name]
        return cls(_spelled(name), _shown(name, declared.get_default()), declared.description or "")


def _spelled(name: str) -> str:
    return PREFIX + name.upper()


NAMES = tuple(name for name in Settings.model_fields if name != "demo")
SETTINGS = tuple(map(Setting.of, NAMES))


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the source that gave it."""

    value: Any = field(repr=False)
    source: str


def load(
    overrides: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = Path(".env"),
) -> Settings:
    """Read the settings: `overrides` (by attribute, None is not given) win over `environ`, that over `env_file`.

    Raises SettingsError with one line for each unknown name and bad value, all at once and without the values.
    """
    faults: list[str] = []
    found = _read(_env_file(env_file, faults), ".env file", faults)
    found |= _read(os.environ if environ is None else environ, "environment", faults)
    found |= {name: Found(value, "flag") for name, value in (overrides or {}).items() if value is not None}
    settings = _validated(found, faults)
    if settings is None or faults:
        raise SettingsError(faults)
    return settings


def _env_file(path: Path | None, faults: list[str]) -> dict[str, str]:
    """The names and values of a `.env` file. A `$` in a password starts no substitution; no file is no fault."""
    if path is None or not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError):
        faults.append(f"{path.name} cannot be read as UTF-8 text.")
        return {}
    faults += [f"{path.name} line {each.original.line} must read NAME=value." for each in bindings if _broken(each)]
    return {each.key: each.value for each in bindings if each.key is not None and each.value is not None}


def _broken(binding: Binding) -> bool:
    return binding.error or (binding.key is not None and binding.key.startswith(PREFIX) and binding.value is None)


def _read(named: Mapping[str, str], source: str, faults: list[str]) -> dict[str, Found]:
    """What `named` says about the settings, by attribute; a secret's `…_FILE` is read."""
    known = {_spelled(name): name for name in NAMES}
    files = {_spelled(name) + FILE_SUFFIX: name for name in SECRETS}
    ours = [name for name in sorted(named) if name.upper().startswith(PREFIX)]
    faults += [_unknown(name, source, [*known, *files]) for name in ours if name not in known and name not in files]
    found = {known[name]: Found(named[name], source) for name in ours if name in known}
    for name, attribute in files.items():
        if not named.get(name):
            continue
        if named.get(_spelled(attribute)):
            faults.append(f"{name} ({source}) and {_spelled(attribute)} are both set; give one of them.")
            continue
        try:
            found[attribute] = Found(_secret(Path(named[name])), "file")
        except ValueError as error:
            faults.append(f"{name} ({source}) names a file that {error}.")
    return found


def _unknown(name: str, source: str, known: Collection[str]) -> str:
    without_prefix = {each.removeprefix(PREFIX): each for each in known}
    nearest = difflib.get_close_matches(name.upper().removeprefix(PREFIX), without_prefix, n=1)
    hint = f"; did you mean {without_prefix[nearest[0]]}?" if nearest else "."
    return f"{name} ({source}) is not a setting{hint}"


def _secret(path: Path) -> str:
    """The text of a file that only its owner may read, less its final line break (FAULTS T08)."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read()
    except FileNotFoundError:
        raise ValueError("does not exist") from None
    except (OSError, ValueError):
        raise ValueError("cannot be read") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError("others may use; its mode must be 0600 or stricter")
    try:
        secret = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        secret = None  # raised below, where no context keeps the content
    if not secret:
        raise ValueError("is empty" if secret == "" else "is not UTF-8 text")
    return secret


def _validated(found: Mapping[str, Found], faults: list[str]) -> Settings | None:
    # Faults are noted, not raised from here: a ValidationError holds the values given, and `__context__` would hold it.
    try:
        settings = Settings(**{name: each.value for name, each in found.items()})
    except ValidationError as error:
        faults += {str(fault["loc"][0]): _line(fault, found) for fault in error.errors(include_url=False)}.values()
        return None
    settings._sources = {name: each.source for name, each in found.items()}
    return settings


def _line(fault: Any, found: Mapping[str, Found]) -> str:
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return _unknown(name, found[name].source, NAMES)
    limits = {limit: _shown("", value) for limit, value in fault.get("ctx", {}).items()}
    demand = DEMANDS.get(fault["type"], "must have another form").format_map(limits)
    return f"{_spelled(name)} ({found[name].source}) {demand}."
