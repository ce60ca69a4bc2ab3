"""The shapes of a page."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.errors import (
    UpstreamBadAnswer,
    UpstreamBadEncoding,
    UpstreamBadNumber,
    UpstreamError,
    UpstreamErrorAnswer,
    UpstreamShape,
    UpstreamTooLarge,
    UpstreamWrongTenant,
)
from app.upstream.responses import MOST_ROWS, UpstreamPage, read_page, refuse_other_tenant
from tests.upstream.support import TENANT, envelope, row

SAMPLES = Path(__file__).parents[1] / "samples"
ONE = row("one")


async def page(document: Any, content_type: str = "application/json") -> UpstreamPage:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return await read_page(body, {"content-type": content_type})


async def test_an_envelope_gives_its_rows_byte_for_byte() -> None:
    spaced = b'{"total": 1, "results": [ {"interactionId" : "one", "later": 1.50} ], "tenantTimezone": "US/Eastern"}'
    read = await page(spaced)
    assert [bytes(raw) for raw in read.rows] == [b'{"interactionId" : "one", "later": 1.50}']
    assert (read.total, read.time_zone) == (1, "US/Eastern")


@pytest.mark.parametrize(
    ("document", "rows", "total"),
    [
        (envelope([ONE], 127), 1, 127),
        (envelope(None, 0), 0, 0),
        (envelope(None, 5), 0, 5),
        ({"total": 7, "tenantId": TENANT}, 0, 7),
        (envelope([], 3), 0, 3),
        ({"total": 1, "results": {"interactions": [ONE]}}, 1, 1),
        ({"total": 0, "results": {"interactions": None}}, 0, 0),
        (ONE, 1, 1),
        (b'{"total": 127.0, "results": [{}]}', 1, 127),
        ({"total": MOST_ROWS, "results": [{}] * MOST_ROWS}, MOST_ROWS, MOST_ROWS),
        ({"total": 2**53, "results": None}, 0, 2**53),
        ({"total": 1, "results": [ONE], "result": None}, 1, 1),
    ],
)
async def test_a_known_shape_is_read(document: Any, rows: int, total: int) -> None:
    read = await page(document)
    assert (len(read.rows), read.total) == (rows, total)


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ([ONE], UpstreamShape),
        ("text", UpstreamShape),
        (None, UpstreamShape),
        ({}, UpstreamShape),
        ({"result": [ONE]}, UpstreamShape),
        ({"total": 1, "result": [ONE]}, UpstreamShape),
        ({"total": 1, "results": [ONE] * (MOST_ROWS + 1)}, UpstreamTooLarge),
        ({"total": 1.5, "results": [ONE]}, UpstreamShape),
        ({"total": -1.0, "results": [ONE]}, UpstreamShape),
        ({"total": 2**53 + 1, "results": [ONE]}, UpstreamShape),
        (b'{"total": ' + b"9" * 5000 + b', "results": []}', UpstreamShape),
        (b'{"total": 1e999, "results": []}', UpstreamShape),
        ({"total": 1, "results": "many"}, UpstreamShape),
        ({"total": 1, "results": {"rows": [ONE]}}, UpstreamShape),
        ({"results": [ONE]}, UpstreamShape),
        ({"total": "127", "results": [ONE]}, UpstreamShape),
        ({"total": -1, "results": []}, UpstreamShape),
        (b'{"a":' + b"[" * 10_000, UpstreamShape),
        ({"error": "Invalid username and password."}, UpstreamErrorAnswer),
        ({"message": "endpoint request timed out"}, UpstreamErrorAnswer),
        (b"<html>busy</html>", UpstreamBadAnswer),
        (b"", UpstreamBadAnswer),
        (b'{"total": 1, "results": [', UpstreamBadAnswer),
        (b'{"total": NaN, "results": []}', UpstreamBadNumber),
        (b"[NaN]", UpstreamBadNumber),
        ('{"total": 0}'.encode("utf-16"), UpstreamBadEncoding),
    ],
)
async def test_anything_else_is_an_error_that_shows_nothing_of_the_body(
    document: Any, error: type[UpstreamError]
) -> None:
    with pytest.raises(error) as caught:
        await page(document)
    assert type(caught.value) is error
    assert "busy" not in caught.value.detail
    assert "Invalid" not in caught.value.detail


async def test_a_web_page_is_refused_by_its_content_type() -> None:
    with pytest.raises(UpstreamBadAnswer):
        await page(envelope([ONE]), "Text/HTML; charset=utf-8")


async def test_a_byte_order_mark_is_dropped() -> None:
    assert (await page(b"\xef\xbb\xbf" + json.dumps(envelope([ONE])).encode())).total == 1


async def test_a_lone_surrogate_is_replaced_and_its_neighbours_are_left_alone() -> None:
    raw = rb'{"interactionId":"one","customer":"\ud83d cut, \ud83d\ude00 whole, \\ud83d quoted, \udc00"}'
    (kept,) = (await page(b'{"total":1,"results":[' + raw + b"]}")).rows
    assert (
        bytes(kept) == rb'{"interactionId":"one","customer":"\ufffd cut, \ud83d\ude00 whole, \\ud83d quoted, \ufffd"}'
    )


@pytest.mark.parametrize("name", ["tenantTimezone", "tenantTimeZone", "TenantTimezone", "TENANTTIMEZONE"])
@pytest.mark.parametrize("results", [None, [ONE], {"interactions": [ONE]}], ids=["none", "one", "wrapped"])
async def test_the_time_zone_is_found_whatever_the_case_of_its_name(name: str, results: Any) -> None:
    assert (await page({"total": 1, "results": results, name: "US/Eastern"})).time_zone == "US/Eastern"


async def test_a_time_zone_of_another_type_is_none_and_hides_no_other() -> None:
    assert (await page({"total": 0, "tenantTimezone": 5, "TenantTimeZone": "UTC"})).time_zone == "UTC"
    assert (await page({"total": 0, "tenantTimezone": 5})).time_zone is None


async def test_another_tenant_is_refused_whatever_the_case() -> None:
    refuse_other_tenant(await page(envelope([ONE], tenantId=TENANT.upper())), TENANT)
    refuse_other_tenant(await page({"total": 0}), TENANT)
    with pytest.raises(UpstreamWrongTenant):
        refuse_other_tenant(await page(envelope([ONE], tenantId=TENANT.replace("1", "9"))), TENANT)


@pytest.mark.parametrize("sample", [path.read_bytes() for path in sorted(SAMPLES.glob("*-*.json"))])
async def test_every_sample_is_read(sample: bytes) -> None:
    assert len((await page(sample)).rows) == 1
