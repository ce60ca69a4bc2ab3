"""Streamed answers: as one answer would be, byte for byte; ended by force where they cannot be whole."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import zstandard
from starlette.types import Message

from app.formats import FORMATS
from app.http.sending import PART_BYTES
from app.interactions.grains import GRAINS
from app.main import create_app
from app.owners import owner_of
from app.queries.admission import MOST_STREAMS, STREAMS_OF_ONE_OWNER
from tests.scenarios.repeating import scope_of
from tests.support.clock import HandClock
from tests.support.facade import ONE_ATTEMPT, Facade, facade_settings, replays_of, running_facade
from tests.support.keys import given, write
from tests.support.listing import NEWEST, Listing, failing_from, listed
from tests.support.raw import Exchange, raw_server
from tests.support.simulator import Simulator
from tests.upstream.support import TENANT

BOUND = 40  # rows of one answer: snapshots hold four hundred
STREAMED = [one.extension for one in FORMATS if one.is_streamed]
CSV = "/interactions.csv?limit=all"
LONG_TEXT = "x" * 5_000
LAST_CHUNK = b"0\r\n\r\n"


@pytest.fixture
def interactions() -> int:
    """How many interactions upstream has: more than one answer holds."""
    return 600


@asynccontextmanager
async def connected(facade: Facade, target: str, version: str = "1.1") -> AsyncIterator[asyncio.StreamReader]:
    """What comes on a connection that has asked for the target."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(facade.url).port)
    writer.write(f"GET {target} HTTP/{version}\r\nHost: 127.0.0.1\r\n\r\n".encode())
    try:
        yield reader
    finally:
        writer.transport.abort()


async def until_end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        return await reader.read()


def counted(facade: Facade, name: str) -> float:
    """A line of `/metrics`."""
    lines = facade.services.metrics.exposition().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"cxfacade_{name} "))


