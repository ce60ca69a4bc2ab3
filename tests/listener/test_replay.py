"""How long a response is replayed, what it says meanwhile, and what ends it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from app.cache.reuse import Reuse
from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.http.response_cache import ARRIVAL, Charge, Served, offer
from app.http.responses import Answer, answer_headers
from app.http.telemetry import Hits, Requests
from app.listener import replay
from app.listener.replay import MOST_BYTES, SHAPING, Address, Fields, Replay, ReplayCache, replay_key
from app.observe.metrics import Metrics
from app.queries.fetch_plan import FetchPlan, Terms
from app.queries.rules import Lifetime
from app.queries.snapshot import Snapshot
from app.queries.snapshot_store import SnapshotStore
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading
from tests.support.clock import HandClock
from tests.support.counted import value_of

HERE = Address.of("http", ("127.0.0.1", 8080), is_trusted=False)
BEHIND = Address.of("http", ("127.0.0.1", 8080), is_trusted=True)
AS_OF = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)
KEY = b"the key of a request"
OWN = (b"x-request-id", b"first")
ROUTE = SimpleNamespace(path="/interactions")
RESPONSE = b"""\
HTTP/1.1 200 OK\r
date: Mon, 23 Nov 2026 06:40:04 GMT\r
content-type: text/plain\r
content-length: 4\r
etag: "tag"\r
last-modified: Mon, 23 Nov 2026 06:40:00 GMT\r
vary: Accept, Accept-Encoding, Authorization, X-API-Key\r
accept-ranges: bytes\r
link: </?cursor=%25>; rel="next"\r
cache-control: private, max-age=15, stale-while-revalidate=60, stale-if-error=60\r
age: 4\r
cache-status: cxfacade; hit; ttl=11\r
server-timing: cache;dur=0.00\r
x-request-id: new\r
last: %\r
\r
rows"""


async def unread(_asked: UpstreamQuery, _position: Position, _rows: int, _terms: Terms) -> Reading:
    raise AssertionError


@dataclass
class Place:
    """A cache of replays with the store it stands on, on a clock turned by hand."""

    clock: HandClock = field(default_factory=HandClock)
    fresh_for: float = 15
    upstream_seconds: float = 0
    store_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.store_bytes, lambda: self.clock.monotonic)
        self.snapshots = SnapshotStore(self.store, stale_seconds=60)
        lifetime = Lifetime(self.fresh_for, "open")
        self.plan = FetchPlan(b"question", UpstreamQuery(), unread, lambda _snapshot: lifetime, lambda: False)
        self.replays = ReplayCache(
            self.store,
            is_trusted=lambda _client: False,
            monotonic=lambda: self.clock.monotonic,
            wall=lambda: self.clock.wall,
            new_request_id=lambda: "new",
        )
        self.metrics = Metrics()
        self.requests = Requests(self.metrics)

    def kept(self, version: str = "v1") -> Stored[Snapshot]:
        """A snapshot that has just been received, as the store has it."""
        snapshot = Snapshot(version, AS_OF, UpstreamQuery(), None, False, upstream_seconds=self.upstream_seconds)
        stored, kept = self.snapshots.keep(self.plan, snapshot, self.clock.monotonic)
        assert kept
        return stored

    def answered(
        self,
        home: Stored[Snapshot] | None = None,
        key: bytes = KEY,
        *,
        body: bytes = b"rows",
        masked: bool = True,
        version: str | None = None,
        status: int = 200,
        changes_in: float | None = None,  # from when it came
        valid_for: float | None = None,
        charge: Charge | None = None,
        takes: float = 0,
        sent_for: float = 0,
        link: str = "/?cursor=%25",
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """A request comes, takes its time, and is answered the ordinary way."""
        arrival = self.replays.arrival(key)
        came = self.clock.monotonic
        self.clock.advance(takes)
        meanwhile()
        home = home or self.kept()
        state: dict[str, Any] = {}
        scope = {"type": "http", "method": "GET", "route": ROUTE, "state": state, ARRIVAL: arrival}
        answer = Answer(body, "identity", '"tag"', "text/plain", AS_OF, masked=masked, link_next=link)
        reuse = Reuse(hit=True, ttl=15, age=0, seconds={"cache": 0.1})
        served = Served(answer, reuse, home, home)
        offer(
            scope,
            served,
            replace(self.plan, version=version),
            self.clock.monotonic,
            wall=self.clock.wall,
            hits=lambda status: self.requests.hits(scope, answer, "reader", status),
            changes_at=None if changes_in is None else came + changes_in,
            valid_for=valid_for,
            charge=charge,
        )
        replayable = state.get("replayable")
        if replayable is not None:
            headers = [
                *answer_headers(answer, reuse, home, self.clock.wall),
                OWN,
                (b"last", b"%"),
                (b"ratelimit-policy", b"x"),
                (b"ratelimit", b"x"),
            ]
            self.clock.advance(sent_for)
            arrival(replayable, status, headers, body)

    def response(self, own_id: bytes | None = None, key: bytes = KEY) -> bytes | None:
        return self.replays.response(key, own_id)

    def replayed_for(self, step: float = 0.25) -> float:
        """Seconds from now on for which the response is replayed."""
        began = self.clock.monotonic
        while self.response():
            self.clock.advance(step)
        return self.clock.monotonic - began


def told(response: bytes | None) -> dict[bytes, bytes]:
    assert response
    head, _, _ = response.partition(b"\r\n\r\n")
    return dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])


def test_a_response_is_replayed_until_its_freshness_ends() -> None:
    place = Place()
    place.answered()
    assert place.replayed_for() == 15


@pytest.mark.parametrize(("upstream_seconds", "seconds"), [(0.5, 11), (0.9375, 7.5), (1, 7.5), (60, 7.5)])
def test_near_the_end_requests_go_where_an_early_refresh_may_be_set_off(
    upstream_seconds: float, seconds: float
) -> None:
    """However slow upstream is, the first half of a lifetime is replayed."""
    place = Place(upstream_seconds=upstream_seconds)
    place.answered()
    assert place.replayed_for() == seconds


def test_a_request_that_will_mean_another_question_is_replayed_until_then_from_when_it_came() -> None:
    place = Place()
    place.answered(changes_in=4, takes=1)
    assert place.replayed_for() == 3
    place.answered(changes_in=3, takes=3)
    assert place.response() is None


@pytest.mark.parametrize(("valid_for", "seconds"), [(4.0, 4.0), (60.0, 15.0), (0.0, 0.0)])
def test_nothing_is_replayed_to_a_credential_past_its_end(valid_for: float, seconds: float) -> None:
    place = Place()
    place.answered(valid_for=valid_for)
    assert place.replayed_for() == seconds


def test_a_response_that_was_overtaken_while_it_was_made_is_not_replayed() -> None:
    place = Place()
    overtaken = place.kept("v1")
    place.clock.advance(5)
    place.answered(place.kept("v2"))
    assert place.response()
    place.answered(overtaken, b"another")
    assert place.response(key=b"another") is None


def test_a_page_that_a_cursor_pins_is_replayed_from_its_own_snapshot_until_more_of_it_is_read() -> None:
    place = Place()
    pinned = place.kept("v1")
    place.kept("v2")
    place.answered(pinned, version="v1")
    assert place.response()
    pinned.purge_token.extended = True
    assert place.response() is None


def test_a_newer_snapshot_ends_it_at_once() -> None:
    place = Place()
    place.answered(place.kept("v1"))
    place.kept("v2")
    assert place.response() is None


def test_a_longer_reading_of_the_same_snapshot_ends_it_at_once() -> None:
    place = Place()
    place.answered(place.kept("v1"))
    place.kept("v1")
    assert place.response() is None


def test_a_purge_ends_it_at_once_and_what_is_answered_from_before_it_is_not_kept() -> None:
    place = Place()
    home = place.kept()
    place.answered(home)
    place.snapshots.purge(lambda _key, _snapshot: True)
    assert place.response() is None
    place.answered(home)
    assert place.response() is None
    assert len(place.store) == 0


def test_other_client_keys_end_all() -> None:
    place = Place()
    for _ in range(3):
        place.answered()
        assert place.response()
        place.replays.end_all()
        assert place.response() is None


def test_a_request_that_came_before_the_client_keys_changed_is_not_replayed() -> None:
    place = Place()
    place.answered(meanwhile=place.replays.end_all)
    assert place.response() is None
    place.answered()
    assert place.response()


def test_what_is_asked_for_most_looks_so_to_the_store() -> None:
    place = Place()
    place.answered()
    for number in range(280):
        other = Stored(b"", 9_000, place.clock.monotonic, 15, 60)
        place.store.put(b"derived %d" % number, other, kind="derived")
        place.clock.advance(0.05)
        assert place.response()
    assert place.store.evictions >= 100


def test_replays_of_distinct_requests_stay_within_the_bound_of_the_store() -> None:
    place = Place(store_bytes=1_000_000)
    home = place.kept()
    for number in range(1_000):
        place.answered(home, b"%d" % number)
    assert place.store.bytes_held <= 1_000_000
    assert place.response(key=b"999")
    assert place.response(key=b"0") is None


def test_a_large_body_is_not_replayed() -> None:
    place = Place(store_bytes=10_000_000)
    place.answered(body=b"x" * MOST_BYTES)
    assert place.response()
    place.answered(key=b"larger", body=b"x" * (MOST_BYTES + 1))
    assert place.response(key=b"larger") is None


def test_a_response_whose_time_is_over_when_it_has_been_sent_takes_no_room() -> None:
    place = Place()
    home = place.kept()
    held = len(place.store)
    place.answered(home, valid_for=4, sent_for=4)
    assert len(place.store) == held
    place.answered(home, valid_for=4, sent_for=3.75)
    assert len(place.store) == held + 1


def test_a_head_takes_room_twice_as_the_format_and_as_last_sent() -> None:
    place, held = Place(), list[int]()
    home = place.kept()
    for number in range(3):
        held.append(place.store.bytes_held)
        place.answered(home, b"%d" % number, link="/" + number * 1_000 * "x")
    assert place.store.bytes_held - held[2] == held[2] - held[1] + 2_000


def uncounted(_status: int) -> Hits:
    raise AssertionError


def test_an_answer_that_no_store_holds_and_a_request_that_did_not_arrive_here_are_not_replayed() -> None:
    place = Place()
    home, answer = place.kept(), Answer(b"", "identity", '"tag"', "text/plain", AS_OF)
    for stored, scope in ((None, {"state": {}, ARRIVAL: place.replays.arrival(KEY)}), (home, {"state": {}})):
        served = Served(answer, Reuse(hit=True), home, stored)
        offer(
            scope,
            served,
            place.plan,
            place.clock.monotonic,
            wall=place.clock.wall,
            hits=uncounted,
        )
        assert scope["state"] == {}


def test_where_the_time_of_day_was_set_back_the_ordinary_way_says_so() -> None:
    place = Place(fresh_for=100)
    place.answered()
    assert place.response()
    place.clock.step(wall=-10)
    place.clock.step(monotonic=1)
    assert place.response() is None
    place.answered()
    assert place.response() is None
    place.clock.step(wall=10)
    place.answered()
    assert place.response()


def test_age_and_time_left_are_those_of_the_moment() -> None:
    place = Place(fresh_for=15.5)
    place.answered()
    seen = []
    for _ in range(6):
        fields = told(place.response())
        seen.append((int(fields[b"age"]), fields[b"cache-status"], fields[b"cache-control"].split(b", ")[1]))
        place.clock.advance(0.25)
    assert seen == [
        (0, b"cxfacade; hit; ttl=15", b"max-age=15"),
        (0, b"cxfacade; hit; ttl=15", b"max-age=15"),
        (0, b"cxfacade; hit; ttl=15", b"max-age=15"),
        (0, b"cxfacade; hit; ttl=14", b"max-age=14"),
        (1, b"cxfacade; hit; ttl=14", b"max-age=15"),
        (1, b"cxfacade; hit; ttl=14", b"max-age=15"),
    ]


def dated(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The place, where the system's clock is the one turned by hand."""
    monkeypatch.setattr(replay, "time", lambda: place.clock.clock.wall().timestamp())
    return place


