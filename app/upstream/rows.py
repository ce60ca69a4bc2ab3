"""Rows of a page: decoded, checked against the query, counted; in turns, so that the loop is never held."""

import asyncio
import contextlib
import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from app import cooperative
from app.cooperative import Turns
from app.errors import UpstreamBadNumber, UpstreamError, UpstreamShape
from app.interactions.parts import Interaction
from app.interactions.records import Decoded, decode
from app.interactions.times import has_negative_duration
from app.observe.lines import ROWS_DROPPED
from app.observe.metrics import Metrics
from app.upstream.query import Check, UpstreamQuery, checker
from app.upstream.responses import unreadable

MOST_RECORD_BYTES = 1024 * 1024
MOST_SAMPLED_BYTES = 65_536
ROWS_A_LOOK = 20  # of so many rows one is looked through for unknown fields, which takes half as long as decoding it
MOST_FIELD_NAMES = 100
MOST_ATTRIBUTE_NAMES = 2000
LONGEST_ATTRIBUTE_NAME = 256
NO_ID, TOO_LARGE, UNREADABLE = "no-id", "too-large", "unreadable"
OTHER_FIELDS = "other"
ILL = "ill "  # how the made-up id of an unreadable row begins
Admits = Callable[[Interaction], bool]
FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
DOCUMENTED_FIELDS = frozenset(
    {"campaignId", "leadId", "flagged", "flagType", "audioRecording", "artifactsSummary", "thirdPartyTime"}
)
KNOWN_FIELDS = DOCUMENTED_FIELDS | {field.encode_name for field in msgspec.structs.fields(Interaction)}

logger = logging.getLogger("cxfacade.upstream")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


RawRecord = bytes | msgspec.Raw
"""Upstream's bytes of a record, perhaps a part of the response as received."""


class Record(NamedTuple):
    """An interaction: upstream's bytes and their typed part."""

    raw: RawRecord
    interaction: Interaction
    fingerprint: int


class Held(NamedTuple):
    """A record that is held already, at a place of a snapshot, and that upstream sent again byte for byte."""

    interaction_id: str
    fingerprint: int
    raw: RawRecord
    place: int
    at: Callable[[int], Interaction]

    @property
    def interaction(self) -> Interaction:
        """Its typed part, decoded when it is wanted."""
        return self.at(self.place)


Recall = Callable[[RawRecord], Held | None]
"""The record that is held of these bytes, and matches what is asked."""


def fingerprint(raw: RawRecord) -> int:
    """A 64-bit hash of the bytes of a record, keyed anew in each process: SHA-256 takes twice as long."""
    return hash(bytes(raw))


class UpstreamRow(NamedTuple):
    """A row of upstream's list: its id, None where it cannot be read; its record, None where it does not match."""

    interaction_id: str | None
    record: Record | Held | None

    @property
    def start(self) -> datetime | None:
        """The start of its interaction, where that is known."""
        return self.record.interaction.start_timestamp if self.record else None


