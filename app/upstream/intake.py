"""Rows as they come in: decoded, checked against what was asked, counted; in turns, so that the loop is never held."""

import asyncio
import contextlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec

from app import cooperative
from app.cooperative import Turns
from app.errors import UpstreamBadNumber, UpstreamError, UpstreamShape
from app.interactions.records import Decoded, Interaction, decode
from app.interactions.times import has_negative_duration
from app.observe.lines import ROWS_DROPPED
from app.observe.metrics import Metrics
from app.upstream.matching import mismatch
from app.upstream.names import Names
from app.upstream.oddities import repeats_keys, unreadable
from app.upstream.query import UpstreamQuery
from app.upstream.reading import Record, Row

MOST_RECORD_BYTES = 1024 * 1024
ROWS_A_LOOK = 20  # of so many rows one is looked through for unknown fields, which takes half as long as decoding it
MOST_FIELD_NAMES = 100
NO_ID, TOO_LARGE, UNREADABLE = "no-id", "too-large", "unreadable"
OTHER_FIELDS = "other"
ILL = "ill "  # how the made-up id of an ill record begins
Admits = Callable[[Interaction], bool]
FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
DOCUMENTED_FIELDS = frozenset(
    {"campaignId", "leadId", "flagged", "flagType", "audioRecording", "artifactsSummary", "thirdPartyTime"}
)
KNOWN_FIELDS = DOCUMENTED_FIELDS | {field.encode_name for field in msgspec.structs.fields(Interaction)}

logger = logging.getLogger("cxfacade.upstream")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Intake:
    """Turns the raw rows of one tenant into checked ones, and learns from them."""

    def __init__(self, tenant_id: str, metrics: Metrics, names: Names, turn: asyncio.Lock) -> None:
        self._tenant_id = tenant_id
        self._metrics = metrics
        self._names = names
        self._turn = turn
        self._fields: set[str] = set()

    async def rows(
        self, raw_rows: Sequence[msgspec.Raw], query: UpstreamQuery, admits: Admits | None = None
    ) -> tuple[Row, ...]:
        """Each row with its record, or without: it was not asked for (R5), has no id (R14), or cannot be read.

        A row that `admits` says no to, or cannot be asked of as it is ill, goes without a word: neither a log nor a
        counter nor a name nor an error tells that it came.
        What one ill record costs is that record: one over MOST_RECORD_BYTES is never decoded. Raises UpstreamShape or
        UpstreamBadAnswer where no row is an object, one is not in UTF-8, or one holds a number beyond all range.
        """
        if raw_rows and not admits and not any(map(_is_object, raw_rows)):
            raise UpstreamShape("No row of the upstream's answer is an object.")
        dropped: Counter[str] = Counter()
        async with self._turn:
            rows = await cooperative.run(self._read(raw_rows, query, dropped, admits))
        first = next((raw for raw, row in zip(raw_rows, rows, strict=True) if row.record or not admits), None)
        if first and repeats_keys(memoryview(first)):
            self._metrics.count("upstream_warnings", reason="repeated-key")
        self._report(dropped)
        return tuple(rows)

    def _read(
        self, raw_rows: Sequence[msgspec.Raw], query: UpstreamQuery, dropped: Counter[str], admits: Admits | None
    ) -> Turns[list[Row]]:
        rows = []
        told = 0  # rows that may be told of
        for raw in raw_rows:
            row = self._row(raw, query, dropped, admits, looks=told % ROWS_A_LOOK == 0)
            told += admits is None or row.record is not None
            rows.append(row)
            yield
        return rows

    def _row(
        self, raw: msgspec.Raw, query: UpstreamQuery, dropped: Counter[str], admits: Admits | None, *, looks: bool
    ) -> Row:
        try:
            decoded = _decoded(raw)
        except UpstreamError:
            if admits:
                return _let_go(raw)
            raise
        if isinstance(decoded, str):
            return _let_go(raw) if admits else self._unread(raw, decoded, dropped, looks=looks)
        interaction = decoded.interaction
        failed = mismatch(interaction, query)
        is_let_go = admits is not None and (failed is not None or not admits(interaction))
        if not is_let_go:
            self._observe(raw, decoded, looks=looks)
        if failed is not None:
            dropped[failed] += 1
        if failed is not None or is_let_go:
            return Row(interaction.interaction_id, None)
        self._names.learn(interaction)
        return Row(interaction.interaction_id, Record(bytes(raw), interaction))

    def _unread(self, raw: msgspec.Raw, reason: str, dropped: Counter[str], *, looks: bool) -> Row:
        dropped[reason] += 1
        if looks and reason != TOO_LARGE:
            self._look_for_unknown_fields(raw)
        return Row(None, None)

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
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # said when it is read
            for name in _members.decode(raw).keys() - KNOWN_FIELDS:
                self._metrics.count("upstream_unknown_fields", field=self._label(name))

    def _label(self, name: str) -> str:
        """A field's name as a bounded label (R16)."""
        if name not in self._fields and (len(self._fields) >= MOST_FIELD_NAMES or not FIELD_NAME.fullmatch(name)):
            return OTHER_FIELDS
        self._fields.add(name)
        return name

    def _report(self, dropped: Counter[str]) -> None:
        for reason, count in dropped.items():
            self._metrics.count("upstream_rows_dropped", count, reason=reason)
        if dropped:
            logger.warning(ROWS_DROPPED, dropped.total(), ", ".join(sorted(dropped)))


def _size(raw: msgspec.Raw) -> int:
    return memoryview(raw).nbytes


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b"{"


def _decoded(raw: msgspec.Raw) -> Decoded | str:
    """The record, or why there is none. Raises UpstreamError where that is wrong with the whole answer."""
    if _size(raw) > MOST_RECORD_BYTES:
        return TOO_LARGE
    received = bytes(raw)
    if not received.isascii():
        try:
            received.decode()
        except UnicodeDecodeError:
            raise unreadable(received) from None
    if not _is_object(raw):
        return UNREADABLE
    try:
        decoded = decode(received)
    except UpstreamShape:
        return UNREADABLE
    if decoded and decoded.out_of_range:
        raise UpstreamBadNumber("The upstream's answer holds a number that cannot be kept.")
    return decoded or NO_ID


def _let_go(raw: msgspec.Raw) -> Row:
    """An ill record that may not be told of: a name made of its content has it count as a row that does not match."""
    start = memoryview(raw)[:MOST_RECORD_BYTES]
    return Row(f"{ILL}{_size(raw)} {sha256(start).hexdigest()}", None)
