"""The forms of settings, and how a value is shown. Messages never repeat a value."""

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

SECRETS = frozenset({"username", "password", "pseudonym_secret", "redis_url", "tier_secret"})  # masked; may be files
MASK = "********"
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
YEAR_SECONDS = 31_536_000  # more than a year is milliseconds by mistake
_MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291 §2.5.5.2
LONGEST_PREFIX = 200  # characters of a path prefix
_PREFIX = re.compile(r"(?:/\.*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")  # unreserved characters (RFC 3986 §2.3)
REDIS_OPTIONS = {"redis": {"db"}, "unix": {"db"}, "rediss": {"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}}
_REDIS_FORMS = (
    "rediss://user:password@host:6379?ssl_ca_certs=/ca.pem",
    "unix:///run/valkey.sock?db=1",
    "redis://127.0.0.1",
)
LEAST_SECRET_CHARACTERS, MOST_TIER_SECRETS = 16, 2
MOST_DAYS = 400
_DAYS = re.compile(r"[1-9][0-9]{0,2}d")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
    """A host as a Host header names it: an IPv6 address in brackets (RFC 9110 §7.2)."""
    host = _host(value.removeprefix("[").removesuffix("]"))
    try:
        return f"[{IPv6Address(host)}]"
    except ValueError:
        return host


def _origin(value: str) -> str:
    """Scheme, host and any port but the scheme's own, lower case (RFC 6454 §6.2), as browsers send it."""
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
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(DEFAULT_PORTS[parts.scheme])}"


def path_prefix(path: str) -> str:
    """The path under which a proxy serves us, without a slash at its end; `/` is none. Raises ValueError."""
    prefix = path.removesuffix("/")
    if len(path) > LONGEST_PREFIX or not _PREFIX.fullmatch(prefix):
        raise ValueError("must be a path of letters, digits, `-`, `.`, `_` and `~`, as /reports")
    return prefix


def _public_url(value: str) -> str:
    """An origin, and perhaps a prefix behind it; without a slash at its end."""
    scheme, mark, rest = value.partition("://")
    host, slash, path = rest.partition("/")
    try:
        origin = _origin(f"{scheme}{mark}{host}")
        _host(urlsplit(origin).hostname or "")
        return origin + path_prefix(slash + path)
    except ValueError:
        raise ValueError(
            "must be of the form https://host or https://host/prefix, without user, query or escapes"
        ) from None


def _network(value: str) -> str:
    """An address, or a network as `10.0.0.0/8`, in the latter's spelling; IPv4-mapped IPv6 as IPv4."""
    try:
        network = ip_network(value)
    except ValueError:
        raise ValueError("must be addresses or networks like 127.0.0.1,10.0.0.0/8") from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return f"{network.network_address.ipv4_mapped}/{network.prefixlen - _MAPPED.prefixlen}"
    return str(network)


def _upstream_origin(value: str) -> str:
    """An origin whose scheme is `https`, or `http` on loopback: plain HTTP shows the credentials (FAULTS T05)."""
    origin = _origin(value)
    if origin.startswith("http://") and not is_loopback(urlsplit(origin).hostname or ""):
        raise ValueError("must begin with https:// unless its host is loopback")
    return origin


def _uuid(value: str) -> str:
    if not _UUID.fullmatch(value.lower()):
        raise ValueError("must be a UUID like 00000000-0000-4000-8000-000000000000")
    return value.lower()


def _time_zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone like Europe/Berlin") from None


def _redis_url(value: SecretStr) -> SecretStr:
    """A URL that says where the server is, and how TLS shows who is who: other options would weaken it."""
    parts = urlsplit(value.get_secret_value())
    try:
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        is_plain = options.keys() <= REDIS_OPTIONS[parts.scheme] and parts.port != 0 and not parts.fragment
        is_plain = is_plain and options.get("db", "0").isdecimal()
    except (KeyError, ValueError):
        is_plain = False
    is_place = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname) and parts.path.strip("/") == ""
    if not (is_plain and is_place):
        raise ValueError(f"must be of a form like {', '.join(_REDIS_FORMS)}, and without other options")
    return value


def is_clear(redis_url: str) -> bool:
    """Whether what goes to that server can be read on the way."""
    parts = urlsplit(redis_url)
    return parts.scheme == "redis" and not is_loopback(parts.hostname or "")


def secrets_of(value: SecretStr) -> list[bytes]:
    """The secrets of a comma-separated text, the one to sign with first."""
    return [one.strip().encode() for one in value.get_secret_value().split(",")]


def _tier_secret(value: SecretStr) -> SecretStr:
    found = secrets_of(value)
    if len(found) > MOST_TIER_SECRETS or min(map(len, found)) < LEAST_SECRET_CHARACTERS:
        raise ValueError(f"must be one secret of at least {LEAST_SECRET_CHARACTERS} characters, or two with a comma")
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _split_commas(value: object) -> object:
    """`a, b` → `("a", "b")`, each once and in order."""
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def _equals(example: str, what: str) -> BeforeValidator:
    """`Support=30,Sales=15` → pairs of names and values; a name may hold `=`."""

    def split(value: object) -> object:
        if not isinstance(value, str):
            return tuple(value.items()) if isinstance(value, Mapping) else value
        split = [part.rpartition("=") for part in value.split(",") if part.strip()]
        named = {name.strip(): said.strip() for name, _, said in split}
        if "" in named or len(named) < len(split):
            raise ValueError(f"must look like {example} and name each {what} once")
        return tuple(named.items())

    return BeforeValidator(split)


def _ascending(value: tuple[float, ...]) -> tuple[float, ...]:
    if not value or sorted({*value}) != [*value]:
        raise ValueError("must be one number of seconds or more, each larger than the one before, as 300,3600,86400")
    return value


def _days(value: object) -> object:
    """`7d` → seven days."""
    days = int(value[:-1]) if isinstance(value, str) and _DAYS.fullmatch(value) else 0
    if isinstance(value, timedelta):
        return value
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"must be a number of days from 1d to {MOST_DAYS}d, as 7d")
    return timedelta(days=days)


def _joined(name: str, part: object) -> str:
    return "=".join(shown(name, of) for of in part) if isinstance(part, tuple) else shown(name, part)


def shown(name: str, value: object) -> str:
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
            return ",".join(_joined(name, part) for part in value)
    return f"{value.days}d" if isinstance(value, timedelta) else str(value)


Seconds = Annotated[float, Field(gt=0, le=YEAR_SECONDS)]
SecondsOrZero = Annotated[float, Field(ge=0, le=YEAR_SECONDS)]
Days = Annotated[timedelta, BeforeValidator(_days)]
Uuid = Annotated[str, AfterValidator(_uuid)]
Host = Annotated[str, AfterValidator(_host)]
HostHeader = Annotated[str, AfterValidator(_host_header)]
Origin = Annotated[str, AfterValidator(_origin)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Network = Annotated[str, AfterValidator(_network)]
UpstreamOrigin = Annotated[str, AfterValidator(_upstream_origin)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
TierSecret = Annotated[SecretStr, AfterValidator(_tier_secret)]
Thresholds = Annotated[tuple[tuple[str, Seconds], ...], _equals("Support=30,Sales=15", "queue")]
ASCENDING = AfterValidator(_ascending)
WORD = BeforeValidator(_lower)
ATTRIBUTES = _equals("accountNumber=mask,ssn=drop", "attribute")
COMMAS = BeforeValidator(_split_commas)
