"""Circuit breaker, gate and window: when calls are stopped, and how they begin again."""

import pytest

from app.errors import Verdict
from app.upstream.access import Limits
from app.upstream.breaker import Breaker, Gate, Window
from tests.support.clock import HandClock


class Circuit:
    """A breaker and its clock."""

    def __init__(self, random: float = 0.5) -> None:
        self.hand = HandClock()
        self.breaker = Breaker(Limits(), self.hand.clock.monotonic, lambda: random)

    def state(self) -> str:
        return self.breaker.state

    def call(self, verdict: Verdict) -> bool:
        """Whether a call was let through; then it ended so."""
        if self.breaker.wait() is not None:
            return False
        self.breaker.settle(self.breaker.admit(), verdict)
        return True

    def calls(self, *verdicts: Verdict, times: int = 1) -> None:
        for verdict in verdicts * times:
            assert self.call(verdict)

    def opened(self) -> "Circuit":
        self.calls("failure", times=5)
        return self


def test_five_failures_in_a_row_open_it_and_four_do_not() -> None:
    circuit = Circuit()
    circuit.calls("failure", times=4)
    circuit.calls("success")
    circuit.calls("failure", times=4)
    assert circuit.state() == "closed"
    circuit.calls("failure")
    assert circuit.state() == "open"
    assert not circuit.call("success")


def test_half_of_twenty_open_it_and_fewer_attempts_do_not() -> None:
    circuit = Circuit()
    circuit.calls("failure", "success", times=9)
    circuit.calls("success")
    assert circuit.state() == "closed"
    circuit.calls("failure")
    assert circuit.state() == "open"


def test_what_is_not_counted_neither_opens_it_nor_ends_a_row() -> None:
    circuit = Circuit()
    circuit.calls("failure", times=4)
    circuit.calls("uncounted", times=50)
    assert circuit.state() == "closed"
    circuit.calls("failure")
    assert circuit.state() == "open"


def test_failures_long_ago_do_not_count_for_the_share() -> None:
    circuit = Circuit()
    for _ in range(30):
        circuit.calls("failure", "success")
        circuit.hand.advance(2)
    assert circuit.state() == "closed"


def test_it_is_open_for_five_seconds_doubling_to_sixty() -> None:
    circuit = Circuit().opened()
    waits = []
    for _ in range(6):
        wait = circuit.breaker.wait()
        assert wait is not None
        waits.append(wait)
        circuit.hand.advance(wait)
        assert circuit.call("failure")
    assert waits == [5, 10, 20, 40, 60, 60]


def test_its_times_are_a_tenth_longer_or_shorter() -> None:
    assert Circuit(0.0).opened().breaker.wait() == 4.5
    assert Circuit(1.0).opened().breaker.wait() == 5.5


def test_half_open_lets_one_probe_through_at_a_time_and_two_successes_close_it() -> None:
    circuit = Circuit().opened()
    circuit.hand.advance(5)
    probe = circuit.breaker.admit()
    assert circuit.breaker.wait() == 1.0
    circuit.breaker.settle(probe, "success")
    assert circuit.state() == "half-open"
    circuit.calls("success")
    assert circuit.state() == "closed"
    circuit.opened()
    assert circuit.breaker.wait() == 5


def test_a_probe_that_shows_nothing_is_followed_by_another() -> None:
    circuit = Circuit().opened()
    circuit.hand.advance(5)
    circuit.calls("uncounted", "uncounted", "success", "success")
    assert circuit.state() == "closed"


def test_calls_let_through_before_it_opened_say_nothing_about_a_probe() -> None:
    circuit = Circuit()
    early = circuit.breaker.admit()
    circuit.opened()
    circuit.breaker.settle(early, "success")
    circuit.hand.advance(5)
    probe = circuit.breaker.admit()
    circuit.breaker.settle(early, "failure")
    assert circuit.breaker.wait() == 1.0
    circuit.breaker.settle(probe, "success")
    assert circuit.state() == "half-open"


def test_calls_let_through_before_it_opened_say_nothing_once_it_is_closed_again() -> None:
    circuit = Circuit()
    early = [circuit.breaker.admit() for _ in range(5)]
    circuit.opened()
    circuit.hand.advance(5)
    circuit.calls("success", times=2)
    for admitted in early:
        circuit.breaker.settle(admitted, "failure")
    assert circuit.state() == "closed"


@pytest.mark.parametrize(
    "since",
    [
        [*["failure", "failure", "failure", "failure", "success"] * 3, "failure"],  # 16 attempts
        [*["success"] * 9, *["success", "failure"] * 6],  # 6 failures
    ],
)
def test_what_it_saw_before_it_opened_is_forgotten_once_it_is_closed(since: list[Verdict]) -> None:
    circuit = Circuit().opened()
    circuit.hand.advance(5)
    circuit.calls("success", times=2)
    circuit.calls(*since)
    assert circuit.state() == "closed"


def test_it_stays_open_to_the_very_end_of_its_time() -> None:
    circuit = Circuit().opened()
    circuit.hand.advance(4.5)
    assert circuit.breaker.wait() == 0.5
    assert circuit.state() == "open"


def a_gate(hand: HandClock) -> Gate:
    return Gate(5, 300, hand.clock.monotonic)


def test_it_doubles_each_time_it_has_to_be_closed_again_up_to_its_bound() -> None:
    hand = HandClock()
    closing = a_gate(hand)
    seen = []
    for _ in range(9):
        closing.close()
        seen.append(closing.left())
        hand.advance(closing.left())
        assert closing.left() == 0
    assert seen == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_answers_that_were_under_way_when_it_closed_do_not_double_it() -> None:
    closing = a_gate(HandClock())
    for _ in range(8):
        closing.close()
    assert closing.left() == 5


def test_a_time_that_upstream_names_prolongs_it_and_never_shortens_it() -> None:
    hand = HandClock()
    closing = a_gate(hand)
    for seconds, left in ((30, 30), (7, 30), (60, 60)):
        closing.close(seconds)
        assert closing.left() == left
    hand.advance(60)
    closing.close()
    assert closing.left() == 5


def test_a_success_lets_it_begin_anew_and_opens_it_for_nobody() -> None:
    hand = HandClock()
    closing = a_gate(hand)
    closing.close()
    closing.reset()
    assert closing.left() == 5
    hand.advance(5)
    closing.close()
    assert closing.left() == 5


def test_a_sleep_that_ends_a_trifle_early_finds_it_open() -> None:
    hand = HandClock()
    closing = a_gate(hand)
    closing.close()
    hand.advance(4.9995)
    assert closing.left() == 0


def test_it_is_closed_to_within_a_moment_of_its_end() -> None:
    hand = HandClock()
    closing = a_gate(hand)
    closing.close()
    hand.advance(4.5)
    assert closing.left() == 0.5
    closing.close()
    assert closing.left() == 0.5
    hand.advance(0.4995)
    assert closing.left() == 0


def test_what_is_older_than_the_window_no_longer_counts() -> None:
    hand = HandClock(monotonic=1000.0)
    window = Window(10, hand.clock.monotonic)
    for _ in range(25):
        window.add()
        hand.advance(1)
    assert window.count() == 9
    hand.advance(9)
    assert window.count() == 0


def test_it_holds_a_bounded_number_of_counts_however_much_happens() -> None:
    hand = HandClock()
    window = Window(10, hand.clock.monotonic)
    for _ in range(5000):
        window.add()
        hand.advance(0.01)
    assert len(window._counts) <= 11
    assert 900 <= window.count() <= 1000