def test_what_changes_is_formatted_anew_when_it_does_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    place, asked = dated(Place(fresh_for=15.5625), monkeypatch), list[datetime]()
    place.clock.step(wall=0.5)
    place.answered()

    def wall() -> datetime:
        asked.append(place.clock.wall)
        return place.clock.wall

    place.replays.wall = wall
    began, seen = place.clock.monotonic, set()
    for _ in range(24):
        fields = told(place.response())
        passed = place.clock.monotonic - began
        changing = (fields[b"date"], int(fields[b"age"]), fields[b"cache-status"])
        assert changing == (
            f"{place.clock.wall:%a, %d %b %Y %H:%M:%S} GMT".encode(),
            int(passed),
            b"cxfacade; hit; ttl=%d" % int(15.5625 - passed),
        )
        seen.add(changing)
        place.clock.advance(0.125)
    assert len(asked) == len(seen) == 9


def test_a_replay_is_the_ordinary_response_with_the_date_age_and_lifetimes_of_the_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = dated(Place(), monkeypatch)
    place.answered()
    place.clock.advance(4)
    assert place.response() == RESPONSE


def test_an_answer_in_the_clear_stays_out_of_caches() -> None:
    place = Place()
    place.answered(masked=False)
    assert told(place.response())[b"cache-control"] == b"private, no-store"


