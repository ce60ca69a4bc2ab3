"""The judge's arithmetic, on journals made by hand."""

from math import inf

import pytest

from app.simulator.clock import parse_time, stamp
from app.simulator.interaction import Sent
from app.simulator.state import Call
from tests.benchmarks.judge import Allowances, Judge
from tests.benchmarks.stretch import Verdict

NOON = parse_time("2026-11-18T12:00:00.000Z")
MINUTE = 60_000
HOUR = 60 * MINUTE


def row(
    name: str, *, version: int = 1, since: int = NOON - 2 * HOUR, event: int | None = None, is_open: bool = False
) -> Sent:
    """A row that started so many seconds before noon as the place of its first letter among all letters."""
    start, event = NOON - 1000 * ord(name[0]), since if event is None else event
    return Sent(name, stamp(start), version, stamp(since), stamp(event), is_open)


def call(minutes: float, *rows: Sent, kind: str = "list", limit: str = "100", value: str = "") -> Call:
    """A call that many minutes after noon, of the range of its rows, for a value of an attribute if there is one."""
    at, query = stamp(NOON + round(minutes * MINUTE)), [("limit", limit)]
    if rows:
        starts = [parse_time(one.start) for one in rows]
        query += [("start", stamp(min(starts))), ("end", stamp(max(starts) + 500))]
    if value:
        query.append(("attribute-value", value))
    return Call(1, "GET", "/", query, kind, "basic", status=200, at=at, rows=rows)


def judged(*calls: Call) -> Verdict:
    judge = Judge()
    judge.read(calls)
    return judge.verdict


def test_calls_and_rows_are_counted_and_rows_are_first_once() -> None:
    verdict = judged(
        call(0, row("a"), row("b")), call(1, row("b"), row("c")), call(2, limit="0"), call(3, kind="login")
    )
    assert (verdict.calls, verdict.counting) == (3, 1)
    assert (verdict.rows, verdict.first, verdict.versions) == (4, 3, 3)
    assert verdict.rows_per_row == pytest.approx(4 / 3)


def test_a_changed_row_is_another_version() -> None:
    first, second = row("a"), row("a", version=2, since=NOON + 1)
    verdict = judged(call(0, first), call(1, second), call(2, second))
    assert (verdict.first, verdict.changed, verdict.early, verdict.versions) == (1, 1, 1, 2)
    assert (verdict.rows_per_row, verdict.rows_per_version) == (3, 1.5)


def test_a_reading_past_its_allowance_is_due_and_one_before_it_is_early() -> None:
    ended = row("a", since=NOON - MINUTE)  # the first rung is due four minutes past noon
    verdict = judged(call(0, ended), call(3, ended), call(4, ended), call(5, ended))
    assert (verdict.first, verdict.early, verdict.due) == (1, 2, 1)
    assert verdict.readings_per_row == 3


def test_an_early_reading_does_not_put_off_the_next_that_is_due() -> None:
    opened = row("a", since=NOON, is_open=True)
    verdict = judged(*(call(minutes, opened) for minutes in (0, 0.5, 1, 1.5)))
    assert (verdict.early, verdict.due) == (2, 1)


def test_settled_rows_sent_again_are_counted_apart() -> None:
    settled, fresh = row("a"), row("b", since=NOON - MINUTE)
    verdict = judged(call(0, settled, fresh), call(1, settled, fresh), call(23 * 60, settled))
    assert (verdict.settled_again, verdict.settled_early) == (2, 1)
    assert (verdict.early, verdict.due) == (2, 1)


def test_settled_rows_have_a_cause_between_due_ones_and_for_another_question() -> None:
    settled, due, other = row("a"), row("b", since=NOON), row("c", since=NOON)
    first = call(0, due, settled, other, value="VIP")
    assert judged(first, call(5, due, settled, other, value="VIP")).uncaused == 0
    assert judged(first, call(5, due, other, settled, value="VIP")).uncaused == 1
    assert judged(first, call(1, settled)).uncaused == 0
    unneeded = judged(first, call(1, settled), call(2, settled), call(3, settled, value="VIP"))
    assert (unneeded.settled_early, unneeded.uncaused) == (3, 2)


