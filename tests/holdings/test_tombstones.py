"""Records that have left are told as long as that is remembered; whatever is forgotten is a loss of its day."""

from datetime import timedelta

from app.holdings.changes import Changes
from app.holdings.collection import Span
from app.holdings.packing import microseconds
from app.holdings.partition import EVERYTHING, day_of
from app.holdings.tombstones import Bound
from tests.holdings.support import NOW

START = microseconds(NOW)
HOUR = Span(NOW, NOW + timedelta(hours=1))
EARLIER = Span(NOW - timedelta(days=9), NOW - timedelta(days=8))


def test_records_that_left_are_told_since_a_number_and_within_a_span() -> None:
    changes = Changes()
    for name in ("a", "b", "c"):
        changes.bury(name, START, changes.begin())
    assert [*changes.buried_since(1, HOUR)] == ["c", "b"]
    assert [*changes.buried_since(3, HOUR)] == []
    assert [*changes.buried_since(0, EARLIER)] == []


def test_of_too_many_in_all_collections_the_oldest_is_forgotten_and_its_day_is_lost() -> None:
    bound = Bound(2)
    one, other = Changes(bound=bound), Changes(bound=bound)
    one.bury("a", START, one.begin())
    other.bury("b", START, other.begin())
    assert (one.lost_in(HOUR), other.lost_in(HOUR)) == (0, 0)
    other.bury("c", START, other.begin())
    assert (one.lost_in(HOUR), other.lost_in(HOUR)) == (1, 0)
    assert one.lost_in(EARLIER) == 0
    assert one.lost_in(day_of(NOW)) == 1
    assert [*one.buried_since(0, EVERYTHING)] == []


def test_the_tombstones_of_a_collection_that_is_gone_take_the_place_of_no_other() -> None:
    bound = Bound(2)
    gone, kept = Changes(bound=bound), Changes(bound=bound)
    gone.bury("a", START, gone.begin())
    del gone
    for name in ("b", "c"):
        kept.bury(name, START, kept.begin())
    assert [*kept.buried_since(0, HOUR)] == ["c", "b"]
    assert kept.lost_in(HOUR) == 0
