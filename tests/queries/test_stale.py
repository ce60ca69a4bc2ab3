"""The spine past freshness: what is served at once, what is refreshed behind, and what is waited for."""

import asyncio
import math

import pytest

from app.cache.reuse import Directives
from app.errors import (
    CursorExpired,
    NotFound,
    NotStored,
    StillFetching,
    UpstreamError,
    UpstreamForbidden,
    UpstreamServerError,
    UpstreamTimeout,
    UpstreamUnknownTenant,
)
from app.queries.page import FetchResult
from app.queries.query import Search
from app.queries.snapshot_store import snapshot_key
from tests.queries.support import (
    REVALIDATE_SECONDS,
    STALE_SECONDS,
    Desk,
    desk,
    identity,
    interaction,
    interactions,
    numbers,
    query,
)

FRESH_SECONDS = 15.0
WAITING = FRESH_SECONDS + REVALIDATE_SECONDS + 1  # seconds after which a client waits for the refresh
CACHED = Directives(only_if_cached=True)
OTHER = query(search=Search(contact_id="another"))


def told(found: FetchResult) -> tuple[bool, str | None]:
    return found.fetched, found.fwd if found.fetched else found.detail


async def stocked(count: int = 30, *, aged: float = FRESH_SECONDS + 1, cache_bytes: int = 10_000_000) -> Desk:
    """A desk that has answered the plain query once, so many seconds ago; a newer row has come in since."""
    at = desk(interactions(count), cache_bytes=cache_bytes)
    await at.page(query())
    at.upstream.rows.insert(0, interaction(900, hours_ago=1))
    at.upstream.called.clear()
    at.clock.advance(aged)
    return at


# Stale at once, refreshed behind.


async def test_stale_is_served_while_upstream_is_silent_and_many_requests_set_off_one_refresh() -> None:
    at = await stocked()
    at.upstream.open_gate.clear()
    for _ in range(20):
        page = await at.page(query())
        assert (numbers(page)[0], told(page.found)) == (0, (False, "stale-while-revalidate"))
    await at.upstream.called.wait()
    at.upstream.open_gate.set()
    await at.completed()
    assert at.upstream.calls == 2
    page = await at.page(query())
    assert (numbers(page)[0], told(page.found)) == (900, (False, None))
    assert page.found.stored.age(at.clock.monotonic) == 0


async def test_a_refresh_reads_as_far_as_the_request_that_set_it_off() -> None:
    at = await stocked(1500)
    await at.page(query(limit=40))
    await at.completed()
    assert at.upstream.spans == [(0, 100), (0, 100)]


async def test_a_client_who_leaves_does_not_stop_the_refresh() -> None:
    at = await stocked()
    at.upstream.open_gate.clear()
    client = asyncio.create_task(at.page(query(), Directives(max_age=5)))
    await at.upstream.called.wait()
    client.cancel()
    await asyncio.wait({client})
    at.upstream.open_gate.set()
    await at.completed()
    assert numbers(await at.page(query()))[0] == 900
    assert at.upstream.calls == 2


async def test_closing_ends_a_refresh_that_is_under_way_and_starts_no_other() -> None:
    at = await stocked()
    at.upstream.open_gate.clear()
    await at.page(query())
    await at.upstream.called.wait()
    await at.flights.aclose()
    assert len(at.flights) == 0
    assert at.look(query()).current is not None
    assert (len(at.flights), len(at.upstream.asked)) == (0, 2)


async def test_a_report_whose_newer_one_is_too_large_to_keep_is_not_refreshed_in_vain_again_and_again() -> None:
    at = await stocked(cache_bytes=500_000)
    at.upstream.rows = interactions(1500)
    await at.page(query(limit=900))
    await at.completed()
    page = await at.page(query())
    assert (told(page.found), page.found.kept) == ((True, "uri-miss"), True)


# Past the window: waited for.