def test_settled_rows_have_a_cause_where_another_question_alone_was_sent_them_since_they_were_due() -> None:
    settled, day = row("a"), 22 * 60  # due a day after its last event, which is 22 hours past noon
    first, vip = call(0, settled), call(day, settled, value="VIP")
    assert judged(first, vip, call(day + 1, settled)).uncaused == 0
    assert judged(first, vip, call(day + 1, settled), call(day + 2, settled)).uncaused == 1
    assert judged(first, call(day, settled), call(day + 1, settled)).uncaused == 1


def test_where_a_page_ended_the_next_begins_as_its_millisecond_may_hold_more() -> None:
    newest, last, older = row("a", since=NOON - 2 * HOUR), row("b", since=NOON - 3 * HOUR), row("c")
    page = call(0, newest, last, limit="2")
    assert judged(page, call(1, last, older)).uncaused == 0
    assert judged(page, call(1, last, older, value="VIP"), call(2, last, older, value="VIP")).uncaused == 2
    assert judged(page, call(1, newest, last)).uncaused == 2  # another row than the last one came first
    assert judged(call(0, newest, last), call(1, last, older)).uncaused == 1  # no page that went on


def test_the_newest_is_asked_for_alone_to_see_whether_it_still_is() -> None:
    newest, older = row("a"), row("b")
    page = call(0, newest, older)
    assert judged(page, call(1, newest, limit="1")).uncaused == 0
    assert judged(page, call(1, newest)).uncaused == 1
    assert judged(page, call(1, newest, limit="1"), call(2, newest, older)).uncaused == 2


def test_the_probe_asks_for_a_settled_row_by_its_own_times() -> None:
    settled = row("a")
    for milliseconds, uncaused in ((3, 0), (4, 1)):
        probing = call(1, settled)
        probing.query += [("start", stamp(NOON)), ("end", stamp(NOON + milliseconds))]
        assert judged(call(0, settled), probing).uncaused == uncaused


def test_rows_among_which_one_is_gone_were_read_to_find_it() -> None:
    newest, other, gone, settled = (row(name) for name in "abcd")
    first = call(0, newest, other, gone, settled)
    found = call(1, newest, other, settled)
    assert judged(first, found).uncaused == 0
    assert judged(first, found, call(2, newest, other, settled)).uncaused == 3  # it was gone already
    assert judged(first, call(1, newest, other, settled, limit="3")).uncaused == 0
    assert judged(first, call(1, newest, other, limit="2")).uncaused == 2  # the page ended above it
    vip = call(0, newest, other, gone, settled, value="VIP")
    assert judged(vip, found, call(2, newest, other, settled)).uncaused == 3  # nobody had been sent it without a value


def test_nothing_is_owed_of_a_row_that_is_gone() -> None:
    newest, gone, oldest = row("a"), row("b", since=NOON - MINUTE), row("c")
    for read_again, owed in ((call(1, newest, oldest), 0), (call(4.5, newest, oldest), 1)):
        judge = Judge()
        judge.read([call(0, newest, gone, oldest), read_again])
        judge.end(NOON + 12 * HOUR)
        assert (judge.verdict.owed, judge.verdict.late) == (owed, 0)


def test_early_rows_between_due_ones_are_told_from_those_above_and_below_them() -> None:
    due, other, last = row("a", since=NOON), row("b", since=NOON + MINUTE), row("c", since=NOON)
    verdict = judged(call(1, due, other, last), call(5, due, row("new"), other, last), call(5.5, due, other, last))
    assert (verdict.due, verdict.early, verdict.beside) == (2, 4, 1)
    assert verdict.readings_per_row == pytest.approx(7 / 4)
    assert judged(call(1, due, other, last), call(5, other, due, last)).beside == 0


