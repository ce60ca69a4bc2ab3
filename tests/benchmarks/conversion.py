"""A page of upstream's records → a JSON answer, against a parser that stops at dictionaries."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import orjson

from app import cooperative
from app.formats import FORMATS_BY_NAME, Envelope, Table
from app.http.responses import entity_tag
from app.interactions.facts import Context
from app.interactions.grains import GRAINS
from app.observe.metrics import Metrics
from app.queries import rules
from app.queries.select import select
from app.queries.snapshot import DecodedSnapshot, begun
from app.settings import load
from app.upstream.query import UpstreamQuery
from app.upstream.responses import read_page
from app.upstream.rows import Record, RowReader
from app.upstream.walk import Reading
from tests.benchmarks.figures import ratio
from tests.benchmarks.records import TENANT_ID, page
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import Scene
from tests.http.scene import asked

ROWS = 1_000
VALUE = "rows-1000-page"
QUERY = asked(f"attr={VALUE}&limit={ROWS}")
UPSTREAM_QUERY = UpstreamQuery(attribute_values=(VALUE,))


def page_to_answer(scene: Scene) -> Measured:
    """All that stands between the page's last byte and the answer's first, storing included."""
    body = page(VALUE, ROWS, 0, ROWS)
    conversion = Conversion(RowReader(TENANT_ID, Metrics(), asyncio.Lock()), _context())
    ours, theirs, parts = [], [], []
    for _ in range(scene.budget.misses):
        steps = asyncio.run(conversion.timed(body))
        ours.append(sum(steps.values()))
        parts.append(steps)
        theirs.append(_seconds(lambda: orjson.loads(body)))
    shares = ", ".join(f"{name} {1000 * median(one[name] for one in parts):.0f}" for name in parts[0])
    whole = f"{1000 * median(ours):.0f} ms against {1000 * median(theirs):.0f} ms"
    return Measured(ratio(ours, theirs), f"{whole} for {len(body) / 1e6:.1f} MB: {shares}")


@dataclass(frozen=True, slots=True)
class Conversion:
    """The façade's own steps, one after the other."""

    rows: RowReader
    context: Context

    async def timed(self, body: bytes) -> dict[str, float]:
        """Seconds of each step."""
        marks = [perf_counter()]
        split = await read_page(body, {"content-type": "application/json"})
        marks.append(perf_counter())
        rows = await self.rows.read(split.rows, UPSTREAM_QUERY)
        marks.append(perf_counter())
        opened = await self._packed(tuple(row.record for row in rows if row.record))
        marks.append(perf_counter())
        selection = await cooperative.run(select(opened, QUERY, GRAINS, self.context, QUERY.page_range))
        marks.append(perf_counter())
        table, chosen = Table(selection.names, selection.rows, selection.types), FORMATS_BY_NAME["json"]
        entity_tag("masked", chosen.content_type, chosen.encode(table, Envelope(None, None, {}), "envelope"))
        marks.append(perf_counter())
        names = ("split", "decode and check", "pack", "flatten", "encode")
        return {name: after - before for name, before, after in zip(names, marks, marks[1:], strict=False)}

    async def _packed(self, records: tuple[Record, ...]) -> DecodedSnapshot:
        reading = Reading(records, ROWS, ROWS, complete=True, time_zone="US/Eastern")
        return await begun(b"key", UPSTREAM_QUERY, reading, self.context)


def _context() -> Context:
    settings = load({"tenant_id": TENANT_ID}, environ={}, env_file=None)
    return replace(rules.from_settings(settings, b"bench-not-a-secret").context, as_of=datetime.now(UTC))


def _seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
