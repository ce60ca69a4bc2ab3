"""How long snapshots are fresh (DESIGN §5), and whose time zone counts."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.holdings.packing import Sums
from app.queries.rules import Lifetime, from_settings, lifetime_of_interaction, lifetime_of_search, zone_of
from app.queries.snapshot import Snapshot
from app.upstream.query import UpstreamQuery
from tests.queries.support import NOW, TENANT, rules
from tests.settings.reading import read

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
EMPTY = Snapshot("v", NOW, UpstreamQuery(), None, simulated=False, complete=True)
ROWS = replace(EMPTY, rows=1, sums=Sums(last_event_at=NOW - 30 * DAY))


@pytest.mark.parametrize(
    ("end", "facts", "expected"),
    [
        (None, {}, Lifetime(15, "open")),
        (NOW, {}, Lifetime(15, "open")),
        (NOW + DAY, {}, Lifetime(15, "open")),
        (NOW - HOUR + SECOND, {}, Lifetime(15, "open")),
        (NOW - HOUR, {}, Lifetime(360, "settled")),
        (NOW - 10 * HOUR, {}, Lifetime(3600, "settled")),
        (NOW - 10 * HOUR, {"sums": Sums(last_event_at=NOW - 5 * HOUR)}, Lifetime(1800, "settled")),
        (NOW - 10 * HOUR, {"sums": Sums(last_event_at=NOW - SECOND)}, Lifetime(60, "settled")),
        (NOW - 300 * DAY, {}, Lifetime(86_400, "settled")),
        (NOW - 300 * DAY, {"sums": Sums(all_final=False)}, Lifetime(15, "open")),
        (NOW - 300 * DAY, {"shifted": True}, Lifetime(15, "open")),
        (NOW - 300 * DAY, {"lost": 1}, Lifetime(15, "open")),
    ],
)
def test_rows_are_fresh_for_a_tenth_of_the_quiet_since_then_once_they_are_settled(
    end: datetime | None, facts: dict[str, Any], expected: Lifetime
) -> None:
    assert lifetime_of_search(replace(ROWS, **facts), end, rules()) == expected


@pytest.mark.parametrize(
    ("end", "changes", "expected"),
    [
        (None, {}, Lifetime(15, "empty-open")),
        (None, {"fresh_open_seconds": 600.0}, Lifetime(60, "empty-open")),
        (NOW - HOUR, {}, Lifetime(360, "empty-settled")),
        (NOW - 100 * DAY, {}, Lifetime(86_400, "empty-settled")),
    ],
)
def test_an_empty_answer_is_fresh_by_its_range_and_for_a_minute_at_most_while_open(
    end: datetime | None, changes: dict[str, Any], expected: Lifetime
) -> None:
    assert lifetime_of_search(EMPTY, end, rules(**changes)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"sums": Sums(last_event_at=NOW - 10 * HOUR)}, Lifetime(3600, "settled")),
        ({"sums": Sums(last_event_at=NOW - SECOND)}, Lifetime(60, "settled")),
        ({"sums": Sums(last_event_at=NOW - 10 * HOUR, all_final=False)}, Lifetime(15, "open")),
        ({"rows": 0, "sums": Sums()}, Lifetime(60, "unknown-interaction")),
    ],
)
def test_one_interaction_is_fresh_by_its_own_finality(facts: dict[str, Any], expected: Lifetime) -> None:
    assert lifetime_of_interaction(replace(ROWS, **facts), rules()) == expected


@pytest.mark.parametrize("end", [None, NOW - HOUR, NOW - 300 * DAY])
@pytest.mark.parametrize(
    "snapshot", [EMPTY, ROWS, replace(ROWS, sums=Sums(last_event_at=NOW - 30 * DAY, all_final=False))]
)
def test_nothing_is_fresh_for_longer_than_the_setting_allows(end: datetime | None, snapshot: Snapshot) -> None:
    short = rules(fresh_max_seconds=5.0)
    assert lifetime_of_search(snapshot, end, short).seconds == 5
    assert lifetime_of_interaction(snapshot, short).seconds == 5


def test_longer_settling_keeps_an_answer_open_longer() -> None:
    patient = rules(context=replace(rules().context, settle=DAY))
    assert lifetime_of_search(ROWS, NOW - HOUR, patient).rule == "open"


@pytest.mark.parametrize("name", ["US/Eastern", "Europe/Berlin", "UTC"])
def test_a_known_zone_is_taken(name: str) -> None:
    assert zone_of(name).key == name


@pytest.mark.parametrize(
    "name", [None, "", "Mars/Olympus", "America", "../../etc/passwd", "/etc/localtime", "US/Eastern\0", "x" * 5000, "ü"]
)
def test_anything_else_is_utc(name: str | None) -> None:
    assert zone_of(name).key == "UTC"


SHAPING: dict[str, Any] = {
    "tenant_id": TENANT,
    "settle_seconds": 60,
    "sla_seconds": 30,
    "sla_by_queue": "Support=30",
    "abandon_seconds": 5,
    "sla_abandons": "count",
    "attributes": "VIP",
    "attribute_policy": "VIP=mask",
    "time_zone": "US/Eastern",
}


def test_each_setting_that_shapes_rows_is_in_the_digest() -> None:
    usual = from_settings(read(), b"secret").digest
    others = [from_settings(read(**{name: value}), b"secret").digest for name, value in SHAPING.items()]
    assert len({usual, *others, from_settings(read(), b"another").digest}) == len(SHAPING) + 2
    assert from_settings(read(), b"secret").digest == usual


def test_the_settings_of_which_rules_are_made_shape_rows_or_bound_answers() -> None:
    """A setting that is new among the rules belongs into one of the two."""
    bounds: dict[str, Any] = {"max_rows": 5, "wait_seconds": 5, "fresh_open_seconds": 5, "fresh_max_seconds": 5}
    read_here = set[str]()

    class Recording:
        def __getattr__(self, name: str) -> object:
            read_here.add(name)
            return getattr(read(), name)

    from_settings(Recording(), b"secret")  # type: ignore[arg-type]  # reads as the settings do
    assert read_here == {*SHAPING, *bounds}
    assert from_settings(read(**bounds), b"secret").digest == from_settings(read(), b"secret").digest
