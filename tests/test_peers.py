"""Addresses: whose share one counts to, and which networks hold it."""

import pytest

from app.peers import owner_of, within


@pytest.mark.parametrize(
    ("host", "owner"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", "unknown"),
        ("testclient", "unknown"),
        ("192.0.2.7:80", "unknown"),
    ],
)
def test_an_ipv4_address_owns_its_share_and_an_ipv6_address_shares_its_networks(host: str, owner: str) -> None:
    assert owner_of(host) == owner


@pytest.mark.parametrize(
    ("host", "held"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.0.0.1", False),
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_a_network_holds_its_addresses_in_any_spelling(host: str, held: bool) -> None:
    assert within(("10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32"))(host) is held


def test_without_networks_nothing_is_held() -> None:
    assert not within(())("127.0.0.1")
