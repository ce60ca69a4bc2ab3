"""Representations of a snapshot: the list in its formats, one interaction, its timeline. Bytes in identity coding."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

import msgspec

from app import cooperative
from app.clock import Clock
from app.cooperative import Turns, held_back, let_go, unlocked
from app.errors import InvalidParameters, ParameterFault
from app.formats import FORMATS_BY_NAME, ByRow, Envelope, Format, Table, json
from app.http.changes import has_envelope, table_of_changes
from app.http.messages import Meta, SummaryMeta, Timeline
from app.http.response_cache import Built
from app.http.responses import Answer, entity_tag, list_headers
from app.http.search import link_of
from app.http.sending import Pieces, coalesced
from app.interactions.columns import SCHEMA_VERSION
from app.interactions.facts import Facts
from app.interactions.grains import INTERACTIONS, RAW
from app.interactions.masking import Audience
from app.interactions.records import without_cards
from app.interactions.timeline import timeline
from app.interactions.times import rfc3339, written
from app.owners import Owners
from app.queries.cursor import cursor_text
from app.queries.hints import Hint
from app.queries.page import FetchResult, Lookup, Page
from app.queries.query import CHANGED_SINCE, NEWEST_FIRST, InteractionQuery, View
from app.queries.select import Selection, row_of
from app.queries.service import Queries
from app.queries.snapshot import Snapshot
from app.queries.summarising import SummaryTable

JSON = "application/json"
MIB = 1024 * 1024
MOST_BYTES = 64 * MIB  # of one answer: ten thousand rows of all columns take 18 MB
LONGEST_SUGGESTION = 200  # characters, in a header
TOO_LARGE = f"The answer would be larger than {MOST_BYTES // MIB} MiB: ask for fewer `fields`, or a smaller `limit`."
Show = Callable[[Facts, Snapshot], Turns[object]]  # the only record of a snapshot
_BESIDE = frozenset({"query", "as_of", "content_as_of", "change_token"})  # of the facts in `meta`
_SHOWN_APART = frozenset({"attr", "from", "to", "sort", CHANGED_SINCE})


class Representations:
    """Makes answers of snapshots; `masked` are by grain the columns that clear views alone show as they are."""

    def __init__(self, queries: Queries, clock: Clock, masked: Mapping[str, Sequence[str]]) -> None:
        self._queries = queries
        self._masked = masked
        self._clock = clock

    async def rows(self, query: InteractionQuery, lookup: Lookup, url: str, found: FetchResult) -> Built:
        """The rows of a query, in what was `found`; `url` is the absolute URL of the resource, without its query."""
        worked_on = query.limit if query.order == NEWEST_FIRST else self._queries.rules.max_rows  # all are ordered
        with held_back(worked_on):
            by_row = None if query.since else FORMATS_BY_NAME[query.view.format].by_row(query.view.variant)
            write = (lambda selection: by_row.written(_table(selection))) if by_row else None
            page = await self._queries.page(query, lookup, found, write)
            is_empty = not (page.selection.count or page.next_cursor or query.cursor or query.offset or query.since)
            hints = await self._queries.making.hints(query, lookup, page.found) if is_empty else []
            began = self._clock.monotonic()
            envelope = self._envelope(page, query, url, hints)
            answer = await self._encoded(page, query, lookup, envelope, by_row)
            seconds = {
                "upstream": page.found.upstream_seconds,
                "flatten": page.flatten_seconds,
                "encode": self._clock.monotonic() - began,
            }
            built = Built(answer, page.found.packed(), seconds)
            rows, facts = [*page.selection.rows], [one for block in page.found.opened.at_hand.values() for one in block]
            del page
            await let_go(rows, facts)
            return built

    async def _encoded(
        self, page: Page, query: InteractionQuery, lookup: Lookup, envelope: Envelope, by_row: ByRow | None
    ) -> Answer:
        async def encoding(_owners: Owners, require_waiter: Callable[[], None]) -> Answer:
            async with self._queries.making.admission.encoding(query.view, page.selection.count):
                require_waiter()
                selection, as_of = page.selection, page.found.snapshot.as_of
                if by_row:
                    return await _joined(by_row, selection, query.view, envelope, as_of)
                is_table = query.since and not has_envelope(query.view)
                table = table_of_changes(selection, query.view) if is_table else _table(selection)
                return await _list(table, query.view, envelope, as_of)

        return await self._queries.making.once(
            ("encode", envelope.next, *query.key_parts()), page.found, encoding, lookup
        )

    def _envelope(self, page: Page, query: InteractionQuery, url: str, hints: list[Hint]) -> Envelope:
        cursor = cursor_text(page.next_cursor) if page.next_cursor else None
        link = link_of(url, [*query.given, ("cursor", cursor)]) if cursor else None
        count, zone = page.selection.count, self._queries.rules.zone(page.found.snapshot.time_zone).key
        facts = self._facts(query, page.found.snapshot)
        is_cut = page.truncated or (cursor is not None and link is None and not has_envelope(query.view))
        meta = Meta(count=count, truncated=is_cut, total=page.total, time_zone=zone, hints=hints, **facts)
        return Envelope(link, cursor, meta, page.selection.removed if query.since else None)

    def _facts(self, query: InteractionQuery, snapshot: Snapshot) -> dict[str, Any]:
        """The facts of `meta` that are of the query and the snapshot alone."""
        return {
            "limit": query.limit,
            "offset": query.offset,
            "query": shown(query),
            "as_of": written(snapshot.as_of),
            "content_as_of": rfc3339(snapshot.content_as_of if self._queries.following.is_followed(query) else None),
            "change_token": self._queries.following.token(query, snapshot),
            "source": "simulator" if snapshot.simulated else "live",
            "schema_version": SCHEMA_VERSION,
            "masked": [] if query.view.audience.clear else [*self._masked.get(query.view.grain, ())],
        }

    async def summary(self, query: InteractionQuery, lookup: Lookup, found: FetchResult) -> Built:
        """The summary that a query asks of all rows in what was `found`."""
        snapshot, began = found.snapshot, self._clock.monotonic()
        with held_back(snapshot.rows):
            made = await self._queries.making.summary(query, lookup, found)
            grouped = self._clock.monotonic()
            hints = [] if made.counted else await self._queries.making.hints(query, lookup, found)
            envelope = self._envelope_of_summary(made, query, snapshot, hints)

            async def encoding(_owners: Owners, require_waiter: Callable[[], None]) -> Answer:
                async with self._queries.making.admission.encoding(query.view, len(made.rows)):
                    require_waiter()
                    return await _list(Table(made.names, made.rows, made.types), query.view, envelope, snapshot.as_of)

            answer = await self._queries.making.once(("encode", *query.key_parts()), found, encoding, lookup)
        upstream, encoded = found.upstream_seconds, self._clock.monotonic() - grouped
        return Built(answer, found.packed(), {"upstream": upstream, "flatten": grouped - began, "encode": encoded})

    def _envelope_of_summary(
        self, made: SummaryTable, query: InteractionQuery, snapshot: Snapshot, hints: list[Hint]
    ) -> Envelope:
        is_cut = snapshot.lacks_rows or len(made.rows) < made.groups
        meta = SummaryMeta(
            count=len(made.rows),
            truncated=is_cut,
            total=made.groups,
            time_zone=made.time_zone,
            hints=hints,
            totals=dict(json.row(Table(*made.totals))),
            **self._facts(query, snapshot),
        )
        return Envelope(None, None, meta)

    async def interaction(self, view: View, found: FetchResult) -> Built:
        """A row as an object."""
        show = partial(self._row, view)
        return await self._one(found, view.audience, show, masked=not view.shows_personal_data)

    def _row(self, view: View, facts: Facts, snapshot: Snapshot) -> Turns[Mapping[str, object]]:
        row = json.row(_table(row_of(facts, view, self._queries.grains[INTERACTIONS].columns)))
        yield
        return {**row, RAW: (yield from without_cards(snapshot.raw))} if view.raw else row

    async def timeline(self, audience: Audience, found: FetchResult) -> Built:
        """The spans of one interaction, under its id and times."""
        return await self._one(found, audience, _timeline, masked=not audience.clear)

    async def _one(self, found: FetchResult, audience: Audience, show: Show, *, masked: bool) -> Built:
        facts = self._queries.interaction(found, audience)
        began = self._clock.monotonic()
        body = msgspec.json.encode(await cooperative.run(show(facts, found.snapshot)))
        answer = await _tagged(Answer(body, "identity", "", JSON, found.snapshot.as_of, masked), audience, None, body)
        return Built(answer, found, {"upstream": found.upstream_seconds, "encode": self._clock.monotonic() - began})


async def _list(table: Table, view: View, envelope: Envelope, as_of: datetime) -> Answer:
    """The answer of a table."""
    parts = await cooperative.run(_made(FORMATS_BY_NAME[view.format].parts(table, envelope, view.variant)))
    body = await unlocked(partial(b"".join, parts), size=sum(map(len, parts)))  # which lets go of the lock
    beside = parts[-1] if has_envelope(view) else b""
    content = memoryview(body)[: len(body) - len(beside)]
    return await _tagged(_answer(body, view, envelope, as_of), view.audience, envelope, content, beside)


async def _joined(writer: ByRow, selection: Selection, view: View, envelope: Envelope, as_of: datetime) -> Answer:
    """The answer of rows that were written already: its validator is of the digests of these."""
    pieces = [one.body for one in selection.written]
    parts = await cooperative.run(_made(writer.joined(selection.names, pieces, envelope)))
    content = b"".join([writer.before(selection.names), *(one.digests for one in selection.written)])
    beside = parts[-1] if has_envelope(view) else b""
    body = await cooperative.run(coalesced(parts))
    return await _tagged(_answer(body, view, envelope, as_of), view.audience, envelope, content, beside)


def _answer(body: bytes | Pieces, view: View, envelope: Envelope, as_of: datetime) -> Answer:
    """An answer that has no validator yet."""
    chosen, facts = FORMATS_BY_NAME[view.format], cast("Meta", envelope.meta)
    name = f"{view.grain}-summary" if isinstance(facts, SummaryMeta) else view.grain
    return Answer(
        body,
        "identity",
        "",
        chosen.content_type,
        as_of,
        masked=not view.shows_personal_data,
        is_packed=chosen.is_packed,
        file_name=file_name(name, chosen, as_of) if view.download else None,
        link_next=envelope.next,
        truncated=facts.truncated,
        total=facts.total,
        change_token=facts.change_token,
        hint=" ".join(map(_told, facts.hints)) or None,
    )


def file_name(name: str, chosen: Format, as_of: datetime) -> str:
    """The name of a download."""
    return f"{name}-{as_of:%Y%m%dT%H%M%SZ}.{chosen.extension}"


def _told(hint: Hint) -> str:
    """A hint as a header says it, where lines are short."""
    is_told = hint.suggestion is not None and len(hint.suggestion) <= LONGEST_SUGGESTION
    return f"{hint.text} {hint.suggestion}" if is_told else hint.text


def _table(selection: Selection) -> Table:
    return Table(selection.names, selection.rows, selection.types)


async def _tagged(
    answer: Answer, audience: Audience, envelope: Envelope | None, content: bytes | memoryview, beside: bytes = b""
) -> Answer:
    """The answer with its validator: of its content, of the facts that headers alone tell, and of the bytes beside it.

    These are the last of the body, and of the `envelope`. Its facts of the content count as such; when
    that was first seen, and how the next page and the changes are asked for, stands beside it.
    """
    told = b",".join(value for _, value in list_headers(answer))
    told += b" and more" if answer.link_next else b""
    if envelope and beside:
        told += msgspec.json.encode([_lasting(envelope.meta), envelope.removed])
    tag = partial(entity_tag, audience.name, answer.content_type, content, told, beside)
    return replace(answer, etag=await unlocked(tag, size=len(content) + len(beside)))


def _lasting(meta: object) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(cast("Meta", meta)).items() if name not in _BESIDE}


def _made(parts: Iterable[bytes]) -> Turns[list[bytes]]:
    """The parts of a body. Raises InvalidParameters where they are too large for one answer."""
    made, size = list[bytes](), 0
    for part in parts:
        made.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise InvalidParameters([ParameterFault("limit", TOO_LARGE)])
        yield
    return made


def shown(query: InteractionQuery) -> dict[str, object]:
    """The question as answered: values as lists, times absolute."""
    place = query.cursor or query.search
    others = defaultdict(list)
    for name, value in query.asked:
        if name not in _SHOWN_APART:
            others[name].append(value)
    return {"attr": list(query.search.attr), "from": rfc3339(place.start), "to": rfc3339(place.end), **others}


def _timeline(facts: Facts, _report: Snapshot) -> Turns[Timeline]:
    spans = yield from timeline(facts)
    return Timeline(facts.interaction.interaction_id, written(facts.started_at), rfc3339(facts.ended_at), spans)
