"""Several collections as one answer: each record once, by its copy checked last, as far down as all are known."""

from datetime import datetime, timedelta
from math import inf
from typing import Any

import pytest

from tests.holdings.support import NOW, ids_of, place, records_of, row

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def tinted(number: int, started: datetime, *values: str, **more: Any) -> dict[str, Any]:
    """An interaction with these attribute values."""
    hooks = [{"interactionHookId": one, "hookType": "colour", "hookName": one} for one in values]
    return row(number, started, interactionAttributes=hooks, **more)


@pytest.mark.parametrize("either", [("blue", "red"), ("red", "blue")])
async def test_of_two_copies_of_a_record_the_one_checked_last_counts(either: tuple[str, str]) -> None:
    at = place([tinted(1, NOW - HOUR, "blue", "red", flowName="old")])
    await at.answer(attribute_values=("blue",))
    at.upstream.put(tinted(1, NOW - HOUR, "blue", "red", flowName="new"))
    at.clock.advance(1)
    await at.answer(attribute_values=("red",))
    at.upstream.calls.clear()
    answered = await at.answer(any_values=either, fresh_seconds=inf)
    assert [one.flow_name for one in records_of(answered)] == ["new"]
    assert at.upstream.calls == []
    assert answered.composition.checked_at == at.clock.monotonic
    assert answered.composition.compared_at == at.clock.monotonic - 1, "as old as the older part"


async def test_it_reaches_as_far_down_as_every_part_and_promises_the_least_there_may_be() -> None:
    blue = [tinted(number, NOW - HOUR - number * MINUTE, "blue") for number in range(1_500)]
    red = [tinted(5_000 + number, NOW - HOUR - number * 5 * MINUTE, "red") for number in range(400)]
    at = place([*blue, *red])
    either: dict[str, Any] = {"any_values": ("blue", "red")}
    expected = at.expected(**either)
    answered = await at.answer(50, **either)
    rows = answered.composition.rows
    assert ids_of(answered) == expected[:rows]
    assert 1_000 <= rows < answered.total <= len(expected)
    assert not answered.composition.complete
    whole = await at.answer(**either)
    assert ids_of(whole) == expected
    assert (whole.total, whole.composition.complete, whole.composition.marks) == (1_900, True, ())


async def test_from_the_whole_tenant_one_of_its_values_is_counted_and_where_that_differs_all_are_asked() -> None:
    rows = [tinted(number, NOW - HOUR - number * MINUTE, ("blue", "red", "green")[number % 3]) for number in range(60)]
    at = place(rows)
    either: dict[str, Any] = {"any_values": ("blue", "red")}
    await at.answer()
    at.upstream.calls.clear()
    answered = await at.answer(**either)
    assert ids_of(answered) == at.expected(**either)
    assert answered.composition.marks == (), "else a page of it would end the changes of the whole tenant"
    ((counted, _, limit),) = at.upstream.calls
    assert (len(counted.attribute_values), counted.any_values, limit) == (1, (), 0)
    at.upstream.hidden = {"in lists by attribute alone"}
    at.upstream.put(tinted(90, NOW - 2 * HOUR, "red", "blue", interactionId="in lists by attribute alone"))
    at.holdings.supersets._verified.clear()
    found = await at.ids(**either)
    assert "in lists by attribute alone" in found
    assert len(found) == len(at.expected(**either)) + 1
