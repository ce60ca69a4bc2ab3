"""Where reports are kept, and how the current one is found."""

from dataclasses import replace
from typing import cast
from zoneinfo import ZoneInfo

from app.cache.store import MemoryStore
from app.holdings.packing import Sums
from app.interactions.masking import MASKED
from app.queries import fetch_plan as plans
from app.queries.fetch_plan import FetchPlan
from app.queries.query import Search
from app.queries.snapshot import Snapshot
from app.queries.snapshot_store import SnapshotStore, snapshot_key
from app.upstream.client import UpstreamClient
from app.upstream.query import UpstreamQuery
from tests.queries.support import NOW, FakeUpstream, identity, rules
from tests.support.clock import HandClock

STALE_SECONDS = 100.0
FEW, MANY = (frozenset(map(identity, range(count))) for count in (50, 100))
REPORT = Snapshot("v1", NOW, UpstreamQuery(), None, simulated=False, rows=1, sums=Sums(last_event_at=NOW))


def shelf(clock: HandClock, cache_bytes: int = 100_000) -> tuple[SnapshotStore, MemoryStore]:
    store = MemoryStore(cache_bytes, lambda: clock.monotonic)
    return SnapshotStore(store, STALE_SECONDS), store


def plan(version: str | None = None) -> FetchPlan:
    return plans.of_search(Search(), MASKED, version, cast("UpstreamClient", FakeUpstream()), rules())


def test_a_kept_report_is_current_fresh_or_stale_until_it_is_too_old() -> None:
    clock = HandClock()
    snapshots, _ = shelf(clock)
    assert snapshots.current(plan()) is None
    stored, kept = snapshots.keep(plan(), REPORT, clock.monotonic)
    assert kept
    assert (stored.fresh_for, stored.stale_for, stored.size) == (15, STALE_SECONDS, REPORT.size)
    clock.advance(15 + STALE_SECONDS)
    assert snapshots.current(plan()) == stored
    clock.advance(0.1)
    assert snapshots.current(plan()) is None


def test_a_pinned_question_finds_its_snapshot_as_long_as_it_is_kept() -> None:
    clock = HandClock()
    snapshots, _ = shelf(clock)
    snapshots.keep(plan(), REPORT, clock.monotonic)
    clock.advance(15 + STALE_SECONDS)
    pinned = snapshots.current(plan("v1"))
    assert pinned is not None
    assert pinned.value == REPORT
    assert snapshots.current(plan("v2")) is None
    clock.advance(1)
    assert snapshots.current(plan("v1")) is None


def test_a_newer_snapshot_is_current_and_the_older_one_stays_for_those_who_walk_through_it() -> None:
    clock = HandClock()
    snapshots, _ = shelf(clock)
    snapshots.keep(plan(), REPORT, clock.monotonic)
    clock.advance(1)
    newer = replace(REPORT, version="v2")
    snapshots.keep(plan(), newer, clock.monotonic)
    current, older = snapshots.current(plan()), snapshots.current(plan("v1"))
    assert current is not None
    assert current.value == newer
    assert older is not None
    assert older.value == REPORT


def test_what_a_window_leaves_behind_as_it_moves_makes_room_for_answers_that_are_asked_for() -> None:
    """What is held is composed anew without a call; what was read whole is not, and stays."""
    left, answers = dict[float | None, int](), [b"answer %d" % number for number in range(30)]
    for fresh_seconds in (15.0, None):
        clock = HandClock()
        snapshots, store = shelf(clock, 1_000_000)
        moving = replace(REPORT, fresh_seconds=fresh_seconds, mismatched=FEW)
        first, _ = snapshots.keep(plan(), moving, clock.monotonic)
        for answer in answers:
            store.put(answer, first.holding("answer", 9_000), kind="derived")
        for number in range(300):
            window = replace(plan(), key=b"window %d" % number)
            _, kept = snapshots.keep(window, replace(moving, version=f"v{number}"), clock.monotonic)
            assert kept
            left[fresh_seconds] = sum(store.get(answer) is not None for answer in answers)
    assert left[15.0] == len(answers)
    assert left[None] < len(answers) / 2


def test_an_older_snapshot_that_grows_late_does_not_become_current_again() -> None:
    clock = HandClock()
    snapshots, _ = shelf(clock)
    first = clock.monotonic
    snapshots.keep(plan(), REPORT, first)
    clock.advance(1)
    snapshots.keep(plan(), replace(REPORT, version="v2"), clock.monotonic)
    _, kept = snapshots.keep(plan(), replace(REPORT, offset=1000), first)
    assert kept
    current = snapshots.current(plan())
    assert current is not None
    assert current.value.version == "v2"