@pytest.mark.parametrize(("aged", "at_once"), [(WAITING - 1, True), (WAITING, False), (FRESH_SECONDS + 80_000, False)])
async def test_past_the_window_a_client_waits_for_the_refresh(aged: float, at_once: bool) -> None:
    at = await stocked(aged=min(aged, FRESH_SECONDS + STALE_SECONDS))
    page = await at.page(query())
    served = (False, "stale-while-revalidate") if at_once else (True, "stale")
    assert (numbers(page)[0], told(page.found)) == (0 if at_once else 900, served)
    await at.completed()
    assert at.upstream.calls == 2


async def test_what_was_empty_is_not_told_again_and_again_to_a_client_who_asks_seldom() -> None:
    at = desk()
    assert numbers(await at.page(query())) == []
    at.upstream.rows.append(interaction(1))
    at.clock.advance(100)
    assert numbers(await at.page(query())) == [1]


async def test_all_who_wait_for_the_refresh_share_it_with_the_one_set_off_before() -> None:
    at = await stocked()
    at.upstream.open_gate.clear()
    assert told((await at.page(query())).found) == (False, "stale-while-revalidate")
    at.clock.advance(REVALIDATE_SECONDS)
    waiting = [asyncio.create_task(at.page(query())) for _ in range(5)]
    await at.clock.asleep(5)
    at.upstream.open_gate.set()
    pages = await asyncio.gather(*waiting)
    assert {(numbers(page)[0], told(page.found), page.found.collapsed) for page in pages} == {
        (900, (True, "stale"), True)
    }
    assert at.upstream.calls == 2


@pytest.mark.parametrize("failure", [UpstreamServerError("down"), UpstreamTimeout("slow"), ZeroDivisionError("a bug")])
async def test_a_refresh_that_fails_is_covered_and_while_that_is_remembered_nobody_waits(failure: Exception) -> None:
    at = await stocked(aged=WAITING)
    at.upstream.failure = failure
    for _ in range(4):
        assert told((await at.page(query())).found) == (False, "stale-if-error")
        assert told((await at.page(query(), CACHED)).found) == (False, "stale-if-error")
    assert len(at.upstream.asked) == 2
    at.upstream.failure = None
    at.clock.advance(6)
    assert told((await at.page(query())).found) == (True, "stale")


async def test_nobody_waits_for_an_upstream_that_would_be_sent_nothing_now() -> None:
    at = await stocked(aged=WAITING)
    at.upstream.is_blocked = True
    for directives in (Directives(), CACHED):
        assert told((await at.page(query(), directives)).found) == (False, "stale-if-error")
    await at.completed()
    assert at.upstream.calls == 1


@pytest.mark.parametrize("count", [30, 1500])
async def test_a_refresh_that_takes_longer_than_the_wait_is_covered_however_many_rows_that_takes(count: int) -> None:
    at = await stocked(count)
    await at.page(query(limit=1000), Directives(max_age=0))
    at.clock.advance(WAITING)
    at.upstream.open_gate.clear()
    waiting = asyncio.create_task(at.page(query(limit=1000)))
    await at.clock.asleep()
    at.clock.advance(10)
    page = await waiting
    assert (len(numbers(page)), told(page.found)) == (min(count + 1, 1000), (False, "stale-if-error"))
    at.upstream.open_gate.set()
    await at.completed()
    assert told((await at.page(query())).found) == (False, None)


async def test_a_denial_is_told_to_a_client_who_waited() -> None:
    at = await stocked(aged=WAITING)
    at.upstream.failure = UpstreamForbidden("denied")
    with pytest.raises(UpstreamForbidden):
        await at.page(query())
    assert len(at.store) == 0


async def test_refused_credentials_are_covered_for_five_minutes_also_where_a_client_waits() -> None:
    at = await stocked(aged=WAITING)
    at.upstream.failure = UpstreamServerError("refused")
    at.upstream.refused_for = 300.0
    assert told((await at.page(query())).found) == (False, "stale-if-error")
    at.clock.advance(6)
    at.upstream.refused_for = 300.1
    with pytest.raises(UpstreamServerError):
        await at.page(query())


