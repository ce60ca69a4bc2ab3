"""The client behind trusted proxies, the public URL of the service, and which hosts are its own."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from string import ascii_letters, digits
from urllib.parse import urlsplit

from starlette.types import Scope

from app.http.negotiation import joined
from app.owners import address_of, within
from app.settings.forms import path_prefix

FOR, PROTO, HOST, PREFIX = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix"
FIELDS = frozenset({FOR, PROTO, HOST, PREFIX})
MOST_HOPS = 32  # looked at, the nearest first
_LONGEST_HOP = 80  # characters
_REMEMBERED = 4096
_SCHEMES = frozenset({"http", "https"})


class Forwarding:
    """The settings CXF_PUBLIC_URL, without a slash at its end, and CXF_TRUSTED_PROXIES, which are networks, at work.

    The address, scheme, host and prefix that a trusted proxy names replace those of its own connection; whoever else
    sends such fields is not believed (FAULTS T34). The prefix becomes the ASGI `root_path`.
    """

    def __init__(self, public_url: str | None, trusted_proxies: Iterable[str]) -> None:
        parts = urlsplit(public_url or "")
        self.public_url = public_url
        self.hosts = (without_port(parts.netloc),) if public_url else ()
        self.prefix = parts.path if public_url else None
        self._networks = tuple(trusted_proxies)
        self.is_trusted = within(self._networks)

    def seen(self, scope: Scope) -> Scope:
        """The request as its client sent it; the very scope where there is nothing to say of it."""
        if scope["type"] != "http" or not (self._networks or self.prefix):
            return scope
        prefix, client, raw_path = self.prefix, scope.get("client"), scope.get("raw_path")
        if client and self.is_trusted(client[0]) and (said := joined(scope["headers"], FIELDS)):
            scope = self._forwarded(scope, client[0], said)
            if prefix is None:
                with suppress(ValueError):
                    prefix = path_prefix(_nearest(PREFIX, said))
        if not prefix:
            return scope
        raw_path = prefix.encode() + raw_path if raw_path else raw_path
        return {**scope, "root_path": prefix, "path": prefix + scope["path"], "raw_path": raw_path}

    def url(self, scope: Scope, path: str) -> str:
        """The absolute URL of a path of this service, for one who sent this request; its Host has been checked."""
        if self.public_url is not None:
            return self.public_url + path
        host = next(value for name, value in scope["headers"] if name == b"host").decode("latin-1")
        return f"{scope['scheme']}://{host}{scope.get('root_path', '')}{path}"

    def _forwarded(self, scope: Scope, peer: str, said: Mapping[bytes, str]) -> Scope:
        headers, hops = scope["headers"], said.get(FOR, "").split(",")
        scheme, host = _nearest(PROTO, said).lower(), _nearest(HOST, said).encode("latin-1")
        if is_host(host):
            headers = [(name, host if name == b"host" else value) for name, value in headers]
        return {
            **scope,
            "client": (client_of(peer, hops, self.is_trusted), 0),
            "server": None,  # which of its addresses the client reached, no field tells: nobody is local (FAULTS T37)
            "scheme": scheme if scheme in _SCHEMES else scope["scheme"],
            "headers": headers,
        }


NOTHING_FORWARDED = Forwarding(None, ())


def client_of(peer: str, hops: Sequence[str], is_trusted: Callable[[str], bool]) -> str:
    """The client's address: the nearest hop that is no trusted proxy, as each trusted one is believed for the next.

    Where a hop is no address, its sender is the client: nothing beyond it is known. `hops` end with the nearest.
    """
    client = peer
    for hop in reversed(hops[-MOST_HOPS:]):
        address = _address(hop) if len(hop) <= _LONGEST_HOP else None
        if address is None:
            break
        client = address
        if not is_trusted(client):
            break
    return client


@lru_cache(maxsize=_REMEMBERED)
def _address(hop: str) -> str | None:
    """The address in a hop: IPv4 or IPv6, the latter perhaps in brackets, and perhaps a port behind."""
    hop = hop.strip(" \t")
    is_bare_ipv6 = hop.count(":") > 1 and not hop.startswith("[")
    host = hop if is_bare_ipv6 else without_port(hop)
    address = address_of(host.removeprefix("[").removesuffix("]"))
    return None if address is None else str(address)


def _nearest(field: bytes, said: Mapping[bytes, str]) -> str:
    """The value set by the nearest proxy, the last one of the field; empty where there is none."""
    return said.get(field, "").rpartition(",")[2].strip(" \t")


ANY_HOST = "*"
_HOST_BYTES = (ascii_letters + digits + ".-_").encode()
_HOSTS_REMEMBERED = 256
_AUTHORITY = re.compile(r"(\[.*\]|[^:\]]*)(?::[0-9]*)?", re.DOTALL)


def allowed_host(allowed_hosts: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a Host field names one of `allowed_hosts`, at any port; remembers the last verdicts."""
    names = frozenset(host if host == ANY_HOST else _host_name(host) for host in allowed_hosts)

    @lru_cache(maxsize=_HOSTS_REMEMBERED)
    def is_allowed(host: bytes) -> bool:
        name = _host_name(without_port(host.decode("latin-1")))
        return bool(name) and (name in names or ANY_HOST in names)

    return is_allowed


def without_port(authority: str) -> str:
    """The host of a Host field (RFC 9110 §7.2); the empty string where the port is no number."""
    found = _AUTHORITY.fullmatch(authority)
    return found[1] if found else ""


def _host_name(host: str) -> str:
    """A host as hosts are compared: lower case, without brackets and trailing dot; empty where it is malformed."""
    if ":" in host:
        with suppress(ValueError):
            return str(ip_address(host.removeprefix("[").removesuffix("]")))
    name = host.lower().removesuffix(".")
    return "" if name.encode("utf-8").translate(None, _HOST_BYTES) else name


is_host = allowed_host((ANY_HOST,))
"""Whether a Host field is well formed, whomever it names."""
