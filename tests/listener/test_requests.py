"""Every raw request of the table gets what the table says, from both parsers."""

import asyncio
import json

import pytest

from app.edge.forwarding import Forwarding
from app.listener.limits import ListenerLimits
from app.listener.parsers import PARSERS
from tests.listener.place import guarded, house, talk
from tests.listener.requests import CASES, Case, get
from tests.support.serving import listening

QUICK = ListenerLimits(receipt_seconds=0.25, linger_seconds=0.25, last_call_seconds=0)


def marked(case: Case, parser: str) -> object:
    return pytest.param(
        case, parser, id=f"{case.name}-{parser}", marks=[pytest.mark.threat(*case.threats)] if case.threats else []
    )


@pytest.mark.parametrize(("case", "parser"), [marked(case, parser) for case in CASES for parser in PARSERS])
async def test_a_raw_request_gets_its_answer(case: Case, parser: str) -> None:
    expected = case.outcome_of(parser)
    async with listening(guarded(house()), parser=PARSERS[parser], limits=QUICK) as server, talk(server) as client:
        sending = asyncio.create_task(client.send(case.sent))
        answer = await client.answer(to_head=case.sent.startswith(b"HEAD"))
        await sending
        assert (answer.status if answer else None, answer.code if answer else "") == expected[:2]
        if answer and answer.status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert b"nvalid HTTP" not in answer.body
            assert (
                answer.code != "bad-target"
                or b"Percent-encode what is not ASCII, in the path and in the query" in answer.body
            )
        if expected.closes:
            assert await client.ended() == b""
        else:
            await client.send(get())
            again = await client.answer()
            assert again
            assert again.body == b"here"


@pytest.mark.parametrize("parser", PARSERS)
async def test_under_a_public_prefix_a_refusal_leads_to_its_page(parser: str) -> None:
    async with listening(guarded(house()), parser=PARSERS[parser], limits=QUICK) as server, talk(server) as client:
        server.server_state.forwarding = Forwarding("https://reports.example/cx", ())
        await client.send(get(b"/" + b"a" * 9_000))
        answer = await client.answer()
        assert answer
        assert json.loads(answer.body)["type"] == "/cx/problems/target-too-long"