class RowReader:
    """Turns the raw rows of one tenant into checked rows, and learns the names of their attributes."""

    def __init__(self, tenant_id: str, metrics: Metrics, lock: asyncio.Lock) -> None:
        self.names = AttributeNames()
        self._tenant_id = tenant_id
        self._metrics = metrics
        self._lock = lock
        self._fields: set[str] = set()

    async def read(
        self,
        raw_rows: Sequence[msgspec.Raw],
        query: UpstreamQuery,
        admits: Admits | None = None,
        recall: Recall | None = None,
    ) -> tuple[UpstreamRow, ...]:
        """Each row, with its record if it matches `query` (R5), has an id (R14) and can be read.

        A row that `recall` knows was looked at when it came first, and is not decoded.

        A row that `admits` refuses, or that cannot be read where `admits` is given, is dropped silently: no log,
        counter, name or error tells that it came. An unreadable row costs that row alone; a row over MOST_RECORD_BYTES
        is never decoded. Raises UpstreamShape or UpstreamBadAnswer where no row is an object, or where a row is not in
        UTF-8 or holds a number beyond all range.
        """
        if raw_rows and not admits and not any(map(_is_object, raw_rows)):
            raise UpstreamShape("No row of the upstream's answer is an object.")
        dropped: Counter[str] = Counter()
        async with self._lock:
            rows = await cooperative.run(self._read(raw_rows, query, dropped, admits, recall))
        first = next((raw for raw, row in zip(raw_rows, rows, strict=True) if row.record or not admits), None)
        if first and repeats_keys(memoryview(first)):
            self._metrics.count("upstream_warnings", reason="repeated-key")
        for reason, count in dropped.items():
            self._metrics.count("upstream_rows_dropped", count, reason=reason)
        if dropped:
            logger.warning(ROWS_DROPPED, dropped.total(), ", ".join(sorted(dropped)))
        return tuple(rows)

    def _read(
        self,
        raw_rows: Sequence[msgspec.Raw],
        query: UpstreamQuery,
        dropped: Counter[str],
        admits: Admits | None,
        recall: Recall | None,
    ) -> Turns[list[UpstreamRow]]:
        rows, check = [], checker(query)
        told = 0  # rows that may be told of
        for raw in raw_rows:
            held = recall(raw) if recall else None
            if held:
                row = UpstreamRow(held.interaction_id, held)
            else:
                row = self._row(raw, check, dropped, admits, looks=told % ROWS_A_LOOK == 0)
            told += admits is None or row.record is not None
            rows.append(row)
            yield
        return rows

    def _row(
        self, raw: msgspec.Raw, check: Check, dropped: Counter[str], admits: Admits | None, *, looks: bool
    ) -> UpstreamRow:
        try:
            decoded = _decoded(raw)
        except UpstreamError:
            if admits:
                return _nameless(raw)
            raise
        if isinstance(decoded, str):
            if admits:
                return _nameless(raw)
            dropped[decoded] += 1
            if looks and decoded != TOO_LARGE:
                self._look_for_unknown_fields(raw)
            return UpstreamRow(None, None)
        interaction = decoded.interaction
        failed = check(interaction)
        is_silent = admits is not None and (failed is not None or not admits(interaction))
        if not is_silent:
            self._observe(raw, decoded, looks=looks)
        if failed is not None:
            dropped[failed] += 1
        if failed is not None or is_silent:
            return UpstreamRow(interaction.interaction_id, None)
        self.names.learn(interaction)
        return UpstreamRow(interaction.interaction_id, Record(raw, interaction, fingerprint(raw)))

    def _observe(self, raw: msgspec.Raw, decoded: Decoded, *, looks: bool) -> None:
        if looks:
            self._look_for_unknown_fields(raw)
        repaired = decoded.repaired + has_negative_duration(decoded.interaction)
        if repaired:
            self._metrics.count("upstream_values_repaired", repaired)
        tenant_id = decoded.interaction.tenant_id
        if tenant_id is not None and tenant_id.lower() != self._tenant_id:
            self._metrics.count("upstream_foreign_tenant_rows")

    def _look_for_unknown_fields(self, raw: msgspec.Raw) -> None:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # told when it is decoded
            for name in _members.decode(raw).keys() - KNOWN_FIELDS:
                self._metrics.count("upstream_unknown_fields", field=self._label(name))

    def _label(self, name: str) -> str:
        """A field's name as a label of a metric, bounded in number and form (R16)."""
        if name not in self._fields and (len(self._fields) >= MOST_FIELD_NAMES or not FIELD_NAME.fullmatch(name)):
            return OTHER_FIELDS
        self._fields.add(name)
        return name


class AttributeNames:
    """Attribute names as upstream stores them: compared trimmed, sent untrimmed, as upstream compares exactly (R3).

    Of two names that differ in their outer spaces only, the one seen last counts.
    """

    def __init__(self) -> None:
        self._raw: dict[str, str] = {}

    def learn(self, interaction: Interaction) -> None:
        """Remember the attribute names of an interaction."""
        for hook in interaction.interaction_attributes:
            raw = hook.hook_type
            if raw and len(raw) <= LONGEST_ATTRIBUTE_NAME:
                name = raw.strip()
                self._raw.pop(name, None)
                self._raw[name] = raw
                if len(self._raw) > MOST_ATTRIBUTE_NAMES:
                    del self._raw[next(iter(self._raw))]

    def raw(self, name: str) -> str:
        """The stored form of `name` where it is known, else `name` as given."""
        return self._raw.get(name.strip(), name)

    def known(self) -> Collection[str]:
        """All of them, trimmed."""
        return self._raw.keys()


def _size(raw: msgspec.Raw) -> int:
    return memoryview(raw).nbytes


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b"{"


def _decoded(raw: msgspec.Raw) -> Decoded | str:
    """The record, or why the row is dropped. Raises UpstreamError where the whole response is unusable."""
    if _size(raw) > MOST_RECORD_BYTES:
        return TOO_LARGE
    received = bytes(raw)
    if not received.isascii():
        try:
            received.decode()
        except UnicodeDecodeError:
            raise unreadable(received) from None
    if not received.startswith(b"{"):
        return UNREADABLE
    try:
        decoded = decode(received)
    except UpstreamShape:
        return UNREADABLE
    if decoded and decoded.out_of_range:
        raise UpstreamBadNumber("The upstream's answer holds a number that cannot be kept.")
    return decoded or NO_ID


def _nameless(raw: msgspec.Raw) -> UpstreamRow:
    """A row that is dropped silently: with an id made of its content it counts as a row that does not match."""
    start = memoryview(raw)[:MOST_RECORD_BYTES]
    return UpstreamRow(f"{ILL}{_size(raw)} {sha256(start).hexdigest()}", None)


def repeats_keys(text: bytes | memoryview) -> bool:
    """Whether an object in a short JSON text has a key twice; the last counts (RFC 8259 §4; FAULTS §2.1, row 17)."""
    if len(text) > MOST_SAMPLED_BYTES:
        return False
    found = False

    def look(members: list[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len({name for name, _ in members}) < len(members)

    try:
        json.loads(bytes(text), object_pairs_hook=look)
    except (ValueError, RecursionError):
        return False
    return found
