"""What a request may say of stored answers: Cache-Control and Pragma."""

from tests.proof.suite.case import FRESH, LIST, World, case, cases
from tests.proof.suite.freshness import settled

REFRESHER = {"anonymous_scopes": "read,cache:refresh"}
SETTLED = settled(15_000)  # fresh for 1500 s
BOUNDED = "below 5 s only with the scope `cache:refresh`"


async def fresh(world: World, target: str = LIST, age: float = 3) -> None:
    await world.fetched(target)
    world.pause(age)


@cases(
    "cc-request",
    {"ccreq-ma0": "max-age=0", "ccreq-ma1": "max-age=1", "ccreq-no-cache": "no-cache"},
    remark=BOUNDED,
    settings=REFRESHER,
)
async def one_who_may_refresh_gets_a_new_answer(world: World, said: str) -> None:
    await fresh(world)
    await world.fetched(LIST, cache_control=said)


@case("cc-request", "ccreq-magreaterage")
async def an_answer_older_than_the_client_wants_is_fetched(world: World) -> None:
    await fresh(world, settled(86_400), 1800)
    await world.fetched(settled(86_400), cache_control="max-age=600")


@case("cc-request", "ccreq-max-stale")
async def a_stale_answer_is_reused_where_the_client_allows_it(world: World) -> None:
    await fresh(world, age=FRESH + 100)
    await world.stale(LIST, cache_control="max-stale=1000")


@case("cc-request", "ccreq-max-stale-age")
async def a_stale_answer_of_some_age_is_reused_where_the_client_allows_it(world: World) -> None:
    await fresh(world, SETTLED, 2000)
    assert (await world.stale(SETTLED, cache_control="max-stale=1000")).headers["age"] == "2000"


@case("cc-request", "ccreq-min-fresh", remark="what is younger than 5 s meets any `min-fresh`")
async def an_answer_that_is_not_fresh_for_long_enough_is_fetched(world: World) -> None:
    await fresh(world, SETTLED, 6)
    await world.fetched(SETTLED, cache_control="min-fresh=2000")
    await world.cached(SETTLED, cache_control="min-fresh=2000")


@case("cc-request", "ccreq-min-fresh-age")
async def an_answer_of_some_age_that_is_not_fresh_for_long_enough_is_fetched(world: World) -> None:
    await fresh(world, SETTLED, 1000)
    await world.fetched(SETTLED, cache_control="min-fresh=1000")


@case("cc-request", "ccreq-no-store", holds=False, remark="it would be a switch to overload upstream")
async def what_a_client_does_not_want_stored_may_be_stored_already(world: World) -> None:
    await fresh(world)
    await world.cached(LIST, cache_control="no-store")


@case("cc-request", "ccreq-oic")
async def nothing_stored_is_a_gateway_timeout_to_who_wants_nothing_else(world: World) -> None:
    answer = await world.get(LIST, cache_control="only-if-cached")
    assert (answer.status_code, answer.json()["code"], world.calls) == (504, "not-stored", 0)


@cases("pragma", {"pragma-request-no-cache": "no-cache", "pragma-request-extension": "unrecognised-extension"})
async def pragma_leaves_a_fresh_answer_in_use(world: World, said: str) -> None:
    await fresh(world)
    await world.cached(LIST, pragma=said)
