"""Hints for a question that found nothing: from the question itself, and from what is shown of the rows held."""

from collections.abc import Iterable
from typing import Any

import pytest

from app import cooperative
from app.interactions.facts import Context
from app.interactions.grains import GRAINS
from app.interactions.masking import by_name
from app.queries.hints import Hint, of_question, of_rows
from app.queries.query import Filter, Search
from tests.queries.support import NOW, TENANT, VIEW, interaction, interactions, query, with_attribute
from tests.queries.test_select import opened

CONTEXT = Context(tenant_id=TENANT, as_of=NOW)


def of(*, is_ahead: bool = False, **asked: Any) -> list[tuple[str, str, str | None]]:
    return [shown(hint) for hint in of_question(query(**asked), is_ahead=is_ahead)]


def shown(hint: Hint) -> tuple[str, str, str | None]:
    assert hint.text.endswith(".")
    assert hint.text.isascii()
    return hint.code, hint.parameter, hint.suggestion


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, []),
        ({"search": Search(attr=("VIP",))}, []),
        (
            {"search": Search(attr=("accountNumber=7016941",))},
            [("pair-form", "attr", "attr_pair=accountNumber=7016941")],
        ),
        ({"search": Search(attr=("=1+1",))}, []),
        ({"filters": (Filter("queue_name", ("a,b c",)),)}, [("comma", "queue_name", "queue_name=a&queue_name=b%20c")]),
        ({"filters": (Filter("queue_name", ("a,b",), "ne"),)}, []),
        ({"search": Search(attr=("a,b",))}, [("comma", "attr", "attr=a&attr=b")]),
        ({"search": Search(attr=(" 15550100",))}, [("plus", "attr", "attr=%2B15550100")]),
        ({"search": Search(attr_pairs=(("to", " 15550100"),))}, [("plus", "attr.to", "attr.to=%2B15550100")]),
        ({"search": Search(attr=(" VIP",))}, []),
        ({"search": Search(start=NOW), "is_ahead": True}, [("future", "from", None)]),
        ({"search": Search(start=NOW)}, []),
    ],
)
def test_the_question_itself_may_give_hints(asked: dict[str, Any], expected: list[Any]) -> None:
    assert of(**asked) == expected


async def by_rows(
    rows: list[dict[str, Any]],
    *,
    grain: str = "interactions",
    context: Context = CONTEXT,
    attributes: Iterable[str] = (),
    **asked: Any,
) -> list[tuple[str, str, str | None]]:
    found = await cooperative.run(of_rows(query(**asked), await opened(rows), GRAINS[grain], context, attributes))
    return [shown(hint) for hint in found]


QUEUED = [interaction(0, queues=[{"queueName": "Support"}, {"queueName": "Sales"}], direction="inbound")]


@pytest.mark.parametrize(
    ("grain", "condition", "expected"),
    [
        ("interactions", Filter("queue_name", ("support",)), [("other-case", "queue_name", "queue_name=Support")]),
        ("queue_entries", Filter("queue_name", ("SALES",)), [("other-case", "queue_name", "queue_name=Sales")]),
        ("interactions", Filter("direction", ("Inbound",)), [("other-case", "direction", "direction=inbound")]),
        ("interactions", Filter("channel_type", ("Voice",)), [("other-case", "channel_type", "channel_type=voice")]),
        ("interactions", Filter("queue_name", ("Claims",)), []),
        ("interactions", Filter("queue_name", ("Support",)), []),
        ("interactions", Filter("queue_name", ("support",), "prefix"), []),
        ("interactions", Filter("hold_count", (3,)), []),
    ],
)
async def test_a_value_with_other_capitals_is_named(grain: str, condition: Filter, expected: list[Any]) -> None:
    assert await by_rows(QUEUED, grain=grain, filters=(condition,)) == expected


async def test_a_name_that_is_nearly_one_of_the_rows_is_named() -> None:
    rows = [interaction(0, **with_attribute("accountNumber ", "1")), interaction(1, **with_attribute("region", "1"))]
    for search in (Search(attr_pairs=(("acountnumber", "1"),)), Search(attr_names=("AccountNumber",))):
        assert await by_rows(rows, search=search) == [("attribute-name", "attr_name", "attr_name=accountNumber")]
    for search in (Search(attr_names=("accountNumber",)), Search(attr_names=("zzz",)), Search()):
        assert await by_rows(rows, search=search) == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("AccountNumber", ["attr_name=accountNumber"]),
        ("acountnumber", ["attr_name=accountNumber"]),
        ("accountNumber", []),
        ("zzz", []),
    ],
)
async def test_a_name_that_is_nearly_one_read_before_is_named_where_the_search_finds_nothing(
    asked: str, expected: list[str]
) -> None:
    known = [*(f"name{number}" for number in range(50)), "accountNumber", "region"]
    for search in (Search(attr_names=(asked,)), Search(attr_pairs=((asked, "1"),))):
        hints = await by_rows([], search=search, attributes=known)
        assert [suggestion for _, _, suggestion in hints] == expected


@pytest.mark.threat("T12")
async def test_a_name_that_is_hidden_is_not_offered_though_it_was_read_before() -> None:
    search, known = Search(attr_names=("pinn",)), ["pin", "pint"]
    for policy, offered in ((by_name([("PIN", "drop")]), "pint"), (by_name([("pin", "mask")]), "pin")):
        context = Context(tenant_id=TENANT, as_of=NOW, attribute_policy=policy)
        ((_, _, suggestion),) = await by_rows([], search=search, context=context, attributes=known)
        assert suggestion == f"attr_name={offered}"
    dropping = Context(tenant_id=TENANT, as_of=NOW, attribute_policy=by_name([("*", "drop")]))
    assert await by_rows([], search=search, context=dropping, attributes=known) == []


@pytest.mark.threat("T12")
async def test_what_is_hidden_gives_no_hint() -> None:
    rows = [interaction(0, **with_attribute("pin", "Secret"))]
    dropping = Context(tenant_id=TENANT, as_of=NOW, attribute_policy=by_name([("pin", "drop")]))
    masking = Context(tenant_id=TENANT, as_of=NOW, attribute_policy=by_name([("pin", "mask")]))
    search, condition = Search(attr_names=("pim",)), (Filter("value", ("secret",)),)
    assert await by_rows(rows, search=search) == [("attribute-name", "attr_name", "attr_name=pin")]
    assert await by_rows(rows, search=search, context=dropping) == []
    of_values = {"grain": "interaction_attributes", "filters": condition}
    assert await by_rows(rows, **of_values) == [("other-case", "value", "value=Secret")]  # type: ignore[arg-type]
    assert await by_rows(rows, context=masking, **of_values) == []  # type: ignore[arg-type]


async def test_rows_are_looked_through_in_turns_and_only_where_they_can_tell() -> None:
    held = await opened(interactions(200))
    plain = of_rows(query(view=VIEW), held, GRAINS["interactions"], CONTEXT, ())
    assert sum(1 for _ in plain) == 0
    asked = query(filters=(Filter("direction", ("x",)),))
    assert sum(1 for _ in of_rows(asked, held, GRAINS["interactions"], CONTEXT, ())) == 200
