"""Vary: by Accept, by Accept-Encoding and by credential; each variant is made of one stored report.

So another variant costs upstream nothing: what must not be reused is the bytes of the first.
"""

from collections.abc import Sequence

from tests.proof.suite.case import LIST, World, case, cases

Fields = dict[str, str]
IDENTITY = {"accept_encoding": "identity"}
CSV, JSON = {"accept": "text/csv", **IDENTITY}, {"accept": "application/json", **IDENTITY}
PACKED = "/interactions?limit=20"
KEYED = {**CSV, "authorization": "Bearer cxf_invented"}
OWN = "the variant is made of the stored report; upstream is not asked"
BY_ACCEPT = "by `Accept`: nothing here depends on a language"


async def described(world: World, fields: Fields) -> tuple[int, str, str | None, str | None]:
    answer = await world.get(PACKED, **fields)
    told = answer.headers
    return answer.status_code, told["content-type"], told.get("content-encoding"), told.get("etag")


@cases(
    "vary",
    {
        "vary-match": CSV,
        "vary-2-match": {**CSV, "accept_encoding": "gzip"},
        "vary-3-match": {**CSV, "accept_encoding": "gzip", "user_agent": "first"},
        "vary-3-omit": {"accept_encoding": "gzip"},
    },
)
async def an_equal_request_gets_the_stored_variant(world: World, fields: Fields) -> None:
    first = await world.fetched(PACKED, **fields)
    world.pause()
    again = await world.cached(PACKED, **fields)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])


@cases(
    "vary",
    {
        "vary-no-match": (CSV, JSON),
        "vary-omit-stored": (IDENTITY, CSV),
        "vary-omit": (CSV, IDENTITY),
        "vary-2-no-match": (CSV, {**CSV, "accept_encoding": "gzip"}),
        "vary-2-match-omit": ({**CSV, "accept_encoding": "gzip"}, {"accept_encoding": "gzip"}),
        "vary-3-no-match": (CSV, KEYED),
        "vary-3-order": (KEYED, dict(reversed(CSV.items()))),
    },
    remark=OWN,
)
async def another_request_never_gets_the_stored_variant(world: World, pair: Sequence[Fields]) -> None:
    first, second = pair
    before = await described(world, first)
    world.pause()
    after = await described(world, second)
    assert after[:3] != before[:3]
    assert after[3] != before[3]


@case("vary", "vary-invalidate")
async def two_variants_are_stored(world: World) -> None:
    first, second = await world.fetched(PACKED, **CSV), await world.cached(PACKED, **JSON)
    world.pause()
    assert (await world.cached(PACKED, **CSV)).content == first.content
    assert (await world.cached(PACKED, **JSON)).content == second.content


@case("vary", "vary-cache-key")
async def fields_that_vary_does_not_list_do_not_matter(world: World) -> None:
    first = await world.fetched(PACKED, foo="1", accept_language="de")
    world.pause()
    again = await world.cached(PACKED, foo="2", accept_language="en")
    assert again.content == first.content
    assert again.headers["vary"] == "Accept, Accept-Encoding, Authorization, X-API-Key"


SPELLINGS = {
    "vary-normalise-lang-order": "application/json;q=0.1, text/csv",
    "vary-normalise-lang-case": "Text/CSV, application/JSON;Q=0.1",
    "vary-normalise-lang-space": "text/csv ,   application/json;q=0.1",
    "vary-normalise-lang-select": "application/pdf, application/json;q=0.5, text/csv;q=0.9",
    "vary-normalise-space": "text/csv ; q=1 ,application/json ;q=0.1",
    "vary-normalise-combine": "text/csv",
}


@cases("vary", SPELLINGS, remark=BY_ACCEPT)
async def another_spelling_gets_the_stored_variant(world: World, accept: str) -> None:
    first = await world.fetched(PACKED, accept="text/csv, application/json;q=0.1")
    world.pause()
    again = await world.cached(PACKED, accept=accept)
    assert (again.content, again.headers["content-type"]) == (first.content, "text/csv; charset=utf-8")


@case("auth", "other-authorization")
async def an_answer_is_never_reused_across_credentials(world: World) -> None:
    await world.fetched(LIST)
    world.pause()
    for fields in ({"authorization": "Bearer cxf_invented"}, {"x_api_key": "cxf_invented"}):
        refused = await world.get(LIST, **fields)
        assert (refused.status_code, refused.headers["cache-control"]) == (401, "no-store")
    assert (await world.cached(LIST)).status_code == 200