@pytest.mark.parametrize(("own_id", "sent"), [(b"mine-17", b"mine-17"), (b"two words", b"new"), (None, b"new")])
def test_an_id_that_can_stand_in_headers_is_kept_and_every_other_replaced(own_id: bytes | None, sent: bytes) -> None:
    place = Place()
    place.answered()
    assert told(place.response(own_id))[b"x-request-id"] == sent


def test_each_replay_counts_against_a_quota_and_past_it_goes_the_ordinary_way() -> None:
    place, left = Place(), [2, 1]

    def charge() -> tuple[list[tuple[bytes, bytes]], float]:
        return [(b"ratelimit", b"r=%d" % left[0])], 0.0 if left.pop(0) else 1.0

    left.append(0)
    place.answered(charge=charge)
    assert [told(place.response())[b"ratelimit"] for _ in range(2)] == [b"r=2", b"r=1"]
    assert place.response() is None


def test_replays_are_counted_by_status_and_logged_for_those_who_want_every_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = Place()
    home = place.kept()
    place.answered(home)
    place.answered(home, b"part", status=206)
    place.answered(home, b"unchanged", status=304)
    place.answered(home, b"refused", status=416)
    assert place.response(key=b"refused") is None
    with caplog.at_level(logging.DEBUG, logger="cxfacade.access"):
        for key in (KEY, b"part", b"unchanged"):
            place.response(key=key)
    assert [record.__dict__["status"] for record in caplog.records] == [200, 206, 304]
    assert {record.getMessage() for record in caplog.records} == {
        f"GET /interactions {status} 0.0 ms, key reader, cache cxfacade; hit, id new" for status in (200, 206, 304)
    }
    for status in ("200", "206", "304"):
        assert value_of(place.metrics, "requests", route="/interactions", status=status) == 1