def test_a_snapshot_that_a_pinned_walk_found_to_be_open_is_no_longer_fresh_for_a_day() -> None:
    clock = HandClock()
    snapshots, _ = shelf(clock)
    settled = plans.of_search(
        Search(end=NOW.replace(year=2025)), MASKED, None, cast("UpstreamClient", FakeUpstream()), rules()
    )
    stored, _ = snapshots.keep(
        settled, replace(REPORT, sums=Sums(last_event_at=NOW.replace(year=2025))), clock.monotonic
    )
    assert stored.fresh_for == 86_400
    pinned = replace(settled, version="v1")
    snapshots.keep(pinned, replace(REPORT, sums=Sums(last_event_at=NOW, all_final=False)), clock.monotonic)
    current = snapshots.current(settled)
    assert current is not None
    assert current.fresh_for == 15


def test_a_report_that_the_store_does_not_take_is_handed_back_all_the_same() -> None:
    clock = HandClock()
    snapshots, store = shelf(clock, cache_bytes=1000)
    stored, kept = snapshots.keep(plan(), replace(REPORT, mismatched=MANY), clock.monotonic)
    assert not kept
    assert stored.value.mismatched == MANY
    assert len(store) == 0
    assert snapshots.current(plan()) is None


def test_what_is_left_of_an_evicted_report_is_no_report() -> None:
    clock = HandClock()
    snapshots, store = shelf(clock)
    snapshots.keep(plan(), REPORT, clock.monotonic)
    store.delete(snapshot_key(plan(), "v1"))
    assert len(store) == 1
    assert snapshots.current(plan()) is None


def test_a_newer_report_that_the_store_does_not_take_leaves_no_older_one_current_but_leaves_its_snapshot() -> None:
    clock = HandClock()
    snapshots, _ = shelf(clock, cache_bytes=20_000)
    snapshots.keep(plan(), REPORT, clock.monotonic)
    clock.advance(1)
    _, kept = snapshots.keep(plan(), replace(REPORT, version="v2", mismatched=MANY), clock.monotonic)
    assert not kept
    assert snapshots.current(plan()) is None
    assert snapshots.current(plan("v1")) is not None


def test_a_report_that_grows_too_large_to_be_kept_leaves_the_shorter_one_current() -> None:
    clock = HandClock()
    snapshots, _ = shelf(clock, cache_bytes=20_000)
    snapshots.keep(plan(), REPORT, clock.monotonic)
    _, kept = snapshots.keep(plan(), replace(REPORT, mismatched=MANY), clock.monotonic)
    assert not kept
    current = snapshots.current(plan())
    assert current is not None
    assert current.value == REPORT


def test_the_token_of_older_facts_tells_that_newer_ones_answer_the_question() -> None:
    clock = HandClock()
    snapshots = SnapshotStore(MemoryStore(20_000, lambda: clock.monotonic), STALE_SECONDS)
    first, _ = snapshots.keep(plan(), REPORT, clock.monotonic)
    clock.advance(1)
    too_large = replace(REPORT, version="v2", mismatched=MANY)
    second, kept = snapshots.keep(plan(), too_large, clock.monotonic)
    assert not kept
    late, _ = snapshots.keep(plan(), replace(REPORT, version="v3"), clock.monotonic)
    assert [one.purge_token.superseded for one in (first, second, late)] == [True, True, False]


def test_facts_that_come_behind_newer_ones_are_superseded_from_the_start() -> None:
    clock = HandClock()
    snapshots = SnapshotStore(MemoryStore(200_000, lambda: clock.monotonic), STALE_SECONDS)
    began = clock.monotonic
    clock.advance(1)
    newer, _ = snapshots.keep(plan(), replace(REPORT, version="v2"), clock.monotonic)
    older, _ = snapshots.keep(plan(), REPORT, began)
    assert (newer.purge_token.superseded, older.purge_token.superseded) == (False, True)


def test_what_was_kept_of_an_interaction_goes_when_upstream_no_longer_knows_it() -> None:
    async def time_zone() -> ZoneInfo:
        return ZoneInfo("UTC")

    clock = HandClock()
    snapshots, store = shelf(clock)
    client = cast("UpstreamClient", FakeUpstream())
    one, other = (plans.of_interaction(identity(number), client, rules(), time_zone) for number in (1, 2))
    for known in (one, other):
        snapshots.keep(known, REPORT, clock.monotonic)
    clock.advance(1)
    nothing = replace(REPORT, version="v2", rows=0, sums=Sums())
    purge_token = snapshots.begun(one)
    stored, kept = snapshots.keep(one, nothing, clock.monotonic, purge_token)
    assert (kept, snapshots.current(one), snapshots.snapshot(one, "v1")) == (True, stored, None)
    assert snapshots.current(other) is not None
    assert len(store) == 4
