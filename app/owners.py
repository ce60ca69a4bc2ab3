"""The owners of shared work: keys by name, others by address (IPv6: by /64)."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

MOST = 100  # a crowd that joins one fetch needs no more of them: one with a free turn is enough
UNKNOWN = "unknown"
_NETWORK_BITS = 64  # one client has a whole /64 of IPv6 addresses
_REMEMBERED = 4096


class Owners:
    """The owners of one fetch: others may join while it waits for its turn; without any it is in the background."""

    def __init__(self, *names: str) -> None:
        self.names = dict.fromkeys(names)  # in the order in which they came: the first one started it
        self.watchers: list[Callable[[], None]] = []  # called whenever an owner has joined

    @property
    def first(self) -> str | None:
        """The owner who started it."""
        return next(iter(self.names), None)

    def join(self, others: "Owners") -> None:
        """Add the owners of a caller who waits for the same fetch: it waits no longer than a fetch of their own."""
        if others.names.keys() <= self.names.keys() or len(self.names) >= MOST:
            return
        self.names.update(others.names)
        for tell in self.watchers:
            tell()


def service_itself() -> Owners:
    """The owner of a call that the service makes for itself, such as for the tenant's time zone."""
    return Owners("")


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """A host's address, for comparison: IPv4-mapped IPv6 as IPv4, without a zone; None for other text."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


@lru_cache(maxsize=_REMEMBERED)
def owner_of(host: str) -> str:
    """The owner that an address counts to: an IPv4 address itself, an IPv6 address's /64, else `unknown`."""
    address = address_of(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _NETWORK_BITS), strict=False))
    return UNKNOWN if address is None else str(address)


def within(networks: Iterable[str]) -> Callable[[str], bool]:
    """A function that tells whether an address lies in one of these networks; it remembers the last verdicts."""
    known = tuple(map(ip_network, networks))

    @lru_cache(maxsize=_REMEMBERED)
    def is_within(host: str) -> bool:
        address = address_of(host)
        return address is not None and any(address in network for network in known)

    return is_within if known else lambda _host: False
