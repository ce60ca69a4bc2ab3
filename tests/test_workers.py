"""The part of a worker: its share of what all have, and what workers tell each other by the memory they share."""

import pytest

from app.upstream.breaker import Gate
from app.workers import ALONE, CREDENTIALS_GATE, PURGES, THROTTLE_GATE, PurgeOrders, Worker
from tests.support.clock import HandClock
from tests.support.workers import workers


@pytest.mark.parametrize(
    ("total", "count", "shares"),
    [(8, 1, [8]), (8, 2, [4, 4]), (8, 3, [3, 3, 2]), (3, 3, [1, 1, 1]), (1, 2, [1, 1]), (200, 3, [67, 67, 66])],
)
def test_shares_come_out_even_and_none_is_nothing(total: int, count: int, shares: list[int]) -> None:
    assert [Worker(n, n, count).share(total) for n in range(1, count + 1)] == shares


def test_a_worker_reads_what_others_have_told_and_never_its_own() -> None:
    with workers(3) as (one, two, three):
        one.block.tell(PURGES, 7)
        two.block.tell(PURGES, -9)
        assert [sum(cell for (cell,) in each.block.others(PURGES)) for each in (one, two, three)] == [-9, 7, -2]
        assert (one.block.own(PURGES), three.block.own(PURGES)) == (7, 0)


def test_alone_nothing_is_told_nor_kept() -> None:
    ALONE.block.tell(PURGES, 7)
    assert (ALONE.block.own(PURGES), ALONE.block.others(PURGES)) == (0, [])


def test_a_purge_is_news_once_to_each_other_worker() -> None:
    with workers(3) as each:
        one, two, three = (PurgeOrders(worker.block) for worker in each)
        one.tell()
        assert (one.has_news(), two.has_news(), two.has_news(), three.has_news()) == (False, True, False, True)
        two.tell()
        one.tell()
        assert (one.has_news(), two.has_news(), three.has_news(), three.has_news()) == (True, True, True, False)


def test_a_worker_in_the_place_of_another_goes_on_counting() -> None:
    with workers(2) as (one, two):
        PurgeOrders(one.block).tell()
        reader = PurgeOrders(two.block)
        PurgeOrders(one.block).tell()
        assert reader.has_news()


def a_gate(worker: Worker, hand: HandClock, of: bytes = b"") -> Gate:
    return Gate(5, 300, hand.clock.monotonic, worker.gate(THROTTLE_GATE, of))


def test_a_gate_is_closed_for_all_and_its_pauses_double_whoever_closes_it() -> None:
    hand = HandClock()
    with workers(2) as (one, two):
        gates = [a_gate(one, hand), a_gate(two, hand)]
        seen = []
        for turn in range(4):
            gates[turn % 2].close()
            seen.append(gates[0].left())
            assert gates[1].left() == pytest.approx(gates[0].left())
            hand.advance(gates[0].left())
        assert seen == pytest.approx([5, 10, 20, 40])
        gates[0].reset()
        gates[1].close()
        assert gates[0].left() == pytest.approx(5)


def test_a_gate_that_is_reset_stays_closed_for_others_unless_it_opens_for_them() -> None:
    hand = HandClock()
    with workers(2) as (one, two):
        gates = [a_gate(one, hand), a_gate(two, hand)]
        gates[0].close(60)
        gates[0].close()
        gates[0].reset()
        assert gates[1].left() == pytest.approx(60)
        gates[0].reset(opens_elsewhere=True)
        assert (gates[0].left(), gates[1].left()) == (60, 0)


def test_a_gate_of_other_credentials_is_another_gate() -> None:
    hand = HandClock()
    with workers(2) as (one, two):
        a_gate(one, hand, b"old").close()
        assert a_gate(two, hand, b"new").left() == 0
        assert a_gate(two, hand, b"old").left() == pytest.approx(5)


@pytest.mark.threat("T10")
def test_nothing_in_the_memory_tells_the_credentials() -> None:
    with workers(1) as (one,):
        one.gate(CREDENTIALS_GATE, b"invented").tell(1, 2, 3)
        other = Worker(1, 1, 1, b"another start", one.block).gate(CREDENTIALS_GATE, b"invented")
        assert one.block.own(CREDENTIALS_GATE) == one.gate(CREDENTIALS_GATE, b"invented").of != other.of