def test_one_replay_in_64_is_timed_and_stands_for_all() -> None:
    place, ticks = Place(), count(1_000, 1 / 128)
    place.answered()
    place.replays.monotonic = lambda: next(ticks)
    timed = []
    for _ in range(130):
        assert place.response()
        timed.append(value_of(place.metrics, "request_duration_seconds", route="/interactions"))
    assert timed == [*[0] * 63, *[64] * 64, *[128] * 3]
    assert place.metrics.timing("request_duration_seconds", route="/interactions")._sum.get() == 1


PLAIN = ((b"host", b"localhost"), (b"accept", b"*/*"))


TRIED = [
    ((b"accept-encoding", b"gzip"), True),
    ((b"accept-encoding", b""), True),
    ((b"authorization", b"Bearer x"), True),
    ((b"x-api-key", b"x"), True),
    ((b"origin", b"https://app.example"), True),
    ((b"if-match", b"*"), True),
    ((b"if-none-match", b"*"), True),
    ((b"if-modified-since", b"Mon, 23 Nov 2026 06:40:00 GMT"), True),
    ((b"if-unmodified-since", b"Mon, 23 Nov 2026 06:40:00 GMT"), True),
    ((b"if-range", b'"tag"'), True),
    ((b"range", b"bytes=0-1"), True),
    ((b"user-agent", b"curl"), False),
    ((b"x-request-id", b"1"), False),
    ((b"cookie", b"a=b"), False),
    ((b"x-forwarded-host", b"elsewhere"), False),
]


@pytest.mark.parametrize(("more", "is_shaping"), TRIED)
def test_a_field_that_shapes_responses_is_in_the_key_and_a_harmless_one_is_not(
    more: tuple[bytes, bytes], is_shaping: bool
) -> None:
    plain = replay_key(b"GET", b"/", PLAIN, HERE)
    key = replay_key(b"GET", b"/", (*PLAIN, more), HERE)
    assert key is not None
    assert (key != plain) is is_shaping


def test_every_field_that_shapes_responses_was_tried() -> None:
    assert {name for (name, _), is_shaping in TRIED if is_shaping} | dict(PLAIN).keys() == SHAPING


