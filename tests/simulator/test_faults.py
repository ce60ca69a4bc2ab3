"""Faults of transport (S18), and of contract: well-formed answers that are wrong, rows that move (S17, S19)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from app.simulator.faults import FOREIGN_TENANT_ID
from app.simulator.wire import SHAPES
from tests.simulator.support import BRIEF, DOCUMENTED_ID, Asking, ids

VALUE = ("attribute-value", "valueOne")


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_s18_a_status_strikes_as_often_as_armed(upstream: Asking, status: int) -> None:
    upstream.sim.faults("status", times=2, status=status)
    answers = [await upstream.get(VALUE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert "error" in answers[0].json()
    assert "retry-after" not in answers[0].headers


@pytest.mark.parametrize("retry_after", ["7", "Wed, 18 Nov 2026 15:00:07 GMT", "soon"])
async def test_s18_retry_after_goes_out_as_given(upstream: Asking, retry_after: str) -> None:
    upstream.sim.faults("status", status=429, retry_after=retry_after)
    assert (await upstream.get()).headers["retry-after"] == retry_after


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_s18_gateway_errors_come_as_html(upstream: Asking, status: int) -> None:
    upstream.sim.faults("status", status=status)
    answer = await upstream.get()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    assert answer.text.startswith("<html>")


@pytest.mark.parametrize("shape", SHAPES)
async def test_s18_each_shape_of_error_body_can_be_had(upstream: Asking, shape: str) -> None:
    upstream.sim.faults("status", status=503, shape=shape)
    answer = (await upstream.get()).json()
    assert answer.keys() == SHAPES[shape].keys()  # type: ignore[attr-defined]  # every shape is an object
    assert "Unavailable" in json.dumps(answer)
    assert "{phrase}" not in json.dumps(answer)


async def test_s18_a_redirect_names_its_target(upstream: Asking) -> None:
    upstream.sim.faults("redirect", location="http://127.0.0.1:9/spy")
    answer = await upstream.get()
    assert (answer.status_code, answer.headers["location"]) == (302, "http://127.0.0.1:9/spy")


async def test_s18_a_slow_answer_is_late_and_right(upstream: Asking) -> None:
    upstream.sim.faults("slow", delay_seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        await upstream.get(VALUE, timeout=BRIEF)
    upstream.sim.faults("slow", delay_seconds=0.02)
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


async def test_s18_silence_ends_when_the_client_leaves(upstream: Asking) -> None:
    upstream.sim.faults("timeout")
    with pytest.raises(httpx.ReadTimeout):
        await upstream.get(timeout=BRIEF)
    upstream.sim.faults("timeout", delay_seconds=0.02)
    assert (await upstream.get()).status_code == 504


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_s18_a_cut_body_breaks_off(upstream: Asking, framing: str) -> None:
    upstream.sim.faults("truncated", framing=framing)
    with pytest.raises(httpx.RemoteProtocolError):
        await upstream.get(VALUE)
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


@pytest.mark.parametrize("share", [None, 0.5])
async def test_s18_a_connection_is_reset(upstream: Asking, share: float | None) -> None:
    upstream.sim.faults("reset", share=share)
    with pytest.raises(httpx.ReadError) as caught:
        await upstream.get(VALUE)
    assert isinstance(_first_cause(caught.value), ConnectionResetError)
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


def _first_cause(error: BaseException) -> BaseException:
    cause = error.__cause__ or error.__context__
    return _first_cause(cause) if cause else error


BREAKS = {
    **dict.fromkeys(
        ("no-answer", "half-a-status-line", "length-too-long", "two-lengths", "garbage", "huge-head", "unheard-of"),
        httpx.RemoteProtocolError,
    ),
    **dict.fromkeys(("not-gzip", "other-coding"), httpx.DecodingError),
}


@pytest.mark.parametrize("how", BREAKS)
async def test_s18_an_answer_can_be_broken_byte_for_byte(upstream: Asking, how: str) -> None:
    upstream.sim.faults("garbled", how=how)
    with pytest.raises(BREAKS[how]):
        await upstream.get(VALUE)
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


async def test_s18_fifty_interim_answers_come_before_the_right_one(upstream: Asking) -> None:
    upstream.sim.faults("garbled", how="early-hints")
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_s18_a_stalled_body_stops_half_way(upstream: Asking, framing: str) -> None:
    upstream.sim.faults("stall", framing=framing)
    async with upstream.client.stream("GET", upstream.sim.interactions_url) as answer:
        chunks = answer.aiter_raw()
        assert (await anext(chunks)).startswith(b"{")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await _rest(chunks)


async def _rest(chunks: AsyncIterator[bytes]) -> list[bytes]:
    return [chunk async for chunk in chunks]


async def test_s18_json_that_does_not_parse_is_complete(upstream: Asking) -> None:
    upstream.sim.faults("bad-json")
    answer = await upstream.get(VALUE)
    assert (answer.status_code, int(answer.headers["content-length"])) == (200, len(answer.content))
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()


async def test_s18_the_content_type_can_be_wrong(upstream: Asking) -> None:
    upstream.sim.faults("content-type")
    answer = await upstream.get(VALUE)
    assert answer.headers["content-type"] == "text/html"
    assert ids(answer.json()["results"]) == [DOCUMENTED_ID]


async def test_s18_any_body_can_be_had(upstream: Asking) -> None:
    upstream.sim.faults("body", text="[1, 2]", status=206)
    answer = await upstream.get()
    assert (answer.status_code, answer.json()) == (206, [1, 2])
    upstream.sim.faults("body", base64=base64.b64encode(b"\xff\xfe").decode(), headers={"x-more": "1"})
    answer = await upstream.get()
    assert (answer.content, answer.headers["x-more"]) == (b"\xff\xfe", "1")


async def test_s17_rows_inserted_while_paging_push_others_down(upstream: Asking) -> None:
    question = ("attribute-value", "SIM-2500")
    upstream.sim.faults("insert-before-page", times=None, endpoint="list", n=3)
    pages = [await upstream.ask(question, ("limit", 100), ("offset", offset)) for offset in (0, 100, 200)]
    assert [page["total"] for page in pages] == [2503, 2506, 2509]
    found = [row_id for page in pages for row_id in ids(page["results"])]
    assert len(found) - len(set(found)) == 6


async def test_s17_inserted_rows_keep_within_a_closed_range(upstream: Asking) -> None:
    end = "2026-11-18T12:00:00.000Z"
    before = await upstream.ask(("end", end), ("limit", 0))
    upstream.sim.faults("insert-before-page")
    assert (await upstream.ask(("end", end), ("limit", 0)))["total"] == before["total"] + 1


async def test_s17_rows_removed_while_paging_make_gaps(upstream: Asking) -> None:
    question = ("attribute-value", "SIM-2500")
    whole = ids(await upstream.rows(question, ("limit", 300)))
    upstream.sim.faults("remove-between-pages", times=None, n=2)
    found = [
        row_id for offset in (0, 100, 200)
        for row_id in ids(await upstream.rows(question, ("limit", 100), ("offset", offset)))
    ]  # fmt: skip
    assert len(found) == len(set(found)) == 300
    assert set(whole) - set(found) == {whole[100], whole[101], whole[202], whole[203]}


async def test_s19_a_filter_can_be_ignored(upstream: Asking) -> None:
    whole = (await upstream.ask(("limit", 0)))["total"]
    upstream.sim.faults("filter-ignored")
    assert (await upstream.ask(VALUE))["total"] == whole
    upstream.sim.faults("filter-ignored", filter="start")
    assert (await upstream.ask(VALUE, ("start", "2030-01-01")))["total"] == 1


async def test_s19_only_the_last_repeat_can_be_honoured(upstream: Asking) -> None:
    both = (("attribute-value", "VIP"), VALUE)
    assert not await upstream.rows(*both)
    upstream.sim.faults("last-repeat-only")
    assert ids(await upstream.rows(*both)) == [DOCUMENTED_ID]


async def test_s19_only_the_first_repeat_can_be_honoured(upstream: Asking) -> None:
    upstream.sim.faults("first-repeat-only", times=2)
    assert ids(await upstream.rows(VALUE, ("attribute-value", "VIP"))) == [DOCUMENTED_ID]
    assert DOCUMENTED_ID not in ids(await upstream.rows(("attribute-value", "VIP"), VALUE))


async def test_s19_values_can_be_compared_without_case(upstream: Asking) -> None:
    upstream.sim.faults("case-ignored", times=2)
    assert ids(await upstream.rows(("attribute-value", "VALUEone"))) == [DOCUMENTED_ID]
    assert not await upstream.rows(("attribute-value", "valueOne "))


async def test_s19_names_can_be_compared_without_the_spaces_at_their_ends(upstream: Asking) -> None:
    upstream.sim.faults("names-trimmed", times=2)
    assert ids(await upstream.rows(("hookType", "customAttributeUsingIvrInput"))) == [DOCUMENTED_ID]
    assert not await upstream.rows(("hookType", "customattributeusingivrinput"))


START, END = "2018-10-30T14:33:45.954Z", "2018-10-30T14:34:33.166Z"  # of the documented interaction
BEFORE, AFTER = "2018-10-30T14:00:00.000Z", "2018-10-30T15:00:00.000Z"
WITHIN = "2018-10-30T14:34:00.000Z"


@pytest.mark.parametrize(
    ("tests", "ranges"),
    [
        ("start", [(BEFORE, WITHIN)]),
        ("end", [(WITHIN, AFTER)]),
        ("overlap", [(BEFORE, WITHIN), (WITHIN, WITHIN), (WITHIN, AFTER)]),
        ("both", []),
    ],
)
async def test_s19_the_range_can_test_another_time(upstream: Asking, tests: str, ranges: list[tuple[str, str]]) -> None:
    upstream.sim.faults("range-tested", None, tests=tests)
    for start, end in [(BEFORE, WITHIN), (WITHIN, WITHIN), (WITHIN, AFTER), (BEFORE, AFTER)]:
        found = ids(await upstream.rows(("start", start), ("end", end)))
        assert found == [DOCUMENTED_ID] * ((start, end) in [*ranges, (BEFORE, AFTER)])


@pytest.mark.parametrize("ends", ["[)", "[]", "(]", "()"])
@pytest.mark.parametrize(("tests", "low", "high"), [("start", START, START), ("end", END, END), ("both", START, END)])
async def test_s19_the_ends_of_the_range_can_be_included_or_not(
    upstream: Asking, tests: str, low: str, high: str, ends: str
) -> None:
    upstream.sim.faults("range-tested", None, tests=tests, ends=ends)
    assert len(await upstream.rows(("start", low), ("end", AFTER))) == (ends[0] == "[")
    assert len(await upstream.rows(("start", BEFORE), ("end", high))) == (ends[1] == "]")


async def test_s19_open_interactions_can_be_hidden(upstream: Asking) -> None:
    rows = await upstream.everything()
    ended = [row for row in rows if "endTimestamp" in row]
    upstream.sim.faults("open-hidden", None)
    assert ids(await upstream.everything()) == ids(ended)
    assert 0 < len(ended) < len(rows)


async def test_s19_a_limit_of_zero_can_bring_rows_or_be_refused(upstream: Asking) -> None:
    upstream.sim.faults("limit-zero", times=2)
    assert [len(await upstream.rows(("limit", limit))) for limit in (0, 3)] == [10, 3]
    upstream.sim.faults("limit-zero", times=2, rows=None)
    assert [(await upstream.get(("limit", limit))).status_code for limit in (0, 3)] == [400, 200]


async def test_s19_offsets_can_be_bounded(upstream: Asking) -> None:
    upstream.sim.faults("offset-bounded", times=2, most=100)
    assert [(await upstream.get(("offset", offset))).status_code for offset in (100, 101)] == [200, 400]


async def test_s19_the_envelope_can_name_another_tenant(upstream: Asking) -> None:
    upstream.sim.faults("foreign-tenant")
    answer = await upstream.ask(VALUE)
    assert answer["tenantId"] == FOREIGN_TENANT_ID
    assert answer["results"][0]["tenantId"] == upstream.sim.options.tenant_id


async def test_s19_rows_can_belong_to_another_tenant(upstream: Asking) -> None:
    upstream.sim.faults("foreign-rows")
    answer = await upstream.ask(VALUE)
    assert answer["tenantId"] == upstream.sim.options.tenant_id
    assert answer["results"][0]["tenantId"] == FOREIGN_TENANT_ID


async def test_s19_a_list_can_be_answered_with_a_bare_interaction(upstream: Asking) -> None:
    upstream.sim.faults("bare-interaction")
    answer = await upstream.ask(VALUE)
    assert answer["interactionId"] == DOCUMENTED_ID
    assert "details" in answer
    assert "results" not in answer


async def test_s19_results_can_be_an_object(upstream: Asking) -> None:
    upstream.sim.faults("results-object")
    assert ids((await upstream.ask(VALUE))["results"]["interactions"]) == [DOCUMENTED_ID]


@pytest.mark.parametrize("path", ["", f"/{DOCUMENTED_ID}"])
async def test_s19_an_unknown_field_can_appear_in_list_and_single_answer(upstream: Asking, path: str) -> None:
    upstream.sim.faults("unknown-field")
    answer = (await upstream.get(VALUE, path=path)).json()
    row = answer if path else answer["results"][0]
    assert "fieldFromTheFuture" in row
    assert "fieldFromTheFuture" in row["segments"][0]


async def test_s19_a_field_can_be_of_another_type(upstream: Asking) -> None:
    upstream.sim.faults("wrong-type", field="queues", value={"no": "list"})
    assert (await upstream.rows(VALUE))[0]["queues"] == {"no": "list"}


async def test_s19_total_can_change_between_pages(upstream: Asking) -> None:
    upstream.sim.faults("total-changes", times=None, step=-1)
    totals = [(await upstream.ask(("attribute-value", "SIM-2500"), ("offset", offset)))["total"] for offset in (0, 10)]
    assert totals == [2499, 2498]


async def test_s19_totals_flicker(upstream: Asking) -> None:
    upstream.sim.faults("total-flickers", times=None, by=-2)
    totals = [(await upstream.ask(("attribute-value", "SIM-2500"), ("limit", 0)))["total"] for _ in range(3)]
    assert totals == [2498, 2500, 2498]
