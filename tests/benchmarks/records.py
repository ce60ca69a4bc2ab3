"""The canned upstream's records: those of the simulator, each different, all with the attribute value asked for."""

import json
from datetime import date
from functools import cache

from app.simulator.arrivals import arrivals
from app.simulator.interaction import Form, to_json
from app.simulator.tenant import DEMO_TENANT_ID

TENANT_ID = DEMO_TENANT_ID
NEWEST_DAY = (date(2026, 3, 2) - date(1970, 1, 1)).days  # long ago: all of them are settled
PER_HOUR = 60.0
AT_LAST = "9999"  # later than all of their edits
_VALUE = b'"value of the benchmark"'
_HOOK = {
    "interactionHookId": "5a3d6f0e-1b2c-4d5e-8f90-a1b2c3d4e5f6",
    "hookType": "benchmark",
    "hookSubType": "interaction-attribute",
    "hookName": json.loads(_VALUE),
    "hookBy": "flow",
    "timestamp": "2026-03-01T00:00:00.000Z",
}
HEAD = (
    b'{"page":null,"limit":%d,"offset":%d,"tenantId":"' + TENANT_ID.encode() + b'","total":%d,'
    b'"tenantName":"Your Tenant","tenantTimezone":"US/Eastern","results":['
)


def page(value: str, total: int, offset: int, limit: int) -> bytes:
    """An answer of the list: rows `offset` … of `total`, each with the attribute value asked for."""
    rows = b",".join(records(min(offset + limit, total))[offset:])
    return HEAD % (limit, offset, total) + rows.replace(_VALUE, json.dumps(value).encode()) + b"]}"


def records(count: int) -> list[bytes]:
    """So many records, newest first."""
    known: list[bytes] = []
    day = NEWEST_DAY
    while len(known) < count:
        known += _of_day(day)
        day -= 1
    return known[:count]


@cache
def _of_day(day: int) -> list[bytes]:
    rows = arrivals(day, 7, PER_HOUR, "US/Eastern", TENANT_ID)
    return [_marked(row.encoded(AT_LAST, Form())) for row in sorted(rows, key=lambda row: row.start, reverse=True)]


def _marked(encoded: bytes) -> bytes:
    record = json.loads(encoded)
    return to_json({**record, "hooks": [*record.get("hooks", ()), _HOOK]})
