"""What happened in the last seconds."""

from app.upstream.window import Window
from tests.support.clock import HandClock


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
