"""What was asked and what came of it, and the invariants I1 to I13 of FAULTS section 9 that hold between the two."""

import asyncio
import json
import re
from collections import defaultdict, deque
from dataclasses import dataclass, field

from tests.scenarios.machine.upstream import CUSTOMER
from tests.scenarios.machine.world import BEHIND, CACHE_BYTES, FRESH, SLOTS, STALE, WAIT, World
from tests.scenarios.repeating import Received
from tests.support.canary import WATCH
from tests.support.counted import value_of

SLACK_SECONDS = 0.1
STEP_SECONDS = 1  # that the pauses before retries may take of the clock within one step
WINDOW_SECONDS, SHARE, LEAST = 10, 0.2, 3  # of the budget for retries
ANSWER = re.compile(r"answer (\d+) to (\S+)")
STATUSES = {200, 404, 502, 503, 504}
UNAVAILABLE = {503, 504}


@dataclass(slots=True)
class Asked:
    """One request. `floor` is the least number it may be answered with; `flight` tells who waits for the same."""

    value: str
    is_clear: bool
    view: str
    at: float
    floor: int
    denied: int
    flight: tuple[str, int]
    task: asyncio.Task[Received]
    has_waited: bool = False


@dataclass(slots=True)
class Account:
    """What one life of a façade has shown."""

    world: World
    waiting: list[Asked] = field(default_factory=list)
    seen: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    ages: dict[tuple[str, str, int], int] = field(default_factory=dict)
    epoch: int = 0
    purged: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    calls: deque[tuple[float, int, int]] = field(default_factory=deque)
    _counted: tuple[int, int] = (0, 0)

    def note(self, value: str, task: asyncio.Task[Received], *, is_clear: bool, view: str) -> None:
        """A request was sent."""
        floor = max(self.seen[value], self.purged[value])
        now = self.world.clock.monotonic
        flight = (value, self.epoch)
        self.waiting.append(Asked(value, is_clear, view, now, floor, self.world.upstream.denied, flight, task))

    def note_purge(self, *values: str) -> None:
        """What was known of these is forgotten: they are answered with numbers yet to come."""
        self.epoch += 1
        for value in values:
            self.purged[value] = self.world.upstream.number + 1

    def check(self) -> None:
        """Every invariant, now that nothing moves."""
        world, upstream = self.world, self.world.upstream
        flights = world.services.queries.flights
        ended = [one for one in self.waiting if one.task.done()]
        self.waiting = [one for one in self.waiting if not one.task.done()]
        self._check_together([one for one in ended if one.has_waited])
        for one in ended:
            if not one.task.cancelled():
                self._check_answer(one, one.task.result())
        for one in self.waiting:
            one.has_waited = True
            assert world.clock.monotonic - one.at <= WAIT + SLACK_SECONDS, "I10"
        assert all(count <= 1 + len(flights._disowned) for count in upstream.open.values()), "I3"
        assert upstream.most_open <= SLOTS, "I4: calls at once"
        self._check_budget()
        assert not [flight for flight in flights._under_way.values() if flight.done()], "I5"
        assert world.store.bytes_held <= CACHE_BYTES, "I7"
        assert not WATCH.leaks, "I13"

    def _check_together(self, ended: list[Asked]) -> None:
        """I6: all who waited for one flight, and neither left nor lost patience, were told the same."""
        told: defaultdict[tuple[str, int], set[tuple[int, str]]] = defaultdict(set)
        for one in ended:
            if not one.task.cancelled() and self.world.clock.monotonic - one.at < WAIT - 1:
                answer = one.task.result()
                number = ANSWER.search(answer.body.decode())
                told[one.flight].add((answer.status, number[0] if number else code(answer)))
        assert all(len(outcomes) == 1 for outcomes in told.values()), f"I6: {told}"

    def _check_answer(self, asked: Asked, answer: Received) -> None:
        assert answer.status in STATUSES, answer
        if answer.status == 200:
            self._check_rows(asked, answer)
            return
        wait = answer.headers.get(b"retry-after")
        assert (wait is not None) is (answer.status in UNAVAILABLE and code(answer) != "not-stored"), answer
        assert CUSTOMER not in answer.body.decode(), "I1"

    def _check_rows(self, asked: Asked, answer: Received) -> None:
        world, text = self.world, answer.body.decode()
        [(digits, value)] = set(ANSWER.findall(text))
        number, age = int(digits), int(answer.headers[b"age"])
        assert value == asked.value, "I1: the answer is to this question"
        assert (CUSTOMER in text) is asked.is_clear, "I1: and for this viewer"
        assert number in world.upstream.good, "I8"
        assert number >= asked.floor, f"I9: {number} after {asked.floor}"
        if b"; hit;" in answer.headers[b"cache-status"]:
            assert number > asked.denied, "what upstream denied is forgotten"
        assert age >= self.ages.get((asked.view, value, number), 0), "I11"
        passed = world.clock.monotonic - world.upstream.began[number]
        assert FRESH + STALE >= age >= int(passed - STEP_SECONDS), "I2"
        is_fetched = b"; fwd=" in answer.headers[b"cache-status"]  # its age is that of the fetch, which may take long
        is_covering = answer.headers[b"cache-status"].endswith(b"; detail=stale-if-error")
        assert age <= FRESH + BEHIND or is_covering or is_fetched, "I2: past the window stale only covers a failure"
        self.ages[(asked.view, value, number)] = age
        self.seen[value] = max(self.seen[value], number)

    def _check_budget(self) -> None:
        """I4: in any ten seconds, retries are a fifth of the first attempts at most, and three in any case."""
        now, made = self.world.clock.monotonic, (self._retries(), self.world.upstream.number)
        self.calls.append((now, made[0] - self._counted[0], made[1] - self._counted[1]))
        self._counted = made
        while self.calls[0][0] < now - WINDOW_SECONDS + STEP_SECONDS:
            self.calls.popleft()
        retries, calls = sum(one[1] for one in self.calls), sum(one[2] for one in self.calls)
        assert retries <= max(LEAST, SHARE * calls), f"I4: {retries} retries of {calls} calls"

    def _retries(self) -> int:
        return int(value_of(self.world.services.metrics, "upstream_retries"))


def code(answer: Received) -> str:
    """The slug of a problem."""
    told: dict[str, str] = json.loads(answer.body)
    return told["code"]
