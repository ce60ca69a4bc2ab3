"""Rows as they come in: decoded, checked against what was asked, counted; in turns, so that the loop is never held."""

import asyncio
import contextlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from app.errors import UpstreamBadNumber, UpstreamShape
from app.interactions.records import Decoded, Interaction, decode
from app.interactions.times import has_negative_duration
from app.metrics import Metrics
from app.turns import Turns, in_turns
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

        A row that `admits` says no to goes without a word: neither a log nor a counter nor a name tells that it came.
        What one ill record costs is that record: one over MOST_RECORD_BYTES is never decoded. Raises UpstreamShape or
        UpstreamBadAnswer where a row is no JSON object in UTF-8, or holds a number beyond all range.
        """
        dropped: Counter[str] = Counter()
        if raw_rows and repeats_keys(memoryview(raw_rows[0])):
            self._metrics.count("upstream_warnings", reason="repeated-key")
        async with self._turn:
            rows = await in_turns(self._read(raw_rows, query, dropped, admits))
        self._report(dropped)
        return tuple(rows)

    def _read(
        self, raw_rows: Sequence[msgspec.Raw], query: UpstreamQuery, dropped: Counter[str], admits: Admits | None
    ) -> Turns[list[Row]]:
        rows = []
        for number, raw in enumerate(raw_rows):
            rows.append(self._row(raw, query, dropped, admits, looks=number % ROWS_A_LOOK == 0))
            yield
        return rows

    def _row(
        self, raw: msgspec.Raw, query: UpstreamQuery, dropped: Counter[str], admits: Admits | None, *, looks: bool
    ) -> Row:
        if _size(raw) > MOST_RECORD_BYTES:
            return _unread(TOO_LARGE, dropped)
        received = bytes(raw)
        _refuse_other_than_object(received)
        if looks:
            self._look_for_unknown_fields(received)
        try:
            decoded = decode(received)
        except UpstreamShape:
            return _unread(UNREADABLE, dropped)
        if decoded is None:
            return _unread(NO_ID, dropped)
        if decoded.out_of_range:
            raise UpstreamBadNumber("The upstream's answer holds a number that cannot be kept.")
        interaction = decoded.interaction
        self._observe(decoded)
        failed = mismatch(interaction, query)
        if failed is not None:
            dropped[failed] += 1
            return Row(interaction.interaction_id, None)
        if admits and not admits(interaction):
            return Row(interaction.interaction_id, None)
        self._names.learn(interaction)
        return Row(interaction.interaction_id, Record(received, interaction))

    def _observe(self, decoded: Decoded) -> None:
        repaired = decoded.repaired + has_negative_duration(decoded.interaction)
        if repaired:
            self._metrics.count("upstream_values_repaired", repaired)
        tenant_id = decoded.interaction.tenant_id
        if tenant_id is not None and tenant_id.lower() != self._tenant_id:
            self._metrics.count("upstream_foreign_tenant_rows")

    def _look_for_unknown_fields(self, received: bytes) -> None:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # said when it is read
            for name in _members.decode(received).keys() - KNOWN_FIELDS:
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
            logger.warning("upstream sent rows that were dropped: %d (%s)", dropped.total(), ", ".join(sorted(dropped)))


def _size(raw: msgspec.Raw) -> int:
    return memoryview(raw).nbytes


def _unread(reason: str, dropped: Counter[str]) -> Row:
    dropped[reason] += 1
    return Row(None, None)


def _refuse_other_than_object(received: bytes) -> None:
    try:
        received.decode()
    except UnicodeDecodeError:
        raise unreadable(received) from None
    if not received.startswith(b"{"):
        raise UpstreamShape("A row of the upstream's answer is no object.")
