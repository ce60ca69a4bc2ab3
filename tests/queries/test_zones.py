"""Time zones as upstream names them."""

import pytest

from app.queries.rules import zone_of


@pytest.mark.parametrize("name", ["US/Eastern", "Europe/Berlin", "UTC"])
def test_a_known_zone_is_taken(name: str) -> None:
    assert zone_of(name).key == name


@pytest.mark.parametrize(
    "name", [None, "", "Mars/Olympus", "America", "../../etc/passwd", "/etc/localtime", "US/Eastern\0", "x" * 5000, "ü"]
)
def test_anything_else_is_utc(name: str | None) -> None:
    assert zone_of(name).key == "UTC"
