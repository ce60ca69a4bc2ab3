"""Unions: what is held of several collections as one composition, each record once."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from math import inf
from typing import NamedTuple

from app import cooperative
from app.cooperative import Turns, ordered
from app.holdings.answering import Answered
from app.holdings.composition import Composition, Piece
from app.holdings.fill import NewContext
from app.holdings.packing import Entry, Run, microseconds, pack
from app.holdings.partition import HeldRun
from app.interactions.facts import Context, Facts


class Place(NamedTuple):
    """A record by the run that holds it, and its place in it."""

    held: HeldRun
    place: int

    @property
    def key(self) -> tuple[int, str]:
        """Its key in the order of all lists: newest first, records of one start by their id."""
        return -self.held.run.starts[self.place], self.held.run.ids[self.place]


async def united(answers: Sequence[Answered], new_context: NewContext) -> Answered:
    """The records that some of the collections hold, newest first, as far down as every collection is known.

    Of several copies of a record the one checked last counts. The total of a union that is not complete is the least
    that upstream may have. It has no marks: changes of a union are not followed. Its calls are those of the collection
    that took most, as all are asked at once.
    """
    first, held = answers[0], [one.composition for one in answers]
    complete = all(one.complete for one in held)
    low = held[0].low if complete else max(one.low for one in held if not one.complete)
    chosen = await cooperative.run(_chosen(held, microseconds(low)))
    packed = await pack(await cooperative.run(_entries(chosen, new_context(first.collection.time_zone))))
    pieces, end = list[Piece](), 0
    for run in packed.runs:
        pieces.append(Piece(_held_run(run, chosen[end : end + run.count]), range(run.count)))
        end += run.count
    lacking = max(one.total - _above(one.composition, microseconds(low)) for one in answers)
    composition = Composition(
        tuple(pieces),
        len(chosen),
        low,
        complete,
        min(one.compared_at for one in held),
        min((one.due_at for one in pieces), default=inf),
        max(filter(None, (one.changed_at for one in held)), default=None),
        (),
    )
    return replace(
        first,
        parts=tuple(chain.from_iterable(one.parts for one in answers)),
        composition=composition,
        total=len(chosen) + (0 if complete else max(0, lacking)),
        expires_at=min(one.expires_at for one in answers),
        facts={id(run): facts for run, facts in zip(packed.runs, packed.facts, strict=True)},
        calls=max(one.calls for one in answers),
        seconds=max(one.seconds for one in answers),
    )


def _chosen(held: Sequence[Composition], oldest: int) -> Turns[list[Place]]:
    """Each record that starts at `oldest` (microseconds since 1970) or later, in order."""
    found: dict[str, Place] = {}
    for piece in chain.from_iterable(one.pieces for one in held):
        for place in piece.places:
            name, known = piece.run.ids[place], found.get(piece.run.ids[place])
            is_newer = known is None or known.held.checked[known.place] < piece.held.checked[place]
            if is_newer and piece.run.starts[place] >= oldest:
                found[name] = Place(piece.held, place)
        yield
    return (yield from ordered([*found.values()], lambda one: one.key))


def _entries(chosen: Sequence[Place], context: Context) -> Turns[list[Entry]]:
    """The records, each run decoded once."""
    decoded: dict[int, list[Entry]] = {}
    entries = []
    for held, place in chosen:
        run = held.run
        if id(run) not in decoded:
            facts = (Facts(record, context) for record in run.block.records())
            decoded[id(run)] = [Entry(one, code) for one, code in zip(facts, run.fingerprints, strict=True)]
        entries.append(decoded[id(run)][place])
        yield
    return entries


def _held_run(run: Run, places: Sequence[Place]) -> HeldRun:
    """The run packed of these records, each with the times of the copy that counts."""
    checked = array("d", [held.checked[place] for held, place in places])
    due = array("d", [held.due[place] for held, place in places])
    return HeldRun(run, checked, due, array("q", [held.changed[place] for held, place in places]))


def _above(held: Composition, oldest: int) -> int:
    return sum(start >= oldest for piece in held.pieces for start in piece.starts)