async def test_refused_credentials_are_covered_for_five_minutes_also_where_a_client_wants_it_newer() -> None:
    at = await stocked(aged=FRESH_SECONDS - 5)
    newer = Directives(max_age=5)
    at.upstream.failure = UpstreamServerError("refused")
    at.upstream.refused_for = 300.0
    assert told((await at.page(query(), newer)).found) == (False, "stale-if-error")
    at.clock.advance(3)
    at.upstream.refused_for = 300.1
    with pytest.raises(UpstreamServerError):
        await at.page(query(), newer)
    assert told((await at.page(query())).found) == (False, None)


# One wait in all.


async def test_a_client_who_has_waited_for_the_time_zone_waits_for_the_rows_only_for_the_rest() -> None:
    at = desk(interactions(5))
    at.upstream.open_gate.clear()
    deadline = at.queries.deadline()
    zone = asyncio.create_task(at.queries.zone.get(deadline))
    await at.clock.asleep()
    at.clock.advance(6)
    at.upstream.open_gate.set()
    await zone
    at.upstream.open_gate.clear()
    rows = asyncio.create_task(at.queries.page(query(), at.look(query(), deadline=deadline)))
    await at.clock.asleep()
    at.clock.advance(3.9)
    await asyncio.sleep(0)
    assert not rows.done()
    at.clock.advance(0.2)
    with pytest.raises(StillFetching):
        await rows
    at.upstream.open_gate.set()
    await at.completed()


# Early.


@pytest.mark.parametrize(("left", "dice", "early"), [(1.0, math.exp(-2), True), (1.1, math.exp(-2), False)])
async def test_a_fresh_report_is_refreshed_early_by_chance_and_served_as_a_plain_hit(
    left: float, dice: float, early: bool
) -> None:
    """Fetching took half a second, so that dice at e⁻² reach one second before the end."""
    at = await stocked(aged=FRESH_SECONDS - left)
    at.queries.random = lambda: dice
    for _ in range(2):
        assert told((await at.page(query())).found) == (False, None)
    await at.completed()
    assert at.upstream.calls == (2 if early else 1)
    assert numbers(await at.page(query()))[0] == (900 if early else 0)


async def test_an_early_refresh_that_fails_harms_nobody_and_is_not_told() -> None:
    at = await stocked(aged=FRESH_SECONDS - 1)
    at.queries.random, at.upstream.failure = (lambda: 0.0), UpstreamServerError("down")
    for _ in range(3):
        assert told((await at.page(query())).found) == (False, None)
        await at.completed()
    assert len(at.upstream.asked) == 2


# When the refresh fails.


async def test_stale_goes_on_while_refreshes_fail_one_a_second_and_says_so_while_the_failure_is_remembered() -> None:
    at = await stocked()
    at.upstream.failure = UpstreamServerError("down")
    for attempt in range(1, 4):
        assert told((await at.page(query())).found) == (False, "stale-while-revalidate")
        await at.completed()
        for _ in range(5):
            assert told((await at.page(query())).found) == (False, "stale-if-error")
        at.clock.advance(0.9)
        assert told((await at.page(query())).found) == (False, "stale-if-error")
        await at.completed()
        assert len(at.upstream.asked) == 1 + attempt
        at.clock.advance(0.1)
    at.upstream.failure = None
    await at.page(query())
    await at.completed()
    assert numbers(await at.page(query()))[0] == 900


async def test_a_bug_met_while_refreshing_is_not_met_again_by_every_request(caplog: pytest.LogCaptureFixture) -> None:
    at = await stocked()
    at.upstream.failure = ZeroDivisionError("a bug")
    for _ in range(5):
        assert numbers(await at.page(query()))[0] == 0
        await at.completed()
    assert (len(at.upstream.asked), len(caplog.records)) == (2, 1)


