"""Fields: upstream's stay behind the façade, and what it says of an answer it says of each reuse."""

from tests.proof.suite.case import World, case, cases
from tests.proof.suite.scripted import BODY, CHUNKED, SAID, scripted
from tests.support.raw import http

CONNECTION = (
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authentication-Info",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Upgrade",
)
OF_AN_ANSWER = ("Cache-Control", "Content-Encoding", "Content-Length", "Content-Type", "ETag")
HIDDEN = "upstream's fields are for the façade alone"


async def hidden(world: World, answer: bytes, *names: str) -> None:
    """None of these fields of upstream's answer is in the façade's, neither in the first nor in a hit."""
    async with scripted(world, answer) as told:
        first = await told.get()
        world.pause()
        again = await told.get()
    assert again.headers["cache-status"] == "cxfacade; hit; ttl=12"
    for one in (first, again):
        assert not {name.lower() for name in names} & set(one.headers)
        assert SAID not in str(one.headers.raw)


@cases("headers", {f"headers-store-{name}": name for name in CONNECTION}, remark=HIDDEN)
async def a_field_of_upstreams_connection_reaches_nobody(world: World, name: str) -> None:
    await hidden(world, http(BODY, **{"content-type": "application/json", name: SAID}), name)


@case("headers", "headers-store-Transfer-Encoding", remark=HIDDEN)
async def how_upstream_frames_its_answer_reaches_nobody(world: World) -> None:
    await hidden(world, CHUNKED % (len(BODY), BODY), "Transfer-Encoding")


@cases(
    "headers",
    {"headers-store-Connection": "Connection", "headers-omit-headers-listed-in-Connection": "X-Listed"},
    remark=HIDDEN,
)
async def what_upstream_lists_in_connection_reaches_nobody(world: World, name: str) -> None:
    listing = {"connection": "keep-alive, x-listed", "x-listed": SAID}
    await hidden(world, http(BODY, **{"content-type": "application/json", **listing}), name)


@case("other", "other-set-cookie", remark=HIDDEN)
async def an_answer_with_which_upstream_sets_a_cookie_is_reused_without_it(world: World) -> None:
    await hidden(world, http(BODY, content_type="application/json", set_cookie=f"a={SAID}"), "Set-Cookie")


@cases("headers", {f"headers-store-{name}": name for name in OF_AN_ANSWER}, remark="the façade's own")
async def a_hit_has_the_field_that_the_miss_had(world: World, name: str) -> None:
    target = "/interactions?limit=20"
    first = await world.fetched(target, accept_encoding="gzip")
    again = await world.cached(target, accept_encoding="gzip")
    assert again.headers[name] == first.headers[name]


@case("status", "status-200-must-understand", remark="upstream's directives do not count")
async def what_upstream_says_of_caches_does_not_count(world: World) -> None:
    directives = "max-age=3600, no-store, must-understand"
    await hidden(world, http(BODY, content_type="application/json", cache_control=directives))
