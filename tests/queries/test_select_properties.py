"""Rows of any grain, of any records: a walk meets each once, in whatever order, under whatever condition."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app import cooperative
from app.interactions.columns import reader
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS, Grain
from app.interactions.masking import MASKED, Audience, Policy
from app.queries.cursor import Cursor
from app.queries.query import NEWEST_FIRST, Filter, InteractionQuery, Order, View
from app.queries.select import Selection, select
from app.queries.snapshot import DecodedSnapshot
from app.queries.snapshot_building import begun
from app.upstream.query import UpstreamQuery
from tests.interactions.strategies import records
from tests.queries.support import NOW, TENANT, identity, query, reading

Row = tuple[Any, ...]
POLICIES: Sequence[Policy] = ({}, {"*": "mask"}, {"*": "hash"}, {"*": "drop"})
AUDIENCES = (MASKED, Audience(clear=True, notes=True))


async def page(held: DecodedSnapshot, asked: InteractionQuery, context: Context) -> Selection:
    return await cooperative.run(select(held, asked, GRAINS, context, asked.page_range))


def expected(facts: Sequence[Facts], grain: Grain, order: Order, condition: Filter | None) -> list[Row]:
    """The rows as plain Python finds and orders them."""
    columns, read = [*grain.columns], reader([*grain.columns.values()])
    rows: list[Row] = [read(row) for one in facts for row in grain.rows(one)]
    if condition:
        place = columns.index(condition.name)
        rows = [row for row in rows if row[place] in condition.values]
    if order != NEWEST_FIRST:
        place = columns.index(order.column)
        rows.sort(key=lambda row: row[0])
        present = [row for row in rows if row[place] is not None]
        present.sort(key=lambda row: row[place], reverse=order.descending)
        rows = [*present, *(row for row in rows if row[place] is None)]
    return rows


@settings(max_examples=40)
@given(st.lists(records, max_size=5), st.sampled_from([*GRAINS.values()]), st.integers(1, 4), st.data())
async def test_a_walk_meets_each_row_once_and_offsets_agree(
    drawn: list[dict[str, Any]], grain: Grain, limit: int, data: st.DataObject
) -> None:
    policy, audience = data.draw(st.sampled_from(POLICIES)), data.draw(st.sampled_from(AUDIENCES))
    context = Context(TENANT, NOW, pseudonym_secret=b"invented", attribute_policy=policy, audience=audience)
    given_records = [{**record, "interactionId": identity(number)} for number, record in enumerate(drawn)]
    held = await begun(b"key", UpstreamQuery(), reading(given_records), context)
    facts = [*held.facts(0, context)]
    orders = st.builds(Order, st.sampled_from([*grain.columns]), st.booleans())
    order = data.draw(st.just(NEWEST_FIRST) | orders)
    values = [one.interaction.channel_type or "none" for one in facts]
    condition = data.draw(
        st.none() | st.builds(Filter, st.just("channel_type"), st.tuples(st.sampled_from([*values, "x"])))
    )
    rows = expected(facts, grain, order, condition)
    view = View(tuple((name, name) for name in grain.columns), grain=grain.name)
    asked = query(limit, view=view, order=order, filters=(condition,) if condition else ())

    selection = await page(held, asked, context)
    walked = [*selection.rows]
    while selection.following:
        place, part = selection.following
        selection = await page(held, replace(asked, cursor=Cursor("", place, b"", None, None, 0, part)), context)
        walked += selection.rows
    assert walked == rows
    assert condition or held.snapshot.rows_of(grain.name) == len(rows)
    offset = data.draw(st.integers(0, len(rows) + 2))
    assert (await page(held, replace(asked, offset=offset), context)).rows == rows[offset : offset + limit]