async def test_stale_ends_at_its_bound_then_the_failure_is_told() -> None:
    at = await stocked(aged=FRESH_SECONDS + STALE_SECONDS)
    at.upstream.failure = UpstreamServerError("down")
    assert told((await at.page(query())).found) == (False, "stale-if-error")
    at.clock.advance(1)
    with pytest.raises(UpstreamServerError):
        await at.page(query())
    at.clock.advance(1)
    at.upstream.failure = None
    page = await at.page(query())
    assert (numbers(page)[0], told(page.found)) == (900, (True, "uri-miss"))


async def test_what_upstream_denies_is_served_once_more_and_then_no_more_whatever_was_asked() -> None:
    at = await stocked()
    await at.page(OTHER)
    second = query(cursor=(await at.page(query(limit=10))).next_cursor)
    await at.completed()
    at.clock.advance(FRESH_SECONDS + 1)
    at.upstream.failure = UpstreamForbidden("denied")
    assert told((await at.page(query())).found) == (False, "stale-while-revalidate")
    await at.completed()
    for _ in range(2):
        with pytest.raises(UpstreamForbidden):
            await at.page(query())
        with pytest.raises(UpstreamForbidden):
            await at.page(OTHER)
        with pytest.raises(CursorExpired):
            await at.page(second)
        at.clock.advance(61)
    assert len(at.store) == 0


async def test_a_tenant_that_upstream_does_not_know_for_a_while_costs_only_the_question_that_met_it() -> None:
    at = await stocked()
    await at.page(OTHER)
    at.upstream.failure = UpstreamUnknownTenant("unknown")
    await at.page(query())
    await at.completed()
    for _ in range(2):
        with pytest.raises(UpstreamUnknownTenant):
            await at.page(query())
        at.clock.advance(11)
    assert told((await at.page(OTHER)).found) == (False, "stale-while-revalidate")
    await at.completed()


async def test_one_interaction_denied_takes_nothing_else_away() -> None:
    at = await stocked(aged=0)
    await at.interaction(identity(1))
    at.upstream.failure = UpstreamForbidden("denied")
    with pytest.raises(UpstreamForbidden):
        await at.interaction(identity(2))
    assert told((await at.page(query())).found) == (False, None)
    at.clock.advance(86_400)
    await at.interaction(identity(1))
    await at.completed()
    with pytest.raises(UpstreamForbidden):
        await at.interaction(identity(1))


# What a client says.


async def test_a_client_who_wants_it_newer_waits_for_a_new_one() -> None:
    at = await stocked(aged=10)
    page = await at.page(query(), Directives(max_age=10))
    assert (numbers(page)[0], told(page.found)) == (0, (False, None))
    page = await at.page(query(), Directives(max_age=9))
    assert (numbers(page)[0], told(page.found)) == (900, (True, "request"))
    assert at.upstream.calls == 2


async def test_a_client_who_wants_it_newer_joins_the_refresh_that_is_under_way() -> None:
    at = await stocked()
    at.upstream.open_gate.clear()
    await at.page(query())
    waiting = asyncio.create_task(at.page(query(), Directives(max_age=5)))
    await at.clock.asleep()
    at.upstream.open_gate.set()
    page = await waiting
    assert (numbers(page)[0], told(page.found), page.found.collapsed) == (900, (True, "stale"), True)
    assert at.upstream.calls == 2


@pytest.mark.parametrize("aged", [10.0, FRESH_SECONDS + 1])
async def test_a_client_who_wants_it_newer_has_the_stored_one_when_upstream_fails(aged: float) -> None:
    at = await stocked(aged=aged)
    at.upstream.failure = UpstreamServerError("down")
    for _ in range(2):
        page = await at.page(query(), Directives(max_age=5))
        assert (numbers(page)[0], told(page.found)) == (0, (False, "stale-if-error"))
    assert len(at.upstream.asked) == 2