async def until(is_so: Callable[[], bool]) -> None:
    """Give others their turn until it is so."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


@pytest.mark.parametrize("extension", STREAMED)
@pytest.mark.parametrize("grain", GRAINS)
async def test_every_grain_is_streamed_in_the_bytes_of_one_answer(
    simulator: Simulator, clock: HandClock, grain: str, extension: str
) -> None:
    path, scopes = f"{GRAINS[grain].path}.{extension}", "read,notes:read"
    async with (
        running_facade(simulator, clock=clock.clock, anonymous_scopes=scopes) as wide,
        running_facade(simulator, clock=clock.clock, anonymous_scopes=scopes, max_rows=BOUND) as narrow,
    ):
        whole = await wide.get(path, ("limit", "10000"))
        streamed = await narrow.get(path, ("limit", "all"))
        counted_out = await narrow.get(path, ("limit", "9999"))
    assert "link" not in whole.headers
    assert streamed.content == counted_out.content == whole.content
    assert whole.content.count(b"\n") > 4 * BOUND


@pytest.mark.parametrize(
    "query",
    [
        "attr=1234567",
        "attr=NOBODY-HAS-IT",
        "attr=1234567&csv=excel",
        "channel_type=voice&direction=inbound",
        "is_abandoned=true&fields=started_at,queue:first_queue_name",
        "offset=350",
        "sort=duration_seconds&from=2026-11-18T14:00:00Z",
        "format=ndjson&include=attributes,agents,queues,segments,talk_times",
    ],
)
async def test_questions_of_all_kinds_are_streamed_in_the_bytes_of_one_answer(
    simulator: Simulator, clock: HandClock, query: str
) -> None:
    target = f"/interactions?{query}" if "format" in query else f"/interactions.csv?{query}"
    async with (
        running_facade(simulator, clock=clock.clock) as wide,
        running_facade(simulator, clock=clock.clock, max_rows=BOUND) as narrow,
    ):
        whole = await wide.get(f"{target}&limit=10000")
        assert (await narrow.get(f"{target}&limit=all")).content == whole.content


async def test_a_result_that_one_answer_may_hold_has_the_same_bytes_and_the_same_total(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=1_000) as facade:
        for extension in STREAMED:
            one = await facade.get(f"/interactions.{extension}?limit=1000")
            streamed = await facade.get(f"/interactions.{extension}?limit=all")
            assert streamed.content == one.content
            for name in ("x-total-count", "x-truncated", "content-type", "vary"):
                assert streamed.headers[name] == one.headers[name]


async def test_a_stream_says_how_many_rows_there_are_and_that_nobody_may_store_it(facade: Facade) -> None:
    answer = await facade.get("/interactions.csv?limit=all&download=1")
    headers = answer.headers
    assert headers["x-total-count"] == str(answer.content.count(b"\r\n") - 1)
    assert headers["x-truncated"] == "false"
    assert headers["cache-control"] == "private, no-store"
    assert headers["cache-status"] == "cxfacade; fwd=uri-miss; stored; ttl=15"
    assert headers["accept-ranges"] == "none"
    assert headers["transfer-encoding"] == "chunked"
    assert headers["content-disposition"] == 'attachment; filename="interactions-20261118T150000Z.csv"'
    assert not {"content-length", "etag", "last-modified", "age", "link"} & set(headers)
    again = await facade.get("/interactions.csv?limit=all", headers={"range": "bytes=0-9", "if-none-match": "*"})
    assert again.content == answer.content
    assert again.headers["cache-status"] == "cxfacade; hit; ttl=15"


async def test_what_is_stored_in_part_says_so(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=BOUND) as facade:
        await facade.get("/interactions.csv?limit=10")
        answer = await facade.get("/interactions.csv?limit=all")
    assert answer.headers["cache-status"] == "cxfacade; fwd=partial; stored; ttl=15"


async def test_a_limit_that_leaves_rows_out_is_truncated(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=BOUND) as facade:
        answer = await facade.get("/interactions.csv?limit=450")
    assert answer.content.count(b"\r\n") == 451
    assert (answer.headers["x-truncated"], int(answer.headers["x-total-count"]) > 450) == ("true", True)
    assert "link" not in answer.headers


@pytest.mark.parametrize(("accept", "coding"), [("gzip", "gzip"), ("zstd", "zstd"), ("gzip;q=0.5, zstd;q=0.1", "gzip")])
async def test_a_stream_is_coded_as_it_is_sent(facade: Facade, accept: str, coding: str) -> None:
    plain = await facade.get("/interactions.csv?limit=all", headers={"accept-encoding": "identity"})
    url = f"{facade.url}/interactions.csv?limit=all"
    async with facade.client.stream("GET", url, headers={"accept-encoding": accept}) as answer:
        assert answer.headers["content-encoding"] == coding
        sent = b"".join([part async for part in answer.aiter_raw()])
    decoded = (
        gzip.decompress(sent) if coding == "gzip" else zstandard.ZstdDecompressor().decompressobj().decompress(sent)
    )
    assert decoded == plain.content
    assert len(sent) < len(decoded) / 3


async def test_head_says_what_get_would_and_reads_no_further() -> None:
    listing = Listing(1_000)
    async with listed(listing) as (facade, _):
        head = await facade.client.head(f"{facade.url}/interactions.csv?limit=all")
        assert len(listing.pages) == 1
        got = await facade.get("/interactions.csv?limit=all")
        told = {
            name: value
            for name, value in got.headers.items()
            if name in {"x-total-count", "x-truncated", "content-type"}
        }
        assert {name: head.headers[name] for name in told} == told
        assert (head.content, "content-length" in head.headers, got.content.count(b"\r\n")) == (b"", False, 1_001)
        await until(lambda: facade.services.queries.making.admission.streams == 0)


def id_of(line: str) -> str:
    return line.split('"')[3]


async def test_a_cursor_is_gone_on_from(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=BOUND) as facade:
        whole = (await facade.get("/interactions.ndjson?limit=all")).text.splitlines()
        page = await facade.ask(("limit", "7"))
        rest = await facade.get("/interactions.ndjson", ("limit", "all"), ("cursor", page["next_cursor"]))
        assert rest.text.splitlines() == whole[7:]
        clock.advance(90_000)
        later = await facade.get("/interactions.ndjson", ("limit", "all"), ("cursor", page["next_cursor"]))
        assert [*map(id_of, later.text.splitlines())] == [*map(id_of, whole[7:])]


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("/interactions?limit=all", "invalid-parameter", "or for ndjson or csv"),
        ("/interactions.json?limit=41", "invalid-parameter", "over the 40 rows that one answer holds"),
        ("/interactions.csv?limit=every", "invalid-parameter", "1 or more, or all"),
        ("/interactions.csv?limit=all&sort=duration_seconds", "sort-needs-complete-result", ""),
        ("/interactions.csv?limit=all&offset=1&cursor=x", "invalid-parameter", "cursor"),
    ],
)
async def test_what_cannot_be_streamed_is_refused_in_words(
    simulator: Simulator, clock: HandClock, target: str, code: str, words: str
) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=BOUND) as facade:
        problem = (await facade.get(target, status=400)).json()
    assert problem["code"] == code
    assert words in problem["detail"]


async def test_http_1_0_is_refused_as_it_cannot_tell_a_part_from_the_whole(facade: Facade) -> None:
    async with connected(facade, "/interactions.csv?limit=all", version="1.0") as reader:
        answer = await until_end(reader)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"ask by HTTP/1.1" in answer


async def test_a_failure_at_the_first_page_is_a_problem() -> None:
    async with listed(Listing(1_000, before=failing_from(1))) as (facade, _):
        answer = await facade.get("/interactions.csv?limit=all", status=503)
        assert answer.headers["content-type"] == "application/problem+json"
        assert facade.services.queries.making.admission.streams == 0


async def test_a_failure_on_the_way_ends_the_connection_without_the_last_chunk(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listed(Listing(4_000, before=failing_from(3))) as (facade, _):
        async with connected(facade, CSV) as reader:
            head, _, body = (await until_end(reader)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"x-total-count: 4000" in head
        assert 100 <= body.count(b"00000000-0000-4000-8000-") < 4_000
        assert not body.endswith(LAST_CHUNK)
        for coding in ("identity", "gzip", "zstd"):
            with pytest.raises(httpx.RemoteProtocolError):
                await facade.get(CSV, headers={"accept-encoding": coding})
        assert counted(facade, 'streams_total{end="failed"}') == 4
        assert counted(facade, 'answers_by_format_total{format="csv"}') == 4
        assert facade.services.queries.making.admission.streams == 0
    told = [record.getMessage() for record in caplog.records if record.name == "cxfacade.streams"]
    cut = "a streamed answer of /interactions.csv was cut short: upstream-unavailable"
    assert [line.partition(", request ")[0] for line in told] == [cut] * 4


async def test_rows_that_are_found_missing_on_the_way_end_the_connection() -> None:
    async with listed(Listing(4_000, lost_in_ranges=1)) as (facade, _):
        with pytest.raises(httpx.RemoteProtocolError):
            await facade.get(CSV)


async def test_where_the_client_leaves_its_rows_are_fetched_no_further(caplog: pytest.LogCaptureFixture) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def hold_the_third(page: int, _exchange: Exchange) -> bool:
        if page == 3:
            arrived.set()
            await go_on.wait()
        return False

    listing = Listing(4_000, before=hold_the_third)
    with caplog.at_level(logging.INFO, logger="cxfacade.access"):
        async with listed(listing) as (facade, _):
            async with connected(facade, CSV):
                await arrived.wait()
            await until(lambda: facade.services.queries.making.admission.streams == 0)
            go_on.set()
            await until(lambda: len(facade.services.queries.flights) == 0)
            assert len(listing.pages) == 3
            assert counted(facade, 'streams_total{end="left"}') == 1
            assert counted(facade, 'requests_total{route="/interactions.csv",status="200"}') == 1
    lines = [record.getMessage() for record in caplog.records if record.name == "cxfacade.access"]
    assert [line.partition(" 200 ")[0] for line in lines] == ["GET /interactions.csv"]


@pytest.mark.threat("T41")
async def test_no_page_is_fetched_for_a_reader_who_reads_nothing() -> None:
    listing = Listing(300, text=LONG_TEXT)
    async with raw_server(listing) as server:
        settings = facade_settings(server.url, tenant_id=TENANT, max_rows=10)
        app = create_app(settings, clock=HandClock(wall=NEWEST).clock, limits=ONE_ATTEMPT, random=lambda: 0.5)
        body, pages, read = bytearray(), list[int](), asyncio.Event()
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        async def receive() -> Message:
            return await never

        async def send(message: Message) -> None:
            assert len(message.get("body", b"")) <= PART_BYTES
            body.extend(message.get("body", b""))
            pages.append(len(listing.pages))
            await read.wait()

        async with app.router.lifespan_context(app):
            scope = scope_of("/interactions.ndjson?limit=all&include=attributes")
            sending = asyncio.ensure_future(app(scope, receive, send))
            await until(lambda: bool(pages))
            for _ in range(100):
                await asyncio.sleep(0)
            assert (pages, len(listing.pages)) == ([1], 1)
            read.set()
            await sending
        assert body.count(b"\n") == 300
        assert pages == sorted(pages)


@pytest.mark.threat("T44")
async def test_streams_of_one_owner_and_of_all_are_bounded(facade: Facade) -> None:
    streaming = facade.services.queries.making.admission.streaming
    with ExitStack() as under_way:
        for _ in range(STREAMS_OF_ONE_OWNER):
            under_way.enter_context(streaming(owner_of("127.0.0.1")))
        refused = await facade.get(CSV, status=429)
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("rate-limited", "30")
        assert "read one to its end first" in refused.json()["detail"]
        assert (await facade.get("/interactions.csv?limit=1")).status_code == 200
    with ExitStack() as under_way:
        for number in range(MOST_STREAMS):
            under_way.enter_context(streaming(f"owner {number}"))
        refused = await facade.get(CSV, status=503)
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("overloaded", "30")
    assert (await facade.get(CSV)).status_code == 200


async def test_a_stream_takes_one_request_off_the_quota_and_needs_the_scopes_of_its_rows(
    simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    metered, trusted = given("metered", "read", quota=1), given("trusted", "read", "pii:read")
    keys = write(tmp_path / "keys.json", metered, trusted)
    async with running_facade(simulator, clock=clock.clock, client_keys_file=keys, max_rows=BOUND) as facade:
        assert (await facade.get(CSV, headers=metered.bearer)).headers["x-truncated"] == "false"
        await facade.get(CSV, status=429, headers=metered.bearer)
        await facade.get("/notes.csv?limit=all", status=403, headers=trusted.bearer)
        await facade.get(CSV, status=401)
        masked = await facade.get(f"{CSV}&fields=customer", headers=trusted.bearer)
        clear = await facade.get(f"{CSV}&fields=customer&pii=clear", headers=trusted.bearer)
    assert masked.content != clear.content
    assert clear.headers["cache-control"] == "private, no-store"


async def test_nothing_of_a_stream_is_replayed_or_stored_but_its_first_snapshot() -> None:
    listing = Listing(1_000)
    async with listed(listing) as (facade, _):
        first = await facade.get(CSV)
        second = await facade.get(CSV)
        assert first.content == second.content
        assert replays_of(facade.services) == 0
        assert [one.rows for one in facade.services.queries.snapshots.snapshots()] == [100]


async def test_what_a_stream_costs_is_explained() -> None:
    async with listed(Listing(2_500)) as (facade, _):
        explained = (await facade.get("/cache/explain?format=csv&limit=all")).json()
        assert explained["miss_cost"] == {"upstream_calls": 1, "rows_read": 1000}
        await facade.get(CSV)
        explained = (await facade.get("/cache/explain?format=csv&limit=all")).json()
        assert explained["miss_cost"] == {"upstream_calls": 3, "rows_read": 2500}
