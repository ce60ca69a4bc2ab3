"""Which Host fields name us: against a page that has its own name resolve to our address (FAULTS T37)."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address

ANY_HOST = "*"
_HOST_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"
_HOSTS_REMEMBERED = 256


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
    host, bracket, port = authority.rpartition("]") if authority.startswith("[") else ("", "", authority)
    if not bracket:
        host, _, port = authority.partition(":")
        port = ":" + port
    is_port = not port or (port.startswith(":") and (port[1:].isdecimal() or not port[1:]))
    return host + bracket if is_port else ""


def _host_name(host: str) -> str:
    """A host as hosts are compared: lower case, without brackets and trailing dot; empty where it is malformed."""
    if host.startswith("[") or host.count(":") > 1:
        try:
            return str(ip_address(host.removeprefix("[").removesuffix("]")))
        except ValueError:
            return ""
    name = host.lower().removesuffix(".")
    return "" if name.encode("utf-8").translate(None, _HOST_BYTES) else name


is_host = allowed_host((ANY_HOST,))
"""Whether a Host field is well formed, whomever it names."""
