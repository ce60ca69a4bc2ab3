"""Faults of contract: answers that are well-formed and wrong (S19, S17)."""

from dataclasses import replace
from typing import Any

from app.simulator.clock import parse_time, stamp
from app.simulator.forms import details
from app.simulator.query import Query, select
from app.simulator.scene import Record
from app.simulator.world import World

Parameters = dict[str, Any]


def filter_ignored(query: Query, parameters: Parameters) -> Query:
    """One filter is ignored, or all of them."""
    ignored = parameters["filter"]
    return replace(query, filters=tuple(kept for kept in query.filters if ignored and kept[0] != ignored))


def last_repeat_only(query: Query, _: Parameters) -> Query:
    """Of a repeated filter only the last copy counts."""
    return replace(query, filters=tuple(dict(query.filters).items()))


def hooks_per_entry(query: Query, _: Parameters) -> Query:
    """Hook conditions must all be met by one and the same hook (S14)."""
    return replace(query, hooks_per_entry=True)


def insert_before_page(world: World, query: Query, now: int, parameters: Parameters) -> None:
    """New matching interactions arrive before the page is read, so that older rows move down."""
    ends = [parse_time(value) - 1 for value in query.values("end")]
    attributes = [("simulatedArrival", value) for value in query.values("attribute-value")]
    world.insert(parameters["n"], min([now, *ends]), attributes, parameters["interaction"])


def remove_between_pages(world: World, query: Query, now: int, parameters: Parameters) -> None:
    """Rows of the pages already read disappear, so that older rows move up."""
    if query.skip:
        rows = select(world.rows(now, query.values("attribute-value")), query, stamp(now))
        world.remove(row.id for row in rows[: parameters["n"]])


def foreign_tenant(envelope: Record, parameters: Parameters) -> Record:
    """The envelope names another tenant."""
    return envelope | {"tenantId": parameters["tenant_id"]}


def total_changes(envelope: Record, parameters: Parameters) -> Record:
    """``total`` differs from page to page."""
    return envelope | {"total": envelope["total"] + parameters["step"] * parameters["strike"]}


def bare_interaction(envelope: Record, _: Parameters) -> Record:
    """The first row alone, as a single answer."""
    rows = envelope["results"]
    return rows[0] | {"details": details(rows[0])} if rows else envelope


def results_object(envelope: Record, _: Parameters) -> Record:
    """``results`` is an object holding ``interactions``."""
    return envelope | {"results": {"interactions": envelope["results"] or []}}


def unknown_field(row: Record, parameters: Parameters) -> Record:
    """A field nobody has heard of, in the root and in nested objects."""
    nested = [key for key, value in row.items() if isinstance(value, list)]
    new: Record = {parameters["field"]: {"introduced": "2031-01-01", "list": [1, "two", None]}}
    return row | new | {key: [child | new for child in row[key]] for key in nested}


def wrong_type(row: Record, parameters: Parameters) -> Record:
    """A field of another type."""
    return row | {parameters["field"]: parameters["value"]}


def foreign_rows(row: Record, parameters: Parameters) -> Record:
    """Rows of another tenant under the right envelope."""
    return row | {"tenantId": parameters["tenant_id"]}