async def test_a_client_who_wants_it_newer_has_the_stored_one_when_its_wait_is_over() -> None:
    at = await stocked()
    at.upstream.open_gate.clear()
    waiting = asyncio.create_task(at.page(query(), Directives(max_age=5)))
    await at.clock.asleep()
    at.clock.advance(10)
    page = await waiting
    assert (numbers(page)[0], told(page.found)) == (0, (False, "stale-if-error"))
    at.upstream.open_gate.set()
    await at.completed()
    assert numbers(await at.page(query()))[0] == 900


async def test_what_becomes_too_old_during_the_wait_is_not_served_after_it() -> None:
    at = await stocked(aged=FRESH_SECONDS + STALE_SECONDS - 5)
    at.upstream.open_gate.clear()
    waiting = asyncio.create_task(at.page(query(), Directives(max_age=5)))
    await at.clock.asleep()
    at.clock.advance(10)
    with pytest.raises(StillFetching):
        await waiting
    await at.flights.aclose()


async def test_a_denial_is_told_to_a_client_who_wants_it_newer() -> None:
    at = await stocked(aged=10)
    at.upstream.failure = UpstreamForbidden("denied")
    with pytest.raises(UpstreamForbidden):
        await at.page(query(), Directives(max_age=5))
    assert len(at.store) == 0


@pytest.mark.parametrize(
    ("directives", "aged", "fwd"),
    [
        (Directives(min_fresh=5), 10.0, None),
        (Directives(min_fresh=5.1), 10.0, "request"),
        (Directives(min_fresh=0), FRESH_SECONDS + 1, "stale"),
        (Directives(max_stale=1), FRESH_SECONDS + 1, "stale-while-revalidate"),
        (Directives(max_stale=0.9), FRESH_SECONDS + 1, "stale"),
        (Directives(max_stale=math.inf), FRESH_SECONDS + STALE_SECONDS, "stale-while-revalidate"),
        (Directives(max_stale=math.inf), FRESH_SECONDS + STALE_SECONDS + 1, "uri-miss"),
        (Directives(max_age=100), FRESH_SECONDS + 1, "stale"),
        (Directives(max_age=100, max_stale=5), FRESH_SECONDS + 1, "stale-while-revalidate"),
    ],
)
async def test_directives_decide_between_what_is_stored_and_what_is_new(
    directives: Directives, aged: float, fwd: str | None
) -> None:
    at = await stocked(aged=aged)
    page = await at.page(query(), directives)
    is_stored = fwd in (None, "stale-while-revalidate")
    assert (numbers(page)[0], told(page.found)) == (0 if is_stored else 900, (not is_stored, fwd))
    await at.completed()


async def test_only_if_cached_asks_upstream_for_nothing_it_would_wait_for() -> None:
    at = await stocked(1500, aged=10)
    with pytest.raises(NotStored):
        await at.page(OTHER, CACHED)
    with pytest.raises(NotStored):
        await at.interaction(identity(1), directives=CACHED)
    first = await at.page(query(limit=60), CACHED)
    with pytest.raises(NotStored):
        await at.page(query(limit=101), CACHED)
    with pytest.raises(NotStored):
        await at.page(query(limit=60, cursor=first.next_cursor), CACHED)
    assert at.upstream.calls == 1
    at.clock.advance(10)
    assert told((await at.page(query(), CACHED)).found) == (False, "stale-while-revalidate")
    await at.completed()
    assert at.upstream.calls == 2


# Snapshots.


async def test_a_cursor_is_answered_from_its_stale_snapshot_and_nothing_is_refreshed_for_it() -> None:
    at = await stocked(90)
    first = await at.page(query(limit=10), Directives(max_stale=math.inf))
    await at.completed()
    for directives in (Directives(max_age=0, min_fresh=1000), CACHED):
        second = await at.page(query(limit=10, cursor=first.next_cursor), directives)
        assert (numbers(second), told(second.found)) == (list(range(10, 20)), (False, "stale-snapshot"))
    assert (len(at.flights), at.upstream.calls) == (0, 2)


