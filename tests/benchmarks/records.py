"""The canned upstream's records: the documented sample, once for each row, under ids of their own."""

import json
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples"
TENANT_ID = "87165f24-f1d4-4b2e-acec-05ac94e0ead4"
_ID = b"c506eb9b"
_VALUE = b'"valueOne"'

_whole = json.loads((SAMPLES / "interaction-voice-answered.json").read_text(encoding="utf-8"))
SAMPLE = json.dumps(_whole, separators=(",", ":"), ensure_ascii=False).encode()
_HEAD = (
    b'{"page":null,"limit":%d,"offset":%d,"tenantId":"' + TENANT_ID.encode() + b'","total":%d,'
    b'"tenantName":"Your Tenant","tenantTimezone":"US/Eastern","results":['
)


def page(value: str, total: int, offset: int, limit: int) -> bytes:
    """An answer of the list: rows `offset` … of `total`, each with the attribute value asked for."""
    record = SAMPLE.replace(_VALUE, json.dumps(value).encode())
    rows = (record.replace(_ID, b"%08x" % number) for number in range(offset, min(offset + limit, total)))
    return _HEAD % (limit, offset, total) + b",".join(rows) + b"]}"
