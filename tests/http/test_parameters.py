"""The table of parameters: complete, and every row of it in a key."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.cache.keys import digest
from app.holdings.changes import Mark
from app.holdings.collection import EVER
from app.http.parameters import ATTRIBUTE_PREFIX, BY_NAME, ITEM_PARAMETERS, PARAMETERS
from app.queries.change_token import ChangeToken, token_text
from app.queries.cursor import Cursor, cursor_text
from app.queries.operators import FILTERS
from app.queries.query import InteractionQuery
from tests.http.scene import TRUSTED, asked

TENANT = "11111111-2222-4333-8444-555555555555"
ONE, OTHER = "f4895fe0-6714-11e7-9259-cb127bd0d17b", "f4895fe0-6714-11e7-9259-cb127bd0d17c"


def cursor(position: int) -> str:
    return cursor_text(Cursor("0123456789abcdef", position, bytes(8), datetime(2026, 11, 1, tzinfo=UTC), None))


def token(number: int) -> str:
    return token_text(ChangeToken((Mark(bytes(8), number, EVER),), bytes(8), datetime(2026, 11, 1, tzinfo=UTC), None))


# Two values of each parameter, and whether upstream must be asked anew for the second.
FLIPS: dict[str, tuple[str, str, bool]] = {
    "cursor": (f"cursor={cursor(1)}", f"cursor={cursor(2)}", False),
    "offset": ("offset=1", "offset=2", False),
    "limit": ("limit=1", "limit=2", False),
    "attr": ("attr=a", "attr=b", True),
    "attr_pair": ("attr_pair=name=a", "attr_pair=name=b", True),
    "attr.": ("attr.name=a", "attr.name=b", True),
    "attr_any": ("attr_any=a", "attr_any=b", True),
    "attr_name": ("attr_name=a", "attr_name=b", True),
    "from": ("from=now-1h", "from=now-2h", True),
    "to": ("to=2026-11-01", "to=2026-11-02", True),
    "contact_id": (f"contact_id={ONE}", f"contact_id={OTHER}", True),
    "hook_type": ("hook_type=a", "hook_type=b", True),
    "hook_subtype": ("hook_subtype=a", "hook_subtype=b", True),
    "hook_id": ("hook_id=a", "hook_id=b", True),
    **{name: (f"{name}=a", f"{name}=b", False) for name in FILTERS if not name.startswith("is_")},
    **{name: (f"{name}=true", f"{name}=false", False) for name in FILTERS if name.startswith("is_")},
    "changed_since": (f"changed_since={token(1)}", f"changed_since={token(2)}", False),
    "fields": ("fields=direction", "fields=flow_id", False),
    "include": ("include=notes", "include=agents", False),
    "sort": ("sort=direction", "sort=-direction", False),
    "format": ("format=json", "format=csv", False),
    "shape": ("shape=envelope", "shape=records", False),
    "csv": ("format=csv&csv=rfc4180", "format=csv&csv=excel", False),
    "pii": ("pii=mask", "pii=clear", False),
    "download": ("", "download=1", False),
}
NAMES = [parameter.name for parameter in PARAMETERS]
LINES_OF_INTERFACE = [
    "cursor",
    "offset",
    "limit",
    "attr",
    "attr_pair",
    "attr.",
    "attr_any",
    "attr_name",
    "from to",
    "contact_id hook_type hook_subtype hook_id",
    "channel_type direction queue_id queue_name agent_id flow_id is_abandoned is_final",
    "changed_since",
    "fields",
    "include",
    "sort",
    "format",
    "shape",
    "csv",
    "pii",
    "download",
]


def of(query: str) -> InteractionQuery:
    return asked(query, TRUSTED)


def report_key(query: InteractionQuery) -> bytes:
    return query.search.key(TENANT)


def answer_key(query: InteractionQuery, *, linked: bool = True) -> bytes:
    """The key's part that the query makes; without what is only in it for the link to the next page."""
    shown = query if linked else replace(query, asked=(), given=())
    return digest(report_key(query), shown.key_parts())


def test_the_parameters_stand_in_the_order_of_the_interface() -> None:
    assert " ".join(LINES_OF_INTERFACE).split() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_another_value_of_a_parameter_is_another_answer_and_another_report_where_upstream_must_be_asked(
    name: str,
) -> None:
    one, other, is_asked = FLIPS[name]
    assert (report_key(of(one)) != report_key(of(other))) is is_asked
    assert answer_key(of(one)) != answer_key(of(other))
    assert answer_key(of(one), linked=False) != answer_key(of(other), linked=False), "by its canonical value alone"


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_that_is_given_is_another_answer_than_one_that_is_not(name: str) -> None:
    _, other, is_asked = FLIPS[name]
    without = "format=csv" if name == "csv" else ""
    assert (report_key(of(other)) != report_key(of(without))) is is_asked
    assert answer_key(of(other)) != answer_key(of(without))


@pytest.mark.parametrize("name", NAMES)
def test_a_cursor_is_bound_to_just_those_parameters_that_pin(name: str) -> None:
    one, other, _ = FLIPS[name]
    assert (of(one).identity() != of(other).identity()) is BY_NAME[name].pins


@pytest.mark.parametrize("name", [name for name in NAMES if BY_NAME[name].repeatable])
def test_repeats_share_their_keys_in_any_order_and_number(name: str) -> None:
    one, other, _ = FLIPS[name]
    queries = [of(f"{one}&{other}"), of(f"{other}&{one}&{one}")]
    assert len({report_key(query) for query in queries}) == 1
    assert len({answer_key(query) for query in queries}) == 1
    assert len({query.identity() for query in queries}) == 1
    assert answer_key(queries[0]) not in {answer_key(of(one)), answer_key(of(other))}


@pytest.mark.parametrize("name", NAMES)
def test_every_row_tells_the_documentation_what_it_needs(name: str) -> None:
    row = BY_NAME[name]
    assert row.description.endswith(".")
    assert row.schema["type"] in {"string", "integer", "array"}
    assert (row.schema["type"] == "array") is (row.repeatable and name != ATTRIBUTE_PREFIX)


@pytest.mark.parametrize("name", [name for name in NAMES if "enum" in BY_NAME[name].schema])
def test_the_values_a_schema_names_are_the_values_that_are_taken(name: str) -> None:
    allowed = BY_NAME[name].schema["enum"]
    assert isinstance(allowed, list)
    where = {"csv": "format=csv&"}.get(name, "")
    for value in allowed:
        of(f"{where}{name}={value}")
    assert BY_NAME[name].schema.get("default", allowed[0]) == allowed[0]


@pytest.mark.parametrize("name", [name for name in NAMES if BY_NAME[name].example is not None])
def test_every_example_can_be_asked(name: str) -> None:
    example = BY_NAME[name].example
    for value in example if isinstance(example, list) else [example]:
        of(f"{name}={value}")


def test_one_interaction_takes_parameters_of_the_table() -> None:
    assert set(ITEM_PARAMETERS) < set(NAMES)