async def test_a_walk_reads_on_in_its_stale_snapshot_which_grows_no_younger() -> None:
    at = await stocked(250)
    first = await at.page(query(limit=90))
    await at.completed()
    second = await at.page(query(limit=90, cursor=first.next_cursor))
    assert (numbers(second), told(second.found)) == (list(range(90, 180)), (True, "partial"))
    assert second.found.detail == "stale-snapshot"
    assert second.found.stored.age(at.clock.monotonic) == FRESH_SECONDS + 1
    assert numbers(await at.page(query()))[0] == 900, "the newer report stays the current one"


async def test_a_stale_report_that_is_too_short_is_not_read_on_where_a_new_one_would_do() -> None:
    at = await stocked(250)
    page = await at.page(query(limit=50, offset=100))
    assert (numbers(page)[0], told(page.found)) == (99, (True, "stale"))
    assert at.upstream.spans == [(0, 100), (0, 251)]


async def test_a_stale_report_that_is_too_short_covers_no_failure() -> None:
    at = await stocked(250)
    at.upstream.failure = UpstreamServerError("down")
    with pytest.raises(UpstreamServerError):
        await at.page(query(limit=50, offset=100))
    assert len(at.upstream.asked) == 2


async def test_a_question_whose_snapshot_is_gone_is_fetched_though_its_newest_version_is_known() -> None:
    at = await stocked()
    stale = at.look(query(), CACHED).stored
    await at.completed()
    for one in (stale, at.look(query()).stored):
        assert one is not None
        at.store.delete(snapshot_key(at.queries.planner.plan(query()), one.value.version))
    assert len(at.store) == 1
    page = await at.page(query())
    assert (numbers(page)[0], told(page.found)) == (900, (True, "uri-miss"))


# One interaction.


async def test_that_an_interaction_is_unknown_is_never_told_stale_as_a_problem_could_not_say_so() -> None:
    at = desk()
    with pytest.raises(NotFound):
        await at.interaction(identity(1))
    at.upstream.rows.append(interaction(1))
    at.clock.advance(61)
    one, found = await at.interaction(identity(1))
    assert (one.interaction.interaction_id, told(found)) == (identity(1), (True, "uri-miss"))
    assert at.upstream.single == [identity(1)] * 2


async def test_an_interaction_that_upstream_no_longer_knows_is_forgotten_with_all_that_was_said_of_it() -> None:
    at = desk([interaction(1, hours_ago=0.1)])
    await at.interaction(identity(1))
    del at.upstream.rows[:]
    at.clock.advance(FRESH_SECONDS + 1)
    _, found = await at.interaction(identity(1))
    assert told(found) == (False, "stale-while-revalidate")
    assert len(at.store) == 2, "the snapshot, and which one is the newest"
    await at.completed()
    with pytest.raises(NotFound):
        await at.interaction(identity(1))
    assert len(at.store) == 2
    assert found.stored.purge_token.purged


@pytest.mark.parametrize("failure", [UpstreamServerError("down"), UpstreamTimeout("slow")])
async def test_an_interaction_goes_on_stale_while_upstream_fails(failure: UpstreamError) -> None:
    at = desk([interaction(1, hours_ago=0.1)])
    await at.interaction(identity(1))
    at.upstream.failure = failure
    at.clock.advance(FRESH_SECONDS + 1)
    for detail in ("stale-while-revalidate", "stale-if-error"):
        _, found = await at.interaction(identity(1))
        assert told(found) == (False, detail)
        await at.completed()
    _, found = await at.interaction(identity(1), directives=Directives(max_age=5))
    assert told(found) == (False, "stale-if-error")
