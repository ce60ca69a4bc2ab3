"""Every raw request of the table gets what the table says."""

import asyncio
import json

import pytest

from app.http.forwarding import Forwarding
from app.listener.limits import ListenerLimits
from tests.listener.place import guarded, house, talk
from tests.listener.requests import CASES, Case, get
from tests.support.serving import listening

QUICK = ListenerLimits(receipt_seconds=0.25, linger_seconds=0.25, last_call_seconds=0)


def marked(case: Case) -> object:
    return pytest.param(case, id=case.name, marks=[pytest.mark.threat(*case.threats)] if case.threats else [])


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
async def test_a_raw_request_gets_its_answer(case: Case) -> None:
    async with listening(guarded(house()), limits=QUICK) as server, talk(server) as client:
        sending = asyncio.create_task(client.send(case.sent))
        answer = await client.answer(to_head=case.sent.startswith(b"HEAD"))
        await sending
        assert (answer.status if answer else None, answer.code if answer else "") == case.outcome[:2]
        if answer and answer.status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert b"nvalid HTTP" not in answer.body
            assert (
                answer.code != "bad-target"
                or b"Percent-encode what is not ASCII, in the path and in the query" in answer.body
            )
        if case.outcome.closes:
            assert await client.ended() == b""
        else:
            await client.send(get())
            again = await client.answer()
            assert again
            assert again.body == b"here"


async def test_under_a_public_prefix_a_refusal_leads_to_its_page() -> None:
    async with listening(guarded(house()), limits=QUICK) as server, talk(server) as client:
        server.server_state.forwarding = Forwarding("https://reports.example/cx", ())
        await client.send(get(b"/" + b"a" * 9_000))
        answer = await client.answer()
        assert answer
        assert json.loads(answer.body)["type"] == "/cx/problems/target-too-long"
