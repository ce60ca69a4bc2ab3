"""Interim responses: upstream may send some before its answer, which alone counts."""

from tests.proof.suite.case import World, cases
from tests.proof.suite.scripted import ANSWER, SAID, scripted

PROCESSING, EARLY_HINTS = b"102 Processing", b"103 Early Hints"


@cases(
    "interim",
    {
        "interim-102": PROCESSING,
        "interim-103": EARLY_HINTS,
        "interim-not-cached": EARLY_HINTS,
        "interim-no-header-reuse": EARLY_HINTS,
    },
    remark="interim responses go no further than the façade",
)
async def the_answer_behind_an_interim_response_is_stored(world: World, status: bytes) -> None:
    interim = b"HTTP/1.1 %b\r\nLink: <%b>\r\n\r\n" % (status, SAID.encode())
    async with scripted(world, interim, ANSWER) as hinted:
        first = await hinted.get()
        world.pause()
        again = await hinted.get()
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["cache-status"] == "cxfacade; hit; ttl=12"
    assert again.content == first.content
    assert SAID not in str(first.headers.raw + again.headers.raw)
