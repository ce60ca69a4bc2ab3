"""A span is unseen until all of it was held; its loss is a change."""

from datetime import timedelta

from app.holdings.changes import Changes
from app.holdings.collection import Span
from app.holdings.packing import microseconds
from tests.holdings.support import NOW

HOUR = Span(NOW, NOW + timedelta(hours=1))


def test_a_span_is_unseen_until_all_of_it_was_held_and_again_once_it_is_lost() -> None:
    changes = Changes()
    assert changes.unseen(HOUR) == [(microseconds(HOUR.start), microseconds(HOUR.end))]
    changes.see(HOUR)
    assert changes.unseen(HOUR) == []
    changes.lose(Span(HOUR.start, HOUR.start + timedelta(minutes=1)))
    assert changes.unseen(HOUR) == [(microseconds(HOUR.start), microseconds(HOUR.start + timedelta(minutes=1)))]
    assert changes.lost_in(HOUR) == changes.number == 1