def test_the_schedule_alone_owes_a_reading_at_each_due_time_however_often_a_row_is_sent() -> None:
    ended, judge = row("a", since=NOON), Judge()  # due after 5 minutes, an hour, a day and a week
    judge.read([call(0, ended), call(2, ended), call(6, ended), call(59, ended)])
    assert (judge.verdict.owed, judge.verdict.due, judge.verdict.early) == (1, 1, 2)
    judge.end(NOON + 25 * HOUR)
    assert judge.verdict.owed == 3
    assert judge.verdict.rechecks_per_owed == pytest.approx(1 / 3)
    assert judge.verdict.again_per_owed == 1


def test_a_row_is_late_a_quarter_of_its_allowance_and_a_poll_after_that_has_run_out() -> None:
    ended = row("a", since=NOON)  # due five minutes past noon, late from 7:15 on
    assert judged(call(0, ended), call(7.2, ended)).late == 0
    assert judged(call(0, ended), call(7.3, ended)).late == 1
    assert judged(call(0, ended), call(3, ended), call(6.6, ended)).late == 1  # a quarter of two minutes, and a poll


def test_a_row_that_was_sent_for_conditions_too_is_late_by_the_last_promise_of_any() -> None:
    ended = row("a", since=NOON - 4 * MINUTE)  # due a minute past noon, late from 2:15 on
    whole, vip = call(-4, ended), call(0, ended, value="VIP")
    assert judged(whole, call(3.2, ended)).late == 0  # a quarter of five minutes, and a poll
    assert judged(whole, vip, call(3.2, ended)).late == 0
    assert judged(whole, call(0, ended), call(3.2, ended)).late == 1
    assert judged(vip, call(3.2, ended)).late == 1
    assert judged(call(-4, ended, value="VIP"), call(0, ended), call(3.2, ended)).late == 1


def test_a_row_that_is_not_read_again_at_all_is_late_in_the_end() -> None:
    for minutes, late in ((7.2, 0), (7.3, 1)):
        judge = Judge()
        judge.read([call(0, row("a", since=NOON))])
        judge.end(NOON + round(minutes * MINUTE))
        assert judge.verdict.late == late


def test_a_change_that_the_row_does_not_tell_of_makes_nothing_due() -> None:
    flagged = row("a", since=NOON, event=NOON - 2 * HOUR)
    assert judged(call(0, flagged), call(7.3, flagged)).late == 0
    assert judged(call(0, flagged), call(7.3, flagged)).early == 1


def test_a_row_that_is_due_when_every_board_has_left_it_is_not_late() -> None:
    old, judge = row("a", since=NOON - 7 * 24 * HOUR + MINUTE), Judge()
    judge.read([call(0, old)])
    judge.end(NOON + 24 * HOUR)
    assert (judge.verdict.owed, judge.verdict.late) == (1, 0)


def test_an_empty_journal_has_figures_too() -> None:
    verdict = judged()
    assert (verdict.rows_per_row, verdict.rows_per_version, verdict.readings_per_row) == (0, 0, 0)


@pytest.mark.parametrize(
    ("since", "is_open", "due"),
    [
        (NOON, True, NOON + MINUTE),
        (NOON - 4 * MINUTE, True, NOON + 2 * MINUTE),
        (NOON, False, NOON + 5 * MINUTE),
        (NOON - 5 * MINUTE, False, NOON + 55 * MINUTE),
        (NOON - 2 * HOUR, False, NOON + 22 * HOUR),
        (NOON - 8 * 24 * HOUR, False, inf),
    ],
)
def test_allowances_are_those_of_the_schedule(since: int, is_open: bool, due: float) -> None:
    assert Allowances().due(row("a", since=since, is_open=is_open), NOON) == due
