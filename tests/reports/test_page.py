"""What the service hands out."""

from dataclasses import replace

from app.cache.stored import Stored
from app.reports.page import Found
from app.reports.report import Opened, Report
from app.upstream.query import UpstreamQuery
from tests.reports.support import NOW

REPORT = Report("v", NOW, UpstreamQuery(), None, simulated=False)
FOUND = Found(Opened(REPORT), Stored(REPORT, 1, 0.0, 15.0, 100.0))


def test_what_was_found_first_is_not_forgotten_over_what_was_found_next() -> None:
    first = replace(FOUND, fetched=True, upstream_seconds=0.5).after(None, collapsed=True)
    assert (first.fetched, first.collapsed, first.upstream_seconds) == (True, True, 0.5)
    then = replace(FOUND, kept=False, upstream_seconds=0.25).after(first, collapsed=False)
    assert (then.fetched, then.kept, then.collapsed, then.upstream_seconds) == (True, False, True, 0.75)


def test_what_is_found_in_the_store_is_kept_there_and_was_not_fetched() -> None:
    again = FOUND.after(FOUND, collapsed=False)
    assert (again.fetched, again.kept, again.collapsed, again.upstream_seconds) == (False, True, False, 0.0)
