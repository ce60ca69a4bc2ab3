"""The contract of every store, and who stays within the bound of the one in memory."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from cachetools import LRUCache
from hypothesis import given
from hypothesis import strategies as st

from app.cache.keys import digest
from app.cache.store import IN_USE_SECONDS, OFFERS_REMEMBERED, OVERHEAD_BYTES, SWEPT_AT_ONCE, Kept, MemoryStore
from app.cache.stored import Stored
from tests.support.clock import HandClock

STORES: list[Callable[[HandClock], MemoryStore]] = [lambda hand: MemoryStore(1_048_576, hand.clock.monotonic)]
KEY, OTHER = digest("one"), digest("other")
FIXED = len(KEY) + OVERHEAD_BYTES  # what a value costs beside its size
HOT = 60  # hot questions; each has a report and an answer


def stored(value: bytes, at: float = 1_000.0, fresh_for: float = 10.0, stale_for: float = 5.0) -> Stored[bytes]:
    return Stored(value, len(value), at, fresh_for, stale_for)


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, hand: HandClock) -> MemoryStore:
    made: MemoryStore = request.param(hand)
    return made


def test_what_was_put_is_got_and_other_keys_know_nothing_of_it(store: MemoryStore) -> None:
    assert store.put(KEY, stored(b"rows"))
    assert store.get(KEY) == stored(b"rows")
    assert store.get(OTHER) is None
    assert len(store) == 1


def test_a_newer_value_takes_the_place_of_an_older_one(store: MemoryStore) -> None:
    store.put(KEY, stored(b"older"))
    assert store.put(KEY, stored(b"newer", at=1_001.0))
    assert store.get(KEY) == stored(b"newer", at=1_001.0)
    assert len(store) == 1


def test_a_late_result_never_replaces_a_newer_value(store: MemoryStore) -> None:
    store.put(KEY, stored(b"newer", at=1_001.0))
    assert not store.put(KEY, stored(b"older", at=1_000.0))
    assert store.get(KEY) == stored(b"newer", at=1_001.0)


def test_clearing_forgets_everything_and_what_was_under_way_is_not_kept(store: MemoryStore, hand: HandClock) -> None:
    store.put(KEY, stored(b"rows"))
    store.put(OTHER, stored(b"made"), kind="derived")
    hand.advance(1)
    store.clear()
    assert (len(store), store.bytes_held) == (0, 0)
    assert not store.put(KEY, stored(b"asked for before", at=1_000.0))
    assert store.put(KEY, stored(b"asked for since", at=1_001.0))


def test_a_value_may_become_a_derived_one_and_is_still_held_once(store: MemoryStore) -> None:
    store.put(KEY, stored(b"primary"))
    assert store.put(KEY, stored(b"derived"), kind="derived")
    assert store.get(KEY) == stored(b"derived")
    assert len(store) == 1


def test_deleting_forgets_and_may_be_repeated(store: MemoryStore) -> None:
    store.put(KEY, stored(b"rows"))
    store.delete(KEY)
    store.delete(KEY)
    assert store.get(KEY) is None
    assert (len(store), store.bytes_held) == (0, 0)


def test_a_value_is_served_while_usable_and_gone_afterwards(store: MemoryStore, hand: HandClock) -> None:
    store.put(KEY, stored(b"rows"))
    hand.advance(15)
    assert store.get(KEY) is not None
    hand.advance(0.5)
    assert store.get(KEY) is None
    assert (len(store), store.bytes_held) == (0, 0)


@pytest.mark.parametrize("wall_seconds", [-86_400, 86_400])
def test_a_step_of_the_wall_clock_changes_no_lifetime(store: MemoryStore, hand: HandClock, wall_seconds: float) -> None:
    store.put(KEY, stored(b"rows"))
    hand.step(wall=wall_seconds)
    assert store.get(KEY) is not None
    hand.step(monotonic=15.5)
    assert store.get(KEY) is None


def test_an_empty_value_costs_its_key_and_overhead(store: MemoryStore) -> None:
    store.put(KEY, stored(b""))
    assert store.bytes_held == 32 + OVERHEAD_BYTES


def test_a_value_over_the_bound_is_refused_and_drives_out_the_facts_it_has_overtaken(store: MemoryStore) -> None:
    store.put(OTHER, stored(b"kept"))
    store.put(KEY, stored(b"older"))
    assert not store.put(KEY, Stored(b"newer", 1_048_576, 1_001.0, 10.0, 5.0))
    assert store.get(KEY) is None
    assert store.get(OTHER) is not None


@dataclass
class Shop:
    """A store of 100,000 bytes: 1,000 pass the doorkeeper, 10,000 are too much; 90,000 are for primary values."""

    hand: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(100_000, self.hand.clock.monotonic)

    def put(
        self, name: str, cost: int, *, at: float = 1_000.0, derived: bool = False, known_as: str | None = None
    ) -> bool:
        """Offer a value of which key and overhead are counted in already."""
        value = Stored(name, cost - FIXED, at, 10.0, 5.0)
        known = digest(known_as) if known_as else None
        return self.store.put(digest(name), value, kind="derived" if derived else "primary", known_as=known)

    def fill(self, kind: str, cost: int, count: int, *, derived: bool = False) -> None:
        """Keep `count` values, of which `kind` 0 is used least recently."""
        for number in range(count):
            assert self.put(f"{kind} {number}", cost, derived=derived)

    def holds(self, *names: str) -> list[bool]:
        """Whether each is held; looking counts as use."""
        return [self.store.get(digest(name)) is not None for name in names]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_value_over_a_tenth_of_the_bound_is_never_kept(shop: Shop) -> None:
    assert not shop.put("over", 10_001)
    assert not shop.put("over", 10_001)
    assert shop.put("just", 10_000)
    assert shop.store.bytes_held == 10_000


def test_the_least_recently_used_goes_first(shop: Shop) -> None:
    shop.fill("report", 1_000, 90)
    shop.holds("report 0")
    assert shop.put("one more", 1_000)
    assert shop.holds("report 0", "report 1", "report 2") == [True, False, True]
    assert (shop.store.evictions, shop.store.bytes_held) == (1, 90_000)


def test_answers_make_room_before_any_report_does(shop: Shop) -> None:
    shop.fill("report", 1_000, 50)
    shop.fill("answer", 1_000, 50, derived=True)
    shop.holds("answer 0")
    for number in range(40):
        shop.put(f"newer {number}", 1_000)
    assert (shop.store.count("primary"), shop.store.count("derived"), shop.store.evictions) == (90, 10, 40)
    assert shop.holds("report 0", "answer 0", "answer 1") == [True, True, False]


def test_an_answer_pushes_out_other_answers_and_never_a_report(shop: Shop) -> None:
    shop.fill("report", 1_000, 90)
    shop.fill("answer", 1_000, 30, derived=True)
    assert (shop.store.count("primary"), shop.store.count("derived")) == (90, 10)
    assert shop.holds("answer 19", "answer 20") == [False, True]


def test_answers_may_fill_what_reports_leave(shop: Shop) -> None:
    shop.fill("answer", 1_000, 101, derived=True)
    assert shop.holds("answer 0", "answer 1") == [False, True]
    assert shop.store.bytes_held == 100_000


def test_tallies_push_out_one_another_past_a_twentieth(shop: Shop) -> None:
    shop.fill("report", 1_000, 90)
    shop.fill("answer", 1_000, 10, derived=True)
    for number in range(10):
        assert shop.store.put(digest(f"tally {number}"), Stored(b"", 1_000 - FIXED, 1_000.0, 10.0, 5.0), kind="tally")
    assert (shop.store.count("primary"), shop.store.count("derived"), shop.store.count("tally")) == (90, 5, 5)
    assert shop.holds("tally 4", "tally 5") == [False, True]
    shop.fill("answer", 1_000, 90, derived=True)
    assert (shop.store.count("derived"), shop.store.count("tally"), shop.store.bytes_held) == (5, 5, 100_000)


def keep_rows(shop: Shop, number: int) -> bool:
    """Whether a hundredth of the bound, as rows, is kept."""
    return shop.store.put(digest(f"rows {number}"), Stored(b"", 1_000 - FIXED, 1_000.0, 900.0, 5.0), kind="rows")


def shown(shop: Shop, numbers: Iterable[int]) -> int:
    """How many of these rows a poll finds; it keeps the others, where it may."""
    found = 0
    for number in numbers:
        if shop.store.get(digest(f"rows {number}"), "rows"):
            found += 1
        else:
            keep_rows(shop, number)
    return found


def test_rows_that_nobody_uses_any_more_make_room_for_others_past_a_quarter(shop: Shop) -> None:
    assert [keep_rows(shop, number) for number in range(30)] == [True] * 25 + [False] * 5
    shop.hand.advance(IN_USE_SECONDS)
    shown(shop, range(10, 25))
    shop.hand.advance(0.5)
    evictions = shop.store.evictions
    assert [keep_rows(shop, number) for number in range(30, 41)] == [True] * 10 + [False]
    assert (shop.store.count("rows"), shop.store.bytes_held) == (25, 25_000)
    assert shop.holds("rows 9", "rows 10", "rows 24", "rows 39", "rows 40") == [False, True, True, True, False]
    assert shop.store.evictions == evictions + 10


def test_polls_that_show_more_rows_than_fit_find_those_that_fit(shop: Shop) -> None:
    """The least recently used alone would go each time before it is shown again, and none be found."""
    found = []
    for _ in range(8):
        found.append(shown(shop, range(30)))
        shop.hand.advance(15)
    assert found == [0] + [25] * 7


def test_rows_that_changed_have_the_room_of_the_old_ones_once_nobody_has_used_those_for_a_while(shop: Shop) -> None:
    shown(shop, range(25))
    found = []
    for _ in range(8):
        shop.hand.advance(15)
        found.append(shown(shop, range(5, 30)))
    assert found == [20] * 7 + [25]


def test_of_answers_and_rows_those_that_take_more_make_room(shop: Shop) -> None:
    for number in range(20):
        assert shop.store.put(digest(f"rows {number}"), Stored(b"", 1_000 - FIXED, 1_000.0, 10.0, 5.0), kind="rows")
    shop.fill("answer", 1_000, 100, derived=True)
    assert (shop.store.count("rows"), shop.store.count("derived")) == (20, 80)
    shop.fill("report", 1_000, 70)
    assert (shop.store.count("rows"), shop.store.count("derived")) == (15, 15)


def test_fetched_values_may_take_four_fifths_together(shop: Shop) -> None:
    assert [shop.store.may_hold(size) for size in (80_000, 80_001)] == [True, False]


def test_what_is_made_of_a_value_is_kept_and_ends_with_it(shop: Shop) -> None:
    home: Stored[str] = Stored("home", 4, 1_000.0, 10.0, 5.0)
    kept: Kept[str] = Kept(shop.store, home, "rows")
    kept.keep(KEY, "made", 4)
    assert (kept.get(KEY), kept.get(OTHER), shop.store.count("rows")) == ("made", None, 1)
    home.purge_token.purged = True
    assert kept.get(KEY) is None


def test_a_store_full_of_reports_has_room_for_an_answer_as_large_as_may_be(shop: Shop) -> None:
    shop.fill("report", 1_000, 200)
    assert shop.put("answer", 10_000, derived=True)
    assert (shop.store.count("primary"), shop.store.bytes_held) == (90, 100_000)


def test_a_large_newcomer_is_kept_where_there_is_room(shop: Shop) -> None:
    shop.fill("report", 1_000, 88)
    assert shop.put("large", 2_000)
    assert not shop.put("larger", 2_001)
    assert shop.store.evictions == 0


def test_there_is_room_as_long_as_the_largest_value_would_drive_nothing_out(shop: Shop) -> None:
    shop.fill("report", 1_000, 80)
    assert shop.store.has_room
    shop.fill("one more", 1_000, 1)
    assert not shop.store.has_room


def test_there_is_no_room_beside_answers_that_fill_it(shop: Shop) -> None:
    shop.fill("answer", 1_000, 90, derived=True)
    assert shop.store.has_room
    shop.fill("one more", 1_000, 1, derived=True)
    assert not shop.store.has_room


def test_a_large_newcomer_makes_others_go_only_when_it_is_offered_again(shop: Shop) -> None:
    shop.fill("report", 1_000, 90)
    assert not shop.put("large", 1_001)
    assert shop.holds("report 0", "large") == [True, False]
    assert shop.put("large", 1_001)
    assert shop.store.evictions == 2


@pytest.mark.parametrize("kind", ["report", "answer"])
def test_the_doorkeeper_knows_by_its_question_what_has_another_key_each_time(shop: Shop, kind: str) -> None:
    shop.fill("report", 1_000, 90)
    shop.fill("answer", 1_000, 10, derived=True)
    assert not shop.put("version 1", 1_001, known_as="question", derived=kind == "answer")
    assert shop.put("version 2", 1_001, known_as="question", derived=kind == "answer")


def test_the_doorkeeper_forgets_what_was_offered_long_ago(shop: Shop) -> None:
    shop.fill("report", 1_000, 90)
    shop.put("long ago", 1_001)
    shop.put("lately", 1_001)
    for number in range(OFFERS_REMEMBERED - 1):
        shop.put(f"scan {number}", 1_001)
    assert not shop.put("long ago", 1_001)
    shop.put("lately again", 1_001)
    assert shop.put(f"scan {OFFERS_REMEMBERED - 2}", 1_001)


def test_what_takes_the_place_of_a_held_value_passes_the_doorkeeper(shop: Shop) -> None:
    shop.fill("report", 1_000, 90)
    assert shop.put("report 5", 9_000, at=1_001.0)
    assert shop.put("report 89", 9_000, known_as="a question that is not held")
    assert shop.store.bytes_held == 90_000


def test_what_is_known_by_a_held_key_passes_the_doorkeeper(shop: Shop) -> None:
    shop.put("question", 700)
    shop.fill("report", 1_000, 89)
    assert shop.put("version 2", 9_000, known_as="question")


def test_a_longer_report_that_is_too_large_leaves_the_shorter_one_of_its_age(shop: Shop) -> None:
    shop.put("report", 9_000)
    assert not shop.put("report", 11_000)
    assert shop.holds("report") == [True]
    assert not shop.put("report", 11_000, at=1_001.0)
    assert shop.holds("report") == [False]


def test_what_is_too_old_is_swept_away_though_nobody_asks_for_it(shop: Shop) -> None:
    shop.fill("report", 1_000, 50)
    shop.fill("answer", 1_000, 40, derived=True)
    shop.put("younger", 1_000, at=1_010.0)
    shop.hand.advance(16)
    for _ in range(-(-2 * 91 // SWEPT_AT_ONCE)):
        shop.store.sweep()
    assert (len(shop.store), shop.store.bytes_held, shop.store.evictions) == (1, 1_000, 0)
    shop.hand.advance(10)
    shop.store.sweep()
    shop.store.sweep()
    assert len(shop.store) == 0


def test_what_left_otherwise_does_not_hold_up_the_sweep(shop: Shop) -> None:
    shop.fill("report", 1_000, 50)
    for number in range(50):
        shop.store.delete(digest(f"report {number}"))
    shop.put("first", 1_000)
    shop.hand.advance(16)
    shop.store.sweep(51)
    shop.store.sweep(51)
    assert len(shop.store) == 0


def test_a_sweep_begins_anew_after_a_clearing(shop: Shop) -> None:
    shop.fill("report", 1_000, 50)
    shop.store.clear()
    shop.put("first", 1_000)
    shop.hand.advance(16)
    shop.store.sweep()
    assert len(shop.store) == 0


def test_each_put_sweeps_a_few_keys_and_never_more(shop: Shop) -> None:
    shop.fill("report", 1_000, 80)
    shop.hand.advance(16)
    shop.put("newer 0", 700, at=1_016.0)
    assert len(shop.store) == 80 - SWEPT_AT_ONCE + 1
    for number in range(1, 20):
        shop.put(f"newer {number}", 700, at=1_016.0)
    assert shop.store.bytes_held == 20 * 700


def test_sweeping_is_no_use_of_a_value(shop: Shop) -> None:
    shop.fill("report", 1_000, 90)
    shop.store.sweep(45)
    shop.fill("newer", 1_000, 45)
    assert shop.holds(*(f"report {number}" for number in range(90))) == [False] * 45 + [True] * 45


verbs = st.one_of(
    st.tuples(st.sampled_from(["put", "derive"]), st.integers(0, 30), st.integers(FIXED, 12_000)),
    st.tuples(st.sampled_from(["get", "delete", "sweep"]), st.integers(0, 30), st.just(0)),
    st.tuples(st.just("advance"), st.just(0), st.integers(1, 9)),
)


@given(st.lists(verbs, max_size=80))
def test_the_bound_holds_the_sum_is_right_and_no_answer_costs_a_report(steps: list[tuple[str, int, int]]) -> None:
    shop, costs, queries = Shop(), dict[str, int](), set[str]()
    for verb, number, cost in steps:
        name = str(number)
        if verb in ("put", "derive"):
            held = [each for each in queries - {name} if shop.holds(each) == [True]]
            kept = shop.put(name, cost, at=shop.hand.monotonic, derived=verb == "derive")
            assert kept or cost > 1_000
            assert not (kept and cost > 10_000)
            if verb == "derive":
                assert all(shop.holds(*held))
            if kept:
                assert shop.holds(name) == [True]
                costs[name] = cost
                queries = queries - {name} | ({name} if verb == "put" else set())
        elif verb == "advance":
            shop.hand.advance(cost)
        elif verb == "get":
            shop.holds(name)
        elif verb == "delete":
            shop.store.delete(digest(name))
        else:
            shop.store.sweep(number)
        assert shop.store.bytes_held <= 100_000
    found = [name for name in costs if shop.holds(name) == [True]]
    assert shop.store.bytes_held == sum(costs[name] for name in found)
    assert len(shop.store) == len(found)


@dataclass
class Readers:
    """Hot questions that are read all the time, while others scan through large reports, each of them once."""

    get: Callable[[bytes], object]
    put: Callable[[bytes, Stored[str], bool], object]
    hits: int = 0
    reads: int = 0

    def read(self, name: str, derived: bool) -> None:
        """Read one hot value, and fetch or make it anew where it is missing."""
        self.reads += 1
        if self.get(digest(name)) is not None:
            self.hits += 1
        else:
            self.put(digest(name), Stored(name, 2_000, 1_000.0, 1e9, 0.0), derived)

    def scan(self, dice: random.Random) -> float:
        """The share of the reads of hot values that found them, past the first one of each."""
        for number in range(HOT):
            self.read(f"report {number}", False)
            self.read(f"answer {number}", True)
        self.hits = self.reads = 0
        for number in range(2_000):
            size = dice.randint(20_000, 90_000)
            self.put(digest("large report", number), Stored("", size, 1_000.0, 1e9, 0.0), False)
            self.put(digest("large answer", number), Stored("", size, 1_000.0, 1e9, 0.0), True)
            for _ in range(5):
                chosen = dice.randrange(HOT)
                self.read(f"report {chosen}", False)
                self.read(f"answer {chosen}", True)
        return self.hits / self.reads


@pytest.mark.threat("T43")
def test_a_scan_of_large_reports_leaves_the_hot_keys_where_they_are(hand: HandClock) -> None:
    store, seed = MemoryStore(1_000_000, hand.clock.monotonic), 20_261_123
    plain: LRUCache[bytes, Stored[str]] = LRUCache(1_000_000, getsizeof=lambda one: one.size + FIXED)

    def put(key: bytes, one: Stored[str], derived: bool) -> bool:
        return store.put(key, one, kind="derived" if derived else "primary")

    kept = Readers(store.get, put).scan(random.Random(seed))
    lost = Readers(plain.get, lambda key, one, _: plain.update({key: one})).scan(random.Random(seed))
    assert kept >= 0.99
    assert lost < 0.75
