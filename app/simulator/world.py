"""The simulated tenant's rows: arrivals, documented ones, series asked for, some put in or taken out by hand."""

import random
from collections.abc import Iterable
from itertools import chain

from app.simulator.clock import stamp
from app.simulator.data import Population, documented, newest_first
from app.simulator.dice import SeededDice
from app.simulator.interaction import Interaction, Row
from app.simulator.kinds import KINDS
from app.simulator.options import SimulatorOptions
from app.simulator.people import contacts
from app.simulator.scene import Scene
from app.simulator.series import MAGIC, SeriesRow, series
from app.simulator.writing import attribute


class World:
    """All rows there are; times are simulated milliseconds."""

    def __init__(self, options: SimulatorOptions, anchor: int) -> None:
        self._options = options
        self._anchor = anchor
        self._population = Population(options, anchor)
        self._inserted: list[Interaction] = []
        self._removed: set[str] = set()

    def rows(self, now: int, values: Iterable[str] = ()) -> list[Row]:
        """Everything listed at ``now``, newest first; ``values`` asked for bring their series along."""
        rows: list[Row] = [*self._population.rows(now), *documented()]
        called = [row for value in dict.fromkeys(values) if value in MAGIC for row in self.series(value)]
        if called or self._inserted:
            rows = newest_first([*self._inserted, *called, *rows])
        return [row for row in rows if row.id not in self._removed] if self._removed else rows

    def series(self, value: str) -> tuple[SeriesRow, ...]:
        return series(value, self._options.seed, self._anchor, self._options.tenant_id)

    def find(self, interaction_id: str, now: int) -> Row | None:
        """The interaction with this id, if it has begun."""
        limit = stamp(now)
        everything: chain[Row] = chain(self.rows(now), *map(self.series, MAGIC))
        wanted = (row for row in everything if row.id == interaction_id and row.start <= limit)
        return next((row for row in wanted if row.id not in self._removed), None)

    def insert(
        self, count: int, start: int, attributes: Iterable[tuple[str, str]] = (), kind: str = "voice-answered"
    ) -> list[str]:
        """Put in interactions that begin at ``start``, with attributes written at once; their ids."""
        attributes = list(attributes)
        new = [self._new(start, attributes, kind) for _ in range(count)]
        return [row.id for row in new]

    def _new(self, start: int, attributes: list[tuple[str, str]], kind: str) -> Interaction:
        rng = random.Random(f"{self._options.seed}:insert:{len(self._inserted)}")
        scene = Scene(start, SeededDice(rng), rng.choice(contacts(self._options.seed)), self._options.tenant_id)
        KINDS[kind].play(scene)
        for name, value in attributes:
            attribute(scene, name, value, at=start)
        row = Interaction(kind, scene.record, scene.edits)
        self._inserted.append(row)
        return row

    def remove(self, ids: Iterable[str]) -> None:
        """Take interactions out, as if they had never been."""
        self._removed |= set(ids)