@pytest.mark.parametrize(
    "fields",
    [
        (*PLAIN, (b"content-length", b"0")),
        (*PLAIN, (b"transfer-encoding", b"chunked")),
        (*PLAIN, (b"cache-control", b"max-age=5")),
        (*PLAIN, (b"pragma", b"no-cache")),
        (*PLAIN, (b"expect", b"100-continue")),
        (*PLAIN, (b"upgrade", b"h2c")),
        (*PLAIN, (b"x_api_key", b"k")),
        (*PLAIN, (b"nobody-knows", b"it")),
        (*PLAIN, (b"host", b"localhost")),
        (*PLAIN, (b"user-agent", b"a"), (b"user-agent", b"b")),
    ],
)
def test_fields_that_are_not_known_to_be_harmless_and_double_ones_go_the_ordinary_way(fields: Fields) -> None:
    assert replay_key(b"GET", b"/", fields, HERE) is None


@pytest.mark.parametrize("method", [b"POST", b"DELETE", b"OPTIONS", b"get"])
def test_nothing_but_reading_is_replayed(method: bytes) -> None:
    assert replay_key(method, b"/", PLAIN, HERE) is None


def test_method_target_and_the_address_reached_are_in_the_key() -> None:
    keys = {
        replay_key(method, target, PLAIN, address)
        for method in (b"GET", b"HEAD")
        for target in (b"/", b"/?a")
        for address in (
            HERE,
            BEHIND,
            Address.of("https", ("127.0.0.1", 8080), is_trusted=False),
            Address.of("http", ("192.0.2.1", 8080), is_trusted=False),
            Address.of("http", ("127.0.0.1", 8081), is_trusted=False),
        )
    }
    assert len(keys) == 20
    assert None not in keys


@pytest.mark.parametrize("name", [b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix"])
def test_what_a_trusted_proxy_says_is_in_the_key(name: bytes) -> None:
    keys = {replay_key(b"GET", b"/", (*PLAIN, (name, value)), BEHIND) for value in (b"a", b"b")}
    assert len(keys) == 2


def test_no_field_can_pass_for_another() -> None:
    apart = replay_key(b"GET", b"/", ((b"host", b"a"), (b"accept", b"b")), HERE)
    other = replay_key(b"GET", b"/", ((b"host", b"aaccept"), (b"accept", b"")), HERE)
    assert apart != other


def test_a_replay_holds_one_copy_of_its_body() -> None:
    place = Place()
    place.answered(body=b"x" * 1_000)
    [replay] = [
        stored.value
        for key in place.store._derived
        if (stored := place.store.get(key)) and isinstance(stored.value, Replay)
    ]
    assert replay.rest.endswith(b"x" * 1_000)
    assert len(replay.told) + len(replay.rest) < 1_900


def test_the_last_response_of_a_connection_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    place = dated(Place(), monkeypatch)
    place.answered()
    place.clock.advance(4)
    id_line = b"x-request-id: new\r\n"
    expected = RESPONSE.replace(id_line, id_line + b"connection: close\r\n")
    assert place.replays.response(KEY, None, is_last=True) == expected


def test_a_question_in_a_body_is_identical_by_its_bytes_and_type_alone() -> None:
    form = (b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"3")
    key = replay_key(b"QUERY", b"/", (*PLAIN, *form), HERE, b"a=1")
    assert key is not None
    others = [
        replay_key(b"POST", b"/", (*PLAIN, *form), HERE, b"a=1"),
        replay_key(b"QUERY", b"/", (*PLAIN, *form), HERE, b"a=2"),
        replay_key(b"QUERY", b"/", (*PLAIN, (b"content-type", b"text/plain"), form[1]), HERE, b"a=1"),
        replay_key(b"QUERY", b"/", (*PLAIN, *form), HERE, b"a=1\0accept\0b"),
        replay_key(b"QUERY", b"/", (*PLAIN, *form, (b"accept", b"b")), HERE, b"a=1"),
    ]
    assert len({key, *others}) == 6
    assert replay_key(b"GET", b"/", (*PLAIN, *form), HERE, b"a=1") is None
    assert replay_key(b"QUERY", b"/", PLAIN, HERE) is None
    assert replay_key(b"QUERY", b"/", (*PLAIN, *form, (b"transfer-encoding", b"chunked")), HERE, b"a=1") is None
