"""Rows as they come in: decoded, checked against what was asked, counted; in slices, so that the loop is never held."""

import asyncio
import contextlib
import logging
import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from app.errors import UpstreamShape
from app.interactions.records import Decoded, Interaction, decode
from app.metrics import Metrics
from app.upstream.matching import mismatch
from app.upstream.names import Names
from app.upstream.oddities import refuse_numbers, repeats_keys, unreadable
from app.upstream.pages import Members
from app.upstream.query import UpstreamQuery
from app.upstream.reading import Record, Row

SLICE_ROWS = 40  # about 1 ms
ROWS_A_LOOK = 20  # of so many rows one is looked through for unknown fields, which takes half as long as decoding it
MOST_FIELD_NAMES = 100
NO_ID = "no-id"
OTHER_FIELDS = "other"
FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
DOCUMENTED_FIELDS = frozenset(
    {"campaignId", "leadId", "flagged", "flagType", "audioRecording", "artifactsSummary", "thirdPartyTime"}
)
KNOWN_FIELDS = DOCUMENTED_FIELDS | {field.encode_name for field in msgspec.structs.fields(Interaction)}

logger = logging.getLogger("cxfacade.upstream")
_members = msgspec.json.Decoder(Members)


class Intake:
    """Turns the raw rows of one tenant into checked ones, and learns from them."""

    def __init__(self, tenant_id: str, metrics: Metrics, names: Names, turn: asyncio.Lock) -> None:
        self._tenant_id = tenant_id
        self._metrics = metrics
        self._names = names
        self._turn = turn
        self._fields: set[str] = set()

    async def rows(self, raw_rows: tuple[msgspec.Raw, ...], query: UpstreamQuery) -> tuple[Row, ...]:
        """Each row with its record, or without one where it was not asked for (R5) or has no id (R14).

        Raises UpstreamShape or UpstreamBadAnswer where a row is no JSON object in UTF-8.
        """
        rows: list[Row] = []
        dropped: Counter[str] = Counter()
        if raw_rows and repeats_keys(bytes(raw_rows[0])):
            self._metrics.count("upstream_warnings", reason="repeated-key")
        async with self._turn:
            for start in range(0, len(raw_rows), SLICE_ROWS):
                part = raw_rows[start : start + SLICE_ROWS]
                self._look_for_unknown_fields(part[::ROWS_A_LOOK])
                rows += [self._row(raw, query, dropped) for raw in part]
                await asyncio.sleep(0)
        self._report(dropped)
        return tuple(rows)

    def _row(self, raw: msgspec.Raw, query: UpstreamQuery, dropped: Counter[str]) -> Row:
        received = bytes(raw)
        decoded = _decoded(received)
        if decoded is None or decoded.repaired:
            refuse_numbers(received)
        if decoded is None:
            dropped[NO_ID] += 1
            return Row(None, None)
        interaction = decoded.interaction
        self._observe(decoded)
        failed = mismatch(interaction, query)
        if failed is not None:
            dropped[failed] += 1
            return Row(interaction.interaction_id, None)
        self._names.learn(interaction)
        return Row(interaction.interaction_id, Record(received, interaction))

    def _observe(self, decoded: Decoded) -> None:
        if decoded.repaired:
            self._metrics.count("upstream_values_repaired", decoded.repaired)
        tenant_id = decoded.interaction.tenant_id
        if tenant_id is not None and tenant_id.lower() != self._tenant_id:
            self._metrics.count("upstream_foreign_tenant_rows")

    def _look_for_unknown_fields(self, raw_rows: Iterable[msgspec.Raw]) -> None:
        for raw in raw_rows:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # said when it is read
                members = _members.decode(raw)
                for name in members.keys() - KNOWN_FIELDS:
                    self._metrics.count("upstream_unknown_fields", field=self._label(name))
                    refuse_numbers(bytes(members[name]))

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


def _decoded(received: bytes) -> Decoded | None:
    try:
        received.decode()
    except UnicodeDecodeError:
        raise unreadable(received) from None
    decoded = decode(received)
    if decoded is None and not received.startswith(b"{"):
        raise UpstreamShape("A row of the upstream's answer is no object.")
    return decoded
