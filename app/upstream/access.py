"""Where upstream is, and as whom it is asked."""

from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr

from app.errors import SettingsError
from app.upstream.limits import DEFAULTS, Limits

PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port: all that may differ between two servers (RFC 6454 §4)."""

    scheme: str
    host: str
    port: int

    def url(self) -> str:
        """The origin as text, its port always named."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UpstreamAccess:
    """What the client needs to know: `fetch_seconds` is the longest life of a reading, `wait_seconds` a caller's wait.

    Raises SettingsError where the URL is no plain origin or the tenant is no UUID.
    """

    upstream_url: str
    tenant_id: str
    username: str
    password: SecretStr
    auth: Literal["basic", "token"] = "basic"
    upstream_concurrency: int = 8
    fetch_seconds: float = 60.0
    wait_seconds: float = 10.0
    limits: Limits = DEFAULTS

    def __post_init__(self) -> None:
        """The tenant goes into every path, so it must be what it claims to be."""
        self.origin()
        try:
            canonical = str(UUID(self.tenant_id))
        except ValueError:
            raise SettingsError(["The tenant must be a UUID."]) from None
        object.__setattr__(self, "tenant_id", canonical)

    def origin(self) -> Origin:
        """The one origin that is ever called."""
        try:
            parts = urlsplit(self.upstream_url)
            port = parts.port or PORTS[parts.scheme]
        except (ValueError, KeyError):
            raise SettingsError(["The upstream URL must be an http or https origin."]) from None
        more = parts.username is not None or parts.path not in {"", "/"} or parts.query or parts.fragment
        if more or not parts.hostname:
            raise SettingsError(["The upstream URL must be an origin: scheme, host and port, nothing else."])
        return Origin(parts.scheme, parts.hostname, port)
