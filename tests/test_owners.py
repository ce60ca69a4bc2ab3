"""The owners of shared work, and the owner that an address counts to."""

import pytest

from app.owners import MOST, Owners, owner_of, within


def test_owners_stand_in_the_order_in_which_they_came_each_once() -> None:
    owners = Owners("one")
    for other in ("two", "one", "three"):
        owners.join(Owners(other))
    assert ([*owners.names], owners.first) == (["one", "two", "three"], "one")


def test_watchers_hear_of_each_new_owner_until_they_leave() -> None:
    owners, heard = Owners(), list[int]()

    def tell() -> None:
        heard.append(len(owners.names))

    owners.watchers.append(tell)
    for name in ("one", "one", "two"):
        owners.join(Owners(name))
    owners.watchers.remove(tell)
    owners.join(Owners("three"))
    assert heard == [1, 2]


def test_of_a_crowd_so_many_are_enough() -> None:
    owners = Owners()
    for number in range(2 * MOST):
        owners.join(Owners(str(number)))
    assert len(owners.names) == MOST


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
