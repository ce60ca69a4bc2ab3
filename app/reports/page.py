"""What the service hands out: a report that was found, and a page of its rows."""

from dataclasses import dataclass, replace

from app.cache.stored import Stored
from app.reports.query import Cursor, InteractionQuery
from app.reports.report import Opened, Report
from app.reports.rules import Rules
from app.reports.select import Selection


@dataclass(frozen=True, slots=True)
class Found:
    """A report and how it was come by: `fetched` from upstream for this request, perhaps in another caller's flight.

    `kept`: the store holds it, so that a cursor can find it again.
    """

    opened: Opened
    stored: Stored[Report]
    fetched: bool = False
    kept: bool = True
    collapsed: bool = False
    upstream_seconds: float = 0.0

    @property
    def report(self) -> Report:
        """The report itself."""
        return self.opened.report

    def after(self, earlier: "Found | None", *, collapsed: bool) -> "Found":
        """This, found by a flight, with the facts of what this request had found before."""
        if earlier is None:
            return replace(self, collapsed=collapsed)
        return replace(
            self,
            fetched=self.fetched or earlier.fetched,
            collapsed=collapsed or earlier.collapsed,
            upstream_seconds=self.upstream_seconds + earlier.upstream_seconds,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one answer, where the next ones begin, and the report they are from.

    `total` rows match in all, None where that is not known. `truncated`: more match than this page and its followers
    can show.
    """

    selection: Selection
    next_cursor: Cursor | None
    total: int | None
    truncated: bool
    found: Found
    flatten_seconds: float


def page_of(query: InteractionQuery, found: Found, selection: Selection, rules: Rules, seconds: float) -> Page:
    """The page that `selection` makes; `seconds` is what selecting took."""
    report = found.report
    following = _following(query, report, selection, rules)
    range_asked = query.cursor or query.search
    cursor = None
    if following is not None and found.kept:
        cursor = Cursor(report.version, following, query.identity(), range_asked.start, range_asked.end)
    return Page(
        selection=selection,
        next_cursor=cursor,
        total=_total(query, report, selection, is_last=following is None),
        truncated=report.shifted or report.total > rules.most_rows or (following is not None and cursor is None),
        found=found,
        flatten_seconds=seconds,
    )


def _following(query: InteractionQuery, report: Report, selection: Selection, rules: Rules) -> int | None:
    """Where the next page begins: at the next row that matches, or, past a full page, where reading goes on."""
    is_full = len(selection.rows) == query.limit
    if selection.following is None and is_full and rules.is_readable(report):
        return report.rows
    return selection.following


def _total(query: InteractionQuery, report: Report, selection: Selection, *, is_last: bool) -> int | None:
    if report.shifted:
        return None
    if query.is_filtered_here():
        is_only = is_last and report.complete and not query.cursor and not query.offset
        return len(selection.rows) if is_only else None
    if report.complete:
        return report.rows
    return None if report.dropped else report.total
