"""Row 10 taken further: what is left on a connection behind one answer is never the answer to another question."""

import json

import pytest

from app.simulator.wire import head, whole
from tests.scenarios.matrix.desk import interaction, listed
from tests.scenarios.matrix.rows import RIGHT
from tests.scenarios.matrix.scene import Fault, Scene, staged
from tests.scenarios.matrix.setting import OTHER_VALUE, Setting
from tests.support.raw import Exchange

FRAMINGS = ("length", "chunked")


def followed(framing: str) -> Fault:
    """The right answer, and right behind it, in the same segment, one that nobody has asked for."""

    async def strike(exchange: Exchange, scene: Scene) -> None:
        body = scene.desk.body(exchange)
        chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        right = whole(body) if framing == "length" else head(("transfer-encoding", "chunked")) + chunks
        hooks = [{"hookType": "kind", "hookName": OTHER_VALUE, "hookSubType": "interaction-attribute"}]
        left = interaction(999, exchange.request, flowName="left behind", interactionAttributes=hooks)
        await exchange.write(right + whole(json.dumps(listed(left)).encode()))

    return Fault(strike, keeps_connections=True)


@pytest.mark.threat("T13")
@pytest.mark.parametrize("framing", FRAMINGS)
async def test_what_is_left_on_a_connection_answers_no_other_question(framing: str) -> None:
    async with staged(followed(framing), Setting()) as scene:
        await scene.break_upstream()
        RIGHT.check_rows(await scene.ask(), scene)
        await scene.mend()
        RIGHT.check_rows(await scene.ask(OTHER_VALUE), scene)
        assert scene.upstream.connections == 2, "one that said too much is not used again"
