"""`row_version`: another hash where a masked view shows another record, and the same for all that it hides."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from app.interactions.facts import Context
from app.interactions.masking import Audience, by_name
from app.interactions.service_level import ServiceLevel
from tests.interactions.records import CLEAR, CONTEXT, made, row, sample

START, END, LATEST = "2026-03-02T15:00:00.000Z", "2026-03-02T15:10:00.000Z", "2026-03-02T17:00:00.000Z"
FINER = "2026-03-02T15:00:00.000900Z"
ENDED = {"startTimestamp": START, "endTimestamp": END}
NOTE = {"noteId": "n", "title": "Title", "body": "Body", "created": START, "updated": START}
LINK = {"hookType": "zendesk", "hookSubType": "user", "hookName": "Jordan Sample", "hookId": "26359162568"}


def attribute(name: str, value: str | None, time: str = START, **fields: object) -> dict[str, object]:
    return {"hookType": name, "hookName": value, "hookSubType": "interaction-attribute", "timestamp": time, **fields}


def version(context: Context = CONTEXT, /, **fields: Any) -> object:
    return row(made(**{**ENDED, **fields}), context)["row_version"]


def test_it_changes_with_the_record_and_not_with_what_surrounds_it() -> None:
    other = Context("", datetime(2027, 1, 1, tzinfo=UTC), service_level=ServiceLevel(1), pseudonym_secret=b"another")
    assert version() == version(other) == version(details={"agents": [], "csat": None})
    changed = [
        version(notes=[{"body": "late"}]),
        version(updated=LATEST),
        version(details={"csat": 3}),
        version(customer="+15550123"),
        version(agents=[{}]),
    ]
    assert len({version(), *changed}) == 1 + len(changed)


ATTRIBUTES = [attribute("a", "1"), attribute("b", "2", LATEST), attribute("c", None, interactionHookId="c")]


@pytest.mark.parametrize("order", list(permutations(ATTRIBUTES)))
def test_it_does_not_matter_in_which_order_or_array_hooks_stand_nor_how_often(order: list[dict[str, object]]) -> None:
    one, *others = order
    assert len({
        version(hooks=[*ATTRIBUTES, LINK]),
        version(hooks=[LINK, *order]),
        version(interactionAttributes=order, hooks=[LINK]),
        version(interactionAttributes=[*order, LINK]),
        version(hooks=[*order, *order, LINK, LINK], interactionAttributes=order),
        version(hooks=[one, LINK], interactionAttributes=others),
    }) == 1  # fmt: skip


@pytest.mark.parametrize(
    "field",
    [
        {"hooks": [{**LINK, "timestamp": START}, {**LINK, "timestamp": START, "hookSubType": "ticket", "hookId": "5"}]},
        {"hooks": [{**LINK, "agentId": "a", "hookId": "5"}, {**LINK, "agentId": "b"}]},
        {"notes": [{**NOTE, "noteId": None}, {**NOTE, "noteId": None, "agentId": "a"}]},
        {"interactionAttributes": [attribute("a", "1"), attribute("b ", "1")]},
    ],
)
def test_it_does_not_matter_in_which_order_things_of_one_moment_stand(field: dict[str, list[object]]) -> None:
    [(name, things)] = field.items()
    assert version(**{name: things}) == version(**{name: things[::-1]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"interactionAttributes": [attribute("a", "1")]}, {"interactionAttributes": [attribute("a", "2")]}),
        ({"interactionAttributes": [attribute("a", "1")]}, {"interactionAttributes": [attribute("b", "1")]}),
        ({"interactionAttributes": [attribute("a", "1")]}, {"interactionAttributes": [attribute("a", "1", END)]}),
        (
            {"interactionAttributes": [attribute("a", "1")]},
            {"interactionAttributes": [attribute("a", "1")] * 2 + [LINK]},
        ),
        (
            {"interactionAttributes": [attribute("a", "1"), attribute("a", "2")]},  # in one millisecond the later wins
            {"interactionAttributes": [attribute("a", "2"), attribute("a", "1")]},
        ),
        (
            {"interactionAttributes": [attribute("a", "1"), attribute("a ", "2")]},
            {"interactionAttributes": [attribute("a ", "2"), attribute("a", "1")]},
        ),
        (
            {"interactionAttributes": [attribute("a", "1", FINER), attribute("a", "2")]},
            {"interactionAttributes": [attribute("a", "2"), attribute("a", "1", FINER)]},
        ),
        ({"hooks": [LINK]}, {"hooks": [{**LINK, "hookedBy": "26303434627"}]}),
        ({"notes": [NOTE]}, {"notes": [{**NOTE, "updated": END}]}),
        ({"notes": [NOTE]}, {"notes": [{**NOTE, "noteId": "m"}]}),
        ({"notes": [NOTE]}, {"notes": [NOTE, {**NOTE, "noteId": "m"}]}),
        ({"contactPoint": "+15550100"}, {"contactPoint": "+15550101"}),
        ({"agents": [{"agentName": "Alex Example"}]}, {"agents": [{"agentName": "Robin Example"}]}),
        ({"details": {"startTimestamp": START}, "startTimestamp": None}, {"startTimestamp": None}),
        ({"details": {"contactId": "c"}}, {"details": {"contactId": "d"}}),
        ({"agents": [{"talkTimes": [{"agentTalkTime": 1}]}]}, {"agents": [{"talkTimes": [{"agentTalkTime": 2}]}]}),
        ({"customerHoldTimes": [ENDED]}, {"customerHoldTimes": []}),
    ],
)
def test_it_tells_apart_what_a_masked_view_shows(one: dict[str, object], other: dict[str, object]) -> None:
    assert version(**one) != version(**other)


POLICY = replace(CONTEXT, attribute_policy=by_name([("pin", "drop"), ("account", "mask")]))


@pytest.mark.threat("T12")
@pytest.mark.parametrize("context", [POLICY, replace(POLICY, audience=Audience(clear=True, notes=True))])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"customer": "+12125550100"}, {"customer": "+12135550100"}),
        ({"notes": [NOTE]}, {"notes": [{**NOTE, "title": "PIN", "body": "1234"}]}),
        ({"hooks": [LINK]}, {"hooks": [{**LINK, "hookName": "Robin Sample", "hookId": "415"}]}),
        ({"interactionAttributes": [attribute("pin", "1234")]}, {"interactionAttributes": [attribute("pin", "4321")]}),
        ({"hooks": [attribute("PIN ", "1234")]}, {"hooks": []}),
        ({"hooks": [attribute("account", "123456")]}, {"hooks": [attribute("account", "654356")]}),
        ({"flowName": "4111111111111111"}, {"flowName": "4000000000061111"}),
        ({"hooks": [attribute("a", "4111111111111111")]}, {"hooks": [attribute("a", "4000000000061111")]}),
        ({"hooks": [attribute("4111111111111111", "1")]}, {"hooks": [attribute("4000000000061111", "1")]}),
        ({"contactPoint": "4111111111111111"}, {"contactPoint": "4000000000061111"}),
        ({"secret": "1234"}, {"secret": "4321"}),
    ],
)
def test_what_a_masked_view_hides_cannot_be_found_by_trying(
    context: Context, one: dict[str, object], other: dict[str, object]
) -> None:
    assert version(context, **one) == version(context, **other)


def test_it_is_the_same_in_every_view() -> None:
    record = sample("interaction-voice-answered")
    assert row(record)["row_version"] == row(record, CLEAR)["row_version"]
