"""A gate that closes for longer each time."""

from app.upstream.gate import Gate
from tests.support.clock import HandClock


def gate(hand: HandClock) -> Gate:
    return Gate(5, 300, hand.clock.monotonic)


def test_it_doubles_each_time_it_has_to_be_closed_again_up_to_its_bound() -> None:
    hand = HandClock()
    closing = gate(hand)
    seen = []
    for _ in range(9):
        closing.close()
        seen.append(closing.left())
        hand.advance(closing.left())
        assert closing.left() == 0
    assert seen == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_answers_that_were_under_way_when_it_closed_do_not_double_it() -> None:
    closing = gate(HandClock())
    for _ in range(8):
        closing.close()
    assert closing.left() == 5


def test_a_time_that_upstream_names_prolongs_it_and_never_shortens_it() -> None:
    hand = HandClock()
    closing = gate(hand)
    for seconds, left in ((30, 30), (7, 30), (60, 60)):
        closing.close(seconds)
        assert closing.left() == left
    hand.advance(60)
    closing.close()
    assert closing.left() == 5


def test_a_success_lets_it_begin_anew_and_opens_it_for_nobody() -> None:
    hand = HandClock()
    closing = gate(hand)
    closing.close()
    closing.reset()
    assert closing.left() == 5
    hand.advance(5)
    closing.close()
    assert closing.left() == 5


def test_a_sleep_that_ends_a_trifle_early_finds_it_open() -> None:
    hand = HandClock()
    closing = gate(hand)
    closing.close()
    hand.advance(4.9995)
    assert closing.left() == 0


def test_it_is_closed_to_within_a_moment_of_its_end() -> None:
    hand = HandClock()
    closing = gate(hand)
    closing.close()
    hand.advance(4.5)
    assert closing.left() == 0.5
    closing.close()
    assert closing.left() == 0.5
    hand.advance(0.4995)
    assert closing.left() == 0


def test_opened_it_is_open_at_once_and_begins_anew() -> None:
    hand = HandClock()
    closing = gate(hand)
    closing.close()
    hand.advance(5)
    closing.close()
    closing.open()
    assert closing.left() == 0
    closing.close()
    assert closing.left() == 5
