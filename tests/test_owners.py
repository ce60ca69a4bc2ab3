"""Who answers for shared work."""

from app.owners import MOST, Owners


def test_owners_stand_in_the_order_in_which_they_came_each_once() -> None:
    owners = Owners("one")
    for other in ("two", "one", "three"):
        owners.join(Owners(other))
    assert ([*owners.names], owners.first) == (["one", "two", "three"], "one")


def test_watchers_hear_of_each_new_owner_until_they_leave() -> None:
    owners, heard = Owners(), list[int]()

    def tell() -> None:
        heard.append(len(owners.names))

    owners.watch(tell)
    for name in ("one", "one", "two"):
        owners.join(Owners(name))
    owners.unwatch(tell)
    owners.join(Owners("three"))
    assert heard == [1, 2]


def test_of_a_crowd_so_many_are_enough() -> None:
    owners = Owners()
    for number in range(2 * MOST):
        owners.join(Owners(str(number)))
    assert len(owners.names) == MOST
