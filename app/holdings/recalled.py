"""Recalling records that are held already, by the fingerprints of their bytes."""

from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate, chain

from app.holdings.packing import Run
from app.interactions.parts import Interaction
from app.upstream.rows import Held, RawRecord, fingerprint


class Recalled:
    """The records of some runs, found by the fingerprints of their bytes."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = [*runs]
        self._firsts = [*accumulate((run.count for run in self._runs), initial=0)]
        self._number, self._records = -1, list[Interaction]()

    @cached_property
    def _places(self) -> dict[int, int]:
        """By the fingerprint of each record its place; of many runs most are never looked into."""
        prints = chain.from_iterable(run.fingerprints for run in self._runs)
        return {one: place for place, one in enumerate(prints)}

    def __call__(self, raw: RawRecord) -> Held | None:
        """The record of which these are the bytes."""
        found = fingerprint(raw)
        place = self._places.get(found)
        if place is None:
            return None
        number = bisect_right(self._firsts, place) - 1
        return Held(self._runs[number].ids[place - self._firsts[number]], found, raw, place, self._at)

    def _at(self, place: int) -> Interaction:
        """The record at a place; those beside it are decoded with it, as they are wanted next."""
        number = bisect_right(self._firsts, place) - 1
        if number != self._number:
            self._number, self._records = number, self._runs[number].block.records()
        return self._records[place - self._firsts[number]]
