"""Conditional requests, which the façade answers itself, and HEAD."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import httpx

from tests.proof.suite.case import FRESH, LIST, World, case, cases

LM, INM = "conditional-lm", "conditional-inm"
EXACT = "a tag is compared as it is written"


def modified(answer: httpx.Response) -> datetime:
    return parsedate_to_datetime(answer.headers["last-modified"])


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def rfc850(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%A, %d-%b-%y %H:%M:%S GMT")


@cases(
    LM,
    {
        "conditional-lm-fresh": http_date,
        "conditional-lm-fresh-earlier": lambda moment: http_date(moment + timedelta(seconds=1000)),
        "conditional-lm-fresh-rfc850": rfc850,
    },
)
async def an_answer_not_modified_since_is_a_304(world: World, since: Callable[[datetime], str]) -> None:
    first = await world.fetched()
    world.pause()
    answer = await world.cached(LIST, if_modified_since=since(modified(first)))
    assert (answer.status_code, answer.content) == (304, b"")
    older = await world.cached(LIST, if_modified_since=since(modified(first) - timedelta(seconds=2000)))
    assert older.status_code == 200


@case(LM, "conditional-lm-stale", remark="at once; upstream, which knows no validators, is asked behind")
async def a_stale_answer_not_modified_since_is_a_304(world: World) -> None:
    first = await world.fetched()
    world.pause(FRESH + 1)
    answer = await world.stale(LIST, if_modified_since=first.headers["last-modified"])
    assert answer.status_code == 304
    await world.settled()
    assert world.calls == 2


@cases(
    INM,
    {
        "conditional-etag-strong-respond": "{}",
        "conditional-304-etag": "{}",
        "conditional-etag-weak-respond": "W/{}",
        "conditional-etag-strong-respond-multiple-first": '{}, "1234", "5678"',
        "conditional-etag-strong-respond-multiple-second": '"1234", {}, "5678"',
        "conditional-etag-strong-respond-multiple-last": '"1234", "5678", {}',
    },
)
async def a_tag_that_matches_is_a_304_with_that_tag(world: World, tags: str) -> None:
    tag = (await world.fetched()).headers["etag"]
    world.pause()
    answer = await world.cached(LIST, if_none_match=tags.format(tag))
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, tag, b"")


@case(INM, "conditional-etag-precedence")
async def a_tag_that_matches_goes_before_a_date_that_does_not(world: World) -> None:
    first = await world.fetched()
    world.pause()
    long_before = http_date(modified(first) - timedelta(days=1))
    answer = await world.cached(LIST, if_none_match=first.headers["etag"], if_modified_since=long_before)
    assert answer.status_code == 304


@cases(
    INM,
    {
        "conditional-etag-quoted-respond-unquoted": "{}",
        "conditional-etag-weak-respond-lowercase": 'w/"{}"',
        "conditional-etag-weak-respond-backslash": 'W\\"{}"',
        "conditional-etag-weak-respond-omit-slash": 'W"{}"',
    },
    holds=False,
    remark=EXACT,
)
async def a_tag_that_is_malformed_matches_nothing(world: World, tags: str) -> None:
    tag = (await world.fetched()).headers["etag"]
    world.pause()
    answer = await world.cached(LIST, if_none_match=tags.format(tag.strip('"')))
    assert (answer.status_code, answer.headers["etag"]) == (200, tag)


@case(
    "updateHEAD", "head-writethrough", holds=False, remark="upstream is only ever asked by GET; HEAD refreshes behind"
)
async def upstream_is_asked_by_get_alone(world: World) -> None:
    await world.fetched()
    world.pause(FRESH + 1)
    await world.stale(LIST, "HEAD")
    await world.settled()
    assert [call.method for call in world.simulator.journal()] == ["GET", "GET"]


@case("updateHEAD", "head-200-retain")
async def head_has_the_fields_that_are_stored(world: World) -> None:
    first = await world.fetched()
    world.pause()
    answer = await world.cached(LIST, "HEAD")
    assert answer.content == b""
    for name in ("etag", "last-modified", "content-type", "content-length", "vary", "accept-ranges"):
        assert answer.headers[name] == first.headers[name]


@case("updateHEAD", "head-200-freshness-update")
async def head_of_a_stale_answer_makes_it_fresh(world: World) -> None:
    await world.fetched()
    world.pause(FRESH + 1)
    await world.stale(LIST, "HEAD")
    await world.settled()
    assert (await world.cached()).headers["age"] == "0"
