"""Addresses of those who connect: whose share a connection or request counts to, and which networks hold an address."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

UNKNOWN = "unknown"
_NETWORK_BITS = 64  # one client has a whole /64 of IPv6 addresses
_REMEMBERED = 4096

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_of(host: str) -> Address | None:
    """An address as addresses are compared: IPv4-mapped IPv6 as IPv4, without a zone; None where it is none."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


@lru_cache(maxsize=_REMEMBERED)
def owner_of(host: str) -> str:
    """Whose share an address counts to: an IPv4 address is its own, an IPv6 address its /64's; else `unknown`."""
    address = address_of(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _NETWORK_BITS), strict=False))
    return UNKNOWN if address is None else str(address)


def within(networks: Iterable[str]) -> Callable[[str], bool]:
    """Whether an address lies in one of these networks; remembers the last verdicts."""
    known = tuple(map(ip_network, networks))

    @lru_cache(maxsize=_REMEMBERED)
    def is_within(host: str) -> bool:
        address = address_of(host)
        return address is not None and any(address in network for network in known)

    return is_within if known else lambda _host: False
