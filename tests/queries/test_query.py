"""Canonical questions and the keys that tell them apart."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.cache.keys import digest
from app.holdings.changes import Mark
from app.interactions.masking import Audience
from app.queries.change_token import ChangeToken
from app.queries.cursor import Cursor
from app.queries.query import Filter, InteractionQuery, Order, Search, View, distinct
from app.summaries.summary import Summary
from tests.queries.support import TENANT, VIEW, query

MOMENT = datetime(2026, 11, 1, 8, tzinfo=UTC)

# What a field of a question may hold instead of its default: each must lead to another report, or to another answer.
SEARCHES: dict[str, tuple[Search, Search]] = {
    "attr": (Search(attr=("a",)), Search(attr=("b",))),
    "attr_pairs": (Search(attr_pairs=(("n", "a"),)), Search(attr_pairs=(("n", "b"),))),
    "attr_any": (Search(attr_any=("a",)), Search(attr_any=("b",))),
    "attr_names": (Search(attr_names=("a",)), Search(attr_names=("b",))),
    "start": (Search(), Search(start=MOMENT)),
    "end": (Search(), Search(end=MOMENT)),
    "contact_id": (Search(), Search(contact_id="c")),
    "hook_type": (Search(), Search(hook_type="t")),
    "hook_subtype": (Search(), Search(hook_subtype="t")),
    "hook_id": (Search(), Search(hook_id="t")),
}
VIEWS: dict[str, View] = {
    "columns": replace(VIEW, columns=(("id", "interaction_id"),)),
    "include": replace(VIEW, include=("notes",)),
    "format": replace(VIEW, format="csv"),
    "variant": replace(VIEW, variant="records"),
    "audience": replace(VIEW, audience=Audience(notes=True)),
    "download": replace(VIEW, download=True),
    "raw": replace(VIEW, raw=True),
    "grain": replace(VIEW, grain="notes"),
}
QUERIES: dict[str, Any] = {
    "search": Search(attr_pairs=(("n", "a"),)),
    "view": VIEWS["format"],
    "filters": (Filter("direction", ("inbound",)),),
    "order": Order("duration_seconds"),
    "offset": 1,
    "limit": 11,
    "cursor": Cursor("v", 0, b"", None, None),
    "since": ChangeToken((Mark(b"epoch", 7, MOMENT),), b"question", None, None),
    "asked": (("attr", "a"),),
    "given": (("fields", "interaction_id"),),
    "summary": Summary(),
}
SUMMARIES: dict[str, Any] = {
    "by": ("channel_type",),
    "measures": ("interaction_count",),
    "interval": "day",
    "time_zone": "UTC",
    "fill": True,
    "at": "ended_at",
    "sort": ("count", False),
}


def answer_key(asked: InteractionQuery) -> bytes:
    return digest(asked.key_parts())


@pytest.mark.parametrize("name", [field.name for field in fields(Search)])
def test_another_value_of_any_condition_is_another_report(name: str) -> None:
    one, other = SEARCHES[name]
    assert getattr(one, name) != getattr(other, name)
    assert one.key(TENANT) != other.key(TENANT)


@pytest.mark.parametrize("name", [field.name for field in fields(View)])
def test_another_value_of_any_part_of_the_view_is_another_answer(name: str) -> None:
    assert getattr(VIEWS[name], name) != getattr(VIEW, name)
    assert answer_key(query(view=VIEWS[name])) != answer_key(query())


@pytest.mark.parametrize("name", [field.name for field in fields(InteractionQuery)])
def test_another_value_of_any_part_of_the_query_is_another_answer(name: str) -> None:
    changed = query(**{name: QUERIES[name]})
    assert getattr(changed, name) != getattr(query(), name)
    assert answer_key(changed) != answer_key(query())


@pytest.mark.parametrize("name", [field.name for field in fields(Summary)])
def test_another_value_of_any_part_of_a_summary_is_another_answer(name: str) -> None:
    changed = Summary(**{name: SUMMARIES[name]})
    assert answer_key(query(summary=changed)) != answer_key(query(summary=Summary()))


def test_every_two_audiences_have_other_answers() -> None:
    audiences = [Audience(clear=clear, notes=notes) for clear in (False, True) for notes in (False, True)]
    keys = {answer_key(query(view=replace(VIEW, audience=audience))) for audience in audiences}
    assert len(keys) == len(audiences)


@pytest.mark.parametrize("name", [field.name for field in fields(Search)])
def test_attributes_and_crm_links_are_conditions_on_hooks_and_the_rest_is_not(name: str) -> None:
    is_of_hooks = name.startswith(("attr", "hook"))
    assert SEARCHES[name][1].asks_of_hooks() is is_of_hooks


def test_another_tenant_has_other_reports() -> None:
    assert Search().key(TENANT) != Search().key(TENANT[:-1] + "6")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Search(attr=("a",)), Search(attr_pairs=(("n", "a"),))),
        (Search(attr_pairs=(("n", "a"),)), Search(attr=("a",), attr_pairs=(("n", "a"),))),
        (Search(attr=("a",)), Search(attr=("a",), attr_names=("n",))),
        (Search(attr_any=("a", "b"), attr_names=("n",)), Search(attr_any=("a", "b"))),
        (Search(attr_pairs=(("n", "a"), ("m", "b"))), Search(attr=("a", "b"))),
        (Search(attr_names=("a", "b")), Search(attr_names=("a",))),
        (Search(hook_type="t"), Search(hook_type="t", attr_names=("a",))),
    ],
)
def test_questions_that_upstream_is_asked_in_the_same_words_share_a_report_but_no_answer(
    one: Search, other: Search
) -> None:
    assert one.key(TENANT) == other.key(TENANT)
    assert answer_key(query(search=one)) != answer_key(query(search=other))


@pytest.mark.parametrize(
    ("search", "name"),
    [
        (Search(attr_names=("a", "b")), "a"),
        (Search(attr_names=("a",), attr=("v",)), None),
        (Search(attr_names=("a",), attr_pairs=(("n", "v"),)), None),
        (Search(attr_names=("a",), attr_any=("v", "w")), None),
        (Search(attr_names=("a",), hook_type="t"), None),
        (Search(attr_names=("a",), hook_subtype="t"), None),
        (Search(attr_names=("a",), hook_id="t"), "a"),
        (Search(), None),
    ],
)
def test_one_name_is_sent_where_no_value_says_more_and_the_hook_conditions_are_free(
    search: Search, name: str | None
) -> None:
    assert search.sent_name() == name


@pytest.mark.parametrize(
    ("search", "is_checked"),
    [
        (Search(), False),
        (Search(attr=("a",), contact_id="c", hook_type="t"), False),
        (Search(attr_names=("a",)), False),
        (Search(attr_names=("a", "b")), True),
        (Search(attr_names=("a",), attr=("v",)), True),
        (Search(attr_pairs=(("n", "v"),)), True),
    ],
)
def test_what_upstream_is_not_told_is_checked_here(search: Search, is_checked: bool) -> None:
    assert search.is_checked_here() is is_checked
    assert query(search=search).is_filtered_here() is is_checked
    assert query(search=search, filters=(Filter("is_final", (True,)),)).is_filtered_here()


def test_a_cursor_is_bound_to_what_is_asked_and_not_to_how_it_is_shown() -> None:
    asked = query(asked=(("attr", "a"), ("from", "now-7d")))
    shown = replace(asked, view=VIEWS["format"], limit=1, given=(("format", "csv"), *asked.asked))
    assert shown.identity() == asked.identity()
    assert replace(asked, asked=(("attr", "b"), ("from", "now-7d"))).identity() != asked.identity()
    assert replace(asked, asked=(("attr", "a"),)).identity() != asked.identity()


def test_the_rows_a_page_needs_are_counted_from_the_beginning_of_the_snapshot() -> None:
    assert query(limit=10).reach == 10
    assert query(limit=10, offset=25).reach == 35
    assert query(limit=10, cursor=Cursor("v", 40, b"", None, None)).reach == 50


def test_distinct_values_have_one_order() -> None:
    assert distinct(["b", "a", "b"]) == distinct(["a", "b"]) == ("a", "b")


def test_every_place_of_a_cursor_has_an_answer_of_its_own() -> None:
    cursors = [None, *(Cursor("v", position, b"", None, None) for position in (0, 100, 200))]
    assert len({answer_key(replace(query(), cursor=cursor)) for cursor in cursors}) == len(cursors)


@pytest.mark.parametrize(
    ("audience", "include", "shows"),
    [
        (Audience(), ("notes",), False),
        (Audience(clear=True), (), True),
        (Audience(notes=True), (), False),
        (Audience(notes=True), ("agents",), False),
        (Audience(notes=True), ("agents", "notes"), True),
    ],
)
def test_customers_in_clear_and_the_texts_of_notes_are_personal(
    audience: Audience, include: tuple[str, ...], shows: bool
) -> None:
    view = replace(VIEW, audience=audience, include=include)
    assert view.shows_personal_data is shows
    assert replace(view, raw=True).shows_personal_data
