"""One answer in several codings and parts: validators, 304, HEAD, ranges, and the bytes they all come down to."""

import asyncio
import json
import os
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.canary import UNDONE
from tests.support.clock import HandClock
from tests.support.facade import Facade
from tests.support.simulator import Simulator

ROOT = Path(__file__).parents[2]
PATHS = ("/interactions", "/interactions.ndjson", "/interactions.csv")
CODINGS = tuple(UNDONE)
QUERY = (("attr", "SIM-ABANDON"), ("limit", "10"))
ITEM = "/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17"


async def raw(facade: Facade, path: str, coding: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """An answer with its body as it came over the wire."""
    asked = {"accept-encoding": coding, **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with facade.client.stream("GET", path, params=[*QUERY], headers=asked) as answer:
        return answer, b"".join([part async for part in answer.aiter_raw()])


@pytest.mark.parametrize("path", PATHS)
async def test_every_coding_decodes_to_the_same_bytes_under_a_tag_of_its_own(facade: Facade, path: str) -> None:
    bodies, tags = set(), set()
    for coding in CODINGS:
        answer, body = await raw(facade, path, coding)
        assert answer.headers.get("content-encoding", "identity") == coding
        assert answer.headers["content-length"] == str(len(body))
        assert "Accept-Encoding" in answer.headers["vary"]
        assert not answer.headers["etag"].startswith("W/")
        bodies.add(UNDONE[coding](body))
        tags.add(answer.headers["etag"])
    assert len(bodies) == 1
    assert len(tags) == len(CODINGS)


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_known_tag_gets_304_and_the_headers_of_200(facade: Facade, coding: str) -> None:
    whole, _ = await raw(facade, PATHS[0], coding)
    tag = whole.headers["etag"]
    for names in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer, body = await raw(facade, PATHS[0], coding, if_none_match=names)
        assert (answer.status_code, body) == (304, b"")
        assert answer.headers["etag"] == tag
        for name in ("cache-control", "vary"):
            assert answer.headers[name] == whole.headers[name]
        assert answer.headers["cache-status"].startswith("cxfacade; hit")
        assert "date" in answer.headers
    other, _ = await raw(facade, PATHS[0], coding, if_none_match='"other"')
    assert other.status_code == 200


async def test_the_tag_of_one_coding_does_not_stand_for_another(facade: Facade) -> None:
    zipped, _ = await raw(facade, PATHS[0], "gzip")
    answer, _ = await raw(facade, PATHS[0], "identity", if_none_match=zipped.headers["etag"])
    assert answer.status_code == 200


async def test_a_tag_lives_as_long_as_the_content_not_as_the_clock(facade: Facade, clock: HandClock) -> None:
    """Formats without `as_of` keep their tag when the same rows are fetched again."""
    first, _ = await raw(facade, "/interactions.csv", "identity")
    clock.advance(16)
    tag = first.headers["etag"]
    again, _ = await raw(facade, "/interactions.csv", "identity", if_none_match=tag, cache_control="max-age=10")
    assert (again.status_code, again.headers["etag"]) == (304, tag)
    assert again.headers["cache-status"].startswith("cxfacade; fwd=stale")


@pytest.mark.parametrize("path", [*PATHS, ITEM, f"{ITEM}/timeline"])
async def test_head_tells_what_get_would_without_its_body(facade: Facade, path: str) -> None:
    url = f"{path}?attr=SIM-ABANDON" if path in PATHS else path
    await facade.client.get(url)
    whole = await facade.client.get(url)
    head = await facade.client.head(url)
    changing = {"date", "x-request-id", "server-timing"}
    assert {name: value for name, value in head.headers.items() if name not in changing} == {
        name: value for name, value in whole.headers.items() if name not in changing
    }
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("coding", CODINGS)
async def test_parts_put_together_are_the_whole(facade: Facade, coding: str) -> None:
    whole, body = await raw(facade, "/interactions.csv", coding)
    size = len(body)
    assert whole.headers["accept-ranges"] == "bytes"
    assert "content-range" not in whole.headers
    half = size // 2
    for asked, first, last in (
        (f"0-{half - 1}", 0, half - 1),
        (f"{half}-", half, size - 1),
        (f"-{size - half}", half, size - 1),
        (f"{half}-{10 * size}", half, size - 1),
        (f"-{10 * size}", 0, size - 1),
        ("0-0", 0, 0),
    ):
        part, got = await raw(facade, "/interactions.csv", coding, range=f"bytes={asked}")
        assert (part.status_code, got) == (206, body[first : last + 1])
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.headers["etag"] == whole.headers["etag"]
    beyond, _ = await raw(facade, "/interactions.csv", coding, range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


async def test_a_part_is_given_only_of_the_version_it_was_begun_with(
    facade: Facade, clock: HandClock, simulator: Simulator
) -> None:
    whole, body = await raw(facade, "/interactions.csv", "identity")
    tag = whole.headers["etag"]
    part, got = await raw(facade, "/interactions.csv", "identity", range="bytes=100-", if_range=tag)
    assert (part.status_code, got) == (206, body[100:])
    simulator.insert(1, value="SIM-ABANDON")
    clock.advance(16)
    whole_again, changed = await raw(
        facade, "/interactions.csv", "identity", range="bytes=100-", if_range=tag, cache_control="max-age=10"
    )
    assert whole_again.status_code == 200
    assert len(changed) > 100
    assert whole_again.headers["etag"] != tag


async def test_two_processes_give_the_same_bytes_under_the_same_tags(simulator: Simulator) -> None:
    """Given the same secret, clock and upstream; their hash seeds differ, so that no order of a set can hide."""

    async def elsewhere(seed: str) -> object:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.scenarios.elsewhere", simulator.url,
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        printed, _ = await process.communicate()
        assert process.returncode == 0
        return json.loads(printed)

    one, other = await asyncio.gather(elsewhere("1"), elsewhere("4"))
    assert one == other
    assert isinstance(one, dict)
    assert len(one) == 18
    assert len({tag for tag, _ in one.values()}) == 18
