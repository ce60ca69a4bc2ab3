"""The table of operators: what each keeps, on a column of the row and on the parts of an interaction."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from app.interactions.columns import ColumnType
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS
from app.queries.operators import FILTERS, OPERATORS, conditions, operators_of, parted, passes, type_of
from app.queries.query import Filter, Operand
from tests.queries.support import NOW, TENANT, interaction, record

CONTEXT = Context(tenant_id=TENANT, as_of=NOW)
INTERACTIONS = GRAINS["interactions"]
EARLY, NOON, LATE = (datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (8, 12, 20))

# Operator, values given, and of the values that a row may show those that it keeps.
CASES: list[tuple[str, tuple[Operand, ...], list[Any], list[Any]]] = [
    ("", ("a",), ["a", "A", "ab", None], ["a"]),
    ("", ("a", "b"), ["a", "b", "c", None], ["a", "b"]),
    ("", (6.591,), [6.591, 6.59, 6, None], [6.591]),
    ("", (True,), [True, False], [True]),
    ("ne", ("a",), ["a", "A", None], ["A", None]),
    ("ne", ("a", "b"), ["a", "b", "c", None], ["c", None]),
    ("gt", (3,), [2, 3, 4, None], [4]),
    ("gte", (3,), [2, 3, 4, None], [3, 4]),
    ("lt", (3.5,), [3.4, 3.5, 3.6, None], [3.4]),
    ("lte", (3.5,), [3.4, 3.5, 3.6, None], [3.4, 3.5]),
    ("gte", (NOON,), [EARLY, NOON, LATE, None], [NOON, LATE]),
    ("prefix", ("su",), ["Support", "sub", "us", "", None], ["Support", "sub"]),
    ("prefix", ("straß", "x"), ["STRASSE", "Xylo", "Stra", None], ["STRASSE", "Xylo"]),
    ("null", (True,), ["a", "", 0, False, None], [None]),
    ("null", (False,), ["a", "", 0, False, None], ["a", "", 0, False]),
]


@pytest.mark.parametrize(("suffix", "given", "shown", "kept"), CASES)
def test_each_operator_keeps_what_its_row_says(
    suffix: str, given: tuple[Operand, ...], shown: list[Any], kept: list[Any]
) -> None:
    test = OPERATORS[suffix].of(given)
    assert [value for value in shown if test((value,))] == kept


QUEUED: dict[str, Any] = {"queues": [{"queueName": "Support"}, {"queueName": "Sales"}, {}]}


@pytest.mark.parametrize(
    ("suffix", "given", "of_some", "of_none"),
    [
        ("", "Sales", True, False),
        ("", "Claims", False, False),
        ("ne", "Sales", False, True),
        ("ne", "Claims", True, True),
        ("prefix", "SA", True, False),
        ("gt", "Sa", True, False),
        ("lt", "Sales", False, False),
        ("null", True, False, True),
        ("null", False, True, False),
    ],
)
def test_a_condition_on_the_parts_is_met_by_some_and_its_contrary_by_all(
    suffix: str, given: Operand, of_some: bool, of_none: bool
) -> None:
    """A queue's name is no column of interactions: some entry must have it, and for `ne` none."""
    own, others = conditions([Filter("queue_name", (given,), suffix)], INTERACTIONS)
    assert not own
    unqueued: dict[str, Any] = {}
    for more, expected in ((QUEUED, of_some), (unqueued, of_none)):
        assert passes(Facts(record(interaction(1, **more)).interaction, CONTEXT), others) is expected


def test_a_condition_is_on_the_row_itself_where_it_has_the_column() -> None:
    own, others = conditions([Filter("queue_name", ("Sales",))], GRAINS["queue_entries"])
    assert not others
    entries = GRAINS["queue_entries"].rows(Facts(record(interaction(1, **QUEUED)).interaction, CONTEXT))
    assert [passes(entry, own) for entry in entries] == [False, True, False]


def test_a_time_is_compared_to_the_millisecond_as_rows_show_it() -> None:
    precise: dict[str, Any] = {"startTimestamp": "2026-11-20T08:00:00.123987Z"}
    facts = Facts(record(interaction(1, **precise)).interaction, CONTEXT)
    shown = datetime(2026, 11, 20, 8, 0, 0, 123_000, tzinfo=UTC)
    for suffix, moment, expected in (
        ("", shown, True),
        ("gt", shown, False),
        ("gte", shown, True),
        ("lt", shown + timedelta(milliseconds=1), True),
        ("ne", shown, False),
    ):
        own, _ = conditions([Filter("started_at", (moment,), suffix)], INTERACTIONS)
        assert passes(facts, own) is expected


@pytest.mark.parametrize("type_", get_args(ColumnType))
def test_every_type_has_equality_and_a_test_for_null(type_: ColumnType) -> None:
    suffixes = [one.suffix for one in operators_of(type_)]
    assert {"", "ne", "null"} <= set(suffixes)
    assert ("gte" in suffixes) is (type_ != "bool")
    assert ("prefix" in suffixes) is (type_ in ("uuid", "string", "enum"))


def test_a_name_is_parted_at_its_first_dot() -> None:
    assert parted("queue_name.prefix") == ("queue_name", "prefix")
    assert parted("queue_name") == ("queue_name", "")


def test_each_documented_filter_has_a_type_in_every_grain() -> None:
    for grain in GRAINS.values():
        assert all(type_of(name, grain) for name in FILTERS)
    assert type_of("nothing", INTERACTIONS) is None
