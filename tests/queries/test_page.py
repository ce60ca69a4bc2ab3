"""What the service hands out."""

from dataclasses import replace
from typing import cast

import pytest

from app.cache.reuse import UNDIRECTED, Action, Decision, Directives
from app.cache.stored import PurgeToken, Stored
from app.errors import (
    CxfacadeError,
    InternalError,
    StillFetching,
    UpstreamAuth,
    UpstreamForbidden,
    UpstreamServerError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnknownTenant,
)
from app.interactions.masking import MASKED
from app.queries import fetch_plan as plans
from app.queries.fetch_plan import FetchPlan
from app.queries.page import FetchResult, Lookup, lookup_of
from app.queries.query import Search
from app.queries.snapshot import DecodedSnapshot, Snapshot
from app.upstream.client import UpstreamClient
from app.upstream.query import UpstreamQuery
from tests.queries.support import NOW, FakeUpstream, rules

REPORT = Snapshot("v", NOW, UpstreamQuery(), None, simulated=False)
STORED = Stored(REPORT, 1, stored_at=100.0, fresh_for=15.0, stale_for=100.0, revalidate_for=30.0)
FOUND = FetchResult(DecodedSnapshot(REPORT), STORED)
FRESH, STALE, WAITING, TOO_OLD = 110.0, 120.0, 146.0, 216.0
SERVE, REFRESH, REFUSE = Decision(Action.SERVE), Decision(Action.SERVE_AND_REFRESH), Decision(Action.REFUSE)


def plan(version: str | None = None) -> FetchPlan:
    return plans.of_search(Search(), MASKED, version, cast("UpstreamClient", FakeUpstream()), rules())


def lookup(
    now: float,
    directives: Directives = UNDIRECTED,
    *,
    stored: Stored[Snapshot] | None = STORED,
    version: str | None = None,
    is_enough: bool = True,
    has_failed: bool = False,
) -> Lookup:
    return lookup_of(
        plan(version),
        stored,
        now,
        directives,
        is_enough=is_enough,
        has_failed=lambda: has_failed,
        may_be_stale=lambda: True,
    )


def told(one: Lookup) -> tuple[Decision, str | None, bool]:
    assert (one.current is None) is (one.found() is None)
    return one.decision, one.detail, one.current is not None


# How a question stands.


def test_what_is_fresh_serves_and_says_nothing_of_staleness() -> None:
    assert told(lookup(FRESH)) == (SERVE, None, True)
    assert told(lookup(FRESH, has_failed=True)) == (SERVE, None, True)
    assert lookup(FRESH).may_be_refreshed
    assert lookup(FRESH).stored_at == STORED.stored_at


def test_what_is_stale_serves_and_says_whether_it_could_not_be_refreshed() -> None:
    assert told(lookup(STALE)) == (REFRESH, "stale-while-revalidate", True)
    assert told(lookup(STALE, has_failed=True)) == (REFRESH, "stale-if-error", True)
    assert told(lookup(WAITING)) == (
        Decision(Action.FETCH, "stale", stale_if_error=True),
        "stale-while-revalidate",
        False,
    )
    assert told(lookup(WAITING, has_failed=True)) == (REFRESH, "stale-if-error", True)
    found = lookup(STALE).found()
    assert found is not None
    assert (found.stored, found.detail, found.fetched) == (STORED, "stale-while-revalidate", False)


def test_what_is_stale_and_too_short_is_fetched_anew_rather_than_read_on() -> None:
    assert told(lookup(STALE, is_enough=False))[0] == Decision(Action.FETCH, "stale", stale_if_error=True)
    assert told(lookup(FRESH, is_enough=False)) == (SERVE, None, True)
    assert told(lookup(STALE, Directives(only_if_cached=True), is_enough=False))[0] == REFUSE


@pytest.mark.parametrize("directives", [UNDIRECTED, Directives(0.0, 0.0, 1000.0, only_if_cached=True)])
@pytest.mark.parametrize("is_enough", [True, False])
def test_a_cursor_is_answered_from_its_snapshot_whatever_the_client_says(
    directives: Directives, is_enough: bool
) -> None:
    for now, detail in ((FRESH, None), (STALE, "stale-snapshot")):
        one = lookup(now, directives, version="v", is_enough=is_enough, has_failed=True)
        assert told(one) == (SERVE, detail, True)
        assert not one.may_be_refreshed
    assert told(lookup(FRESH, directives, stored=None, version="v", is_enough=is_enough)) == (REFUSE, None, False)


def test_with_nothing_stored_there_is_nothing_to_find_and_no_version() -> None:
    one = lookup(FRESH, stored=None, is_enough=False)
    assert told(one) == (Decision(Action.FETCH, "uri-miss"), None, False)
    assert (one.stored_at, one.may_be_refreshed, one.covering(UpstreamTimeout(), FRESH)) == (None, False, None)


# What stands in for a fetch that failed.


COVERED = [
    UpstreamServerError(),
    UpstreamTimeout(),
    UpstreamThrottled(),
    UpstreamAuth(),
    StillFetching(),
    InternalError(),
]
UNCOVERED = [UpstreamForbidden(), UpstreamUnknownTenant()]


@pytest.mark.parametrize("error", [*COVERED, *UNCOVERED], ids=lambda error: error.code)
def test_what_is_stored_covers_what_may_pass_and_never_a_denial(error: CxfacadeError) -> None:
    covering = lookup(FRESH, Directives(max_age=5)).covering(error, FRESH)
    assert (covering is not None) is (error in COVERED)
    assert covering is None or (covering.detail, covering.stored, covering.fetched) == ("stale-if-error", STORED, False)


def test_what_has_grown_too_old_was_purged_or_is_too_short_covers_nothing() -> None:
    wanted = Directives(max_age=5)
    assert lookup(STALE, wanted).covering(UpstreamTimeout(), 215.0) is not None
    assert lookup(STALE, wanted).covering(UpstreamTimeout(), 215.1) is None
    assert lookup(TOO_OLD, wanted).covering(UpstreamTimeout(), TOO_OLD) is None
    assert lookup(STALE, wanted, is_enough=False).covering(UpstreamTimeout(), STALE) is None
    purged = replace(STORED, purge_token=PurgeToken())
    looked_at = lookup(STALE, wanted, stored=purged)
    purged.purge_token.purged = True
    assert looked_at.covering(UpstreamTimeout(), STALE) is None


# What was found, and what was found next.


def test_what_was_found_first_is_not_forgotten_over_what_was_found_next() -> None:
    first = replace(FOUND, fetched=True, fwd="request", collapsed=True, upstream_seconds=0.5)
    then = replace(FOUND, fetched=True, kept=False, upstream_seconds=0.25).after(first, collapsed=False)
    assert (then.fetched, then.kept, then.collapsed, then.upstream_seconds) == (True, False, True, 0.75)
    assert then.fwd == "request"


def test_reading_on_in_what_was_stored_is_a_request_for_the_rest_and_stays_as_stale() -> None:
    longer = replace(FOUND, fetched=True).after(replace(FOUND, detail="stale-snapshot"), collapsed=True)
    assert (longer.fwd, longer.detail, longer.collapsed) == ("partial", "stale-snapshot", True)


def test_what_is_found_in_the_store_is_kept_there_and_was_not_fetched() -> None:
    again = FOUND.after(FOUND, collapsed=False)
    assert (again.fetched, again.kept, again.collapsed, again.upstream_seconds) == (False, True, False, 0.0)
