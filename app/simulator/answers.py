"""Upstream's answers to the two reporting questions: the list and the single interaction (S15, S16)."""

import json
from typing import Any
from zlib import crc32

from app.simulator.armed import Strike
from app.simulator.faults import Stage
from app.simulator.forms import Form, to_json, turned
from app.simulator.query import BadQueryError, Query, parse, select
from app.simulator.scene import Record
from app.simulator.state import SimulatorState
from app.simulator.wire import Answer, error

Parameters = list[tuple[str, str]]


def answer_list(state: SimulatorState, parameters: Parameters, struck: list[Strike]) -> Answer:
    """The answer of the list URL, with contract faults applied; 400 for a number or time that is none."""
    try:
        query = parse(parameters)
    except BadQueryError as bad:
        return error(400, "error-attribute", f"invalid {bad}")
    understood = _acted(struck, "query", query)
    now = state.now()
    for hit in _at("world", struck):
        hit.act(state.world, query, now)
    text = state.now_text()
    matching = select(state.world.rows(now, query.values("attribute-value")), understood, text)
    page = matching[query.skip : query.skip + query.size]
    rows = [row.encoded(text, Form(nulls=query.nulls)) for row in page]
    turn = crc32(repr(parameters).encode())
    shown = _envelope(state, query, len(matching))
    if not (_at("envelope", struck) or _at("row", struck)):
        return Answer(200, _joined(shown, rows, turn))
    shown["results"] = [_acted(struck, "row", json.loads(row)) for row in rows] or None
    for hit in _at("envelope", struck):
        shown = hit.act(shown, hit.number)
    return Answer(200, to_json(turned(shown, turn)))


def answer_one(state: SimulatorState, interaction_id: str, parameters: Parameters, struck: list[Strike]) -> Answer:
    """The bare interaction with its ``details``; 404 for an unknown id."""
    row = state.world.find(interaction_id.lower(), state.now())
    if row is None:
        return error(404, "error", "Interaction not found.")
    switches = [(name, value) for name, value in parameters if name.lower() in ("green", "includenulls")]
    body = row.encoded(state.now_text(), Form(one=True, nulls=parse(switches).nulls))
    if _at("row", struck):
        body = to_json(_acted(struck, "row", json.loads(body)))
    return Answer(200, body)


def _envelope(state: SimulatorState, query: Query, total: int) -> Record:
    """The envelope without its rows: ``limit`` and ``offset`` as sent, of the hook filters only ``hookSubType``."""
    shown: Record = {
        "page": query.page,
        "limit": query.limit,
        "offset": query.offset,
        "tenantId": state.options.tenant_id,
        "total": total,
        "tenantName": state.options.tenant_name,
        "tenantTimezone": state.options.time_zone,
    }
    subtypes = query.values("hookSubType")
    return shown | {"hookSubType": subtypes[-1]} if subtypes else shown


def _joined(envelope: Record, rows: list[bytes], turn: int) -> bytes:
    """The envelope around rows that are already JSON: ``results`` is null without rows, the keys' order varies."""
    members = {key: to_json(value) for key, value in envelope.items()}
    members["results"] = b"[" + b",".join(rows) + b"]" if rows else b"null"
    return b"{" + b",".join(b'"%s":%s' % (key.encode(), value) for key, value in turned(members, turn).items()) + b"}"


def _at(stage: Stage, struck: list[Strike]) -> list[Strike]:
    return [hit for hit in struck if hit.stage == stage]


def _acted(struck: list[Strike], stage: Stage, value: Any) -> Any:
    """A value after every fault of a stage has acted on it."""
    for hit in _at(stage, struck):
        value = hit.act(value)
    return value
