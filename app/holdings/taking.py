"""Taking records in place of those of a span: which are kept, when each was checked, and by which change it came."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from app.cooperative import Turns
from app.holdings.changes import Changes
from app.holdings.collection import Span
from app.holdings.packing import BLOCK_ROWS, Entry, Run, before_all, microseconds
from app.holdings.partition import EVERYTHING, HeldRun, moment_of
from app.holdings.reader import MILLISECOND, floored
from app.holdings.stock import Stock
from app.interactions.facts import Context, Facts
from app.interactions.parts import Interaction
from app.upstream.rows import Held, Record


class Check(NamedTuple):
    """When upstream last showed a record, when it is to be read again (monotonic seconds), and its last change."""

    checked: float
    due: float
    changed: int


class Told(NamedTuple):
    """Records as another process holds them: the change that brought each, and those not shown as final yet, by id."""

    numbers: Mapping[str, int]
    pending: AbstractSet[str]


class Taking(NamedTuple):
    """The taking of records in place of a span: when each was checked, in which context, by which change.

    Where that `is_told`, another process has made the change.
    """

    span: Span
    checks: dict[str, Check]
    context: Context
    number: int
    changes: Changes
    is_told: bool = False


def checks_of(run: Run, checks: dict[str, Check]) -> tuple["array[float]", "array[float]", "array[int]"]:
    """When the records of a run were checked, when each is due, and by which change each came."""
    checked, due, changed = zip(*[checks[one] for one in run.ids], strict=True)
    return array("d", checked), array("d", due), array("q", changed)


def has_settled(held: HeldRun, facts: Facts) -> bool:
    """Whether a record of the run has become final since the run was packed: what is shown of it has changed."""
    since = held.run.sums.pending_since
    return since is not None and facts.is_final and facts.last_event_at >= since


def outside(held: HeldRun, taking: Taking) -> Turns[list[Entry]]:
    """The records of a run that are not in the span; when each was checked is added to the checks."""
    found = []
    oldest, newest = microseconds(taking.span.start), microseconds(taking.span.end)
    run = held.run
    if oldest <= held.oldest and held.newest < newest:
        return []
    for place, record in enumerate(run.block.records()):
        if not oldest <= run.starts[place] < newest:
            name = run.ids[place]
            facts, changed = Facts(record, taking.context), held.changed[place]
            if name in taking.checks:  # it has moved
                if not taking.is_told:
                    taking.changes.bury(name, run.starts[place], taking.number)
                continue
            if has_settled(held, facts):
                if taking.is_told:
                    facts = Facts(record, before_all(taking.context))
                else:
                    changed = taking.number
                    taking.changes.note(run.starts[place], changed)
            taking.checks[name] = Check(held.checked[place], held.due[place], changed)
            found.append(Entry(facts, run.fingerprints[place]))
        yield
    return found


def neighbour(runs: Sequence[HeldRun], newest: int) -> set[int]:
    """The run beside the place of new records that has room for them, if there is one."""
    older = [one for one in runs if one.newest < newest]
    newer = [one for one in runs if one.newest >= newest]
    beside = [*older[:1], *newer[-1:]]
    return {id(one) for one in beside if one.run.count < BLOCK_ROWS}


def id_of(record: Record | Held) -> str:
    """The id of a record, decoded or not."""
    return record.interaction_id if isinstance(record, Held) else record.interaction.interaction_id


def prints_of(stock: Stock, span: Span) -> dict[str, int]:
    """The fingerprint of each record that is held within the span, by its id."""
    return {
        piece.run.ids[place]: piece.run.fingerprints[place] for piece in stock.pieces(span) for place in piece.places
    }


def numbers_of(stock: Stock, span: Span) -> dict[str, int]:
    """The change that brought each record that is held within the span, by its id."""
    return {piece.run.ids[place]: piece.held.changed[place] for piece in stock.pieces(span) for place in piece.places}


def checked_at(stock: Stock, span: Span, records: Iterable[Held]) -> dict[str, float]:
    """When upstream last showed these of the records held within the span (monotonic seconds), by their ids."""
    names = {one.interaction_id for one in records}
    places = ((piece.held, place) for piece in stock.pieces(span) for place in piece.places)
    return {name: held.checked[place] for held, place in places if (name := held.run.ids[place]) in names}


def held_beside(stock: Stock, span: Span, others: Iterable[Record | Held]) -> list[Held]:
    """The records held within the span that are not among the others."""
    known = {*map(id_of, others)}
    return [
        Held(run.ids[place], run.fingerprints[place], b"", place, partial(_record, run))
        for run, place in ((piece.run, at) for piece in stock.pieces(span) for at in piece.places)
        if run.ids[place] not in known
    ]


def _record(run: Run, place: int) -> Interaction:
    return run.block.at([place])[0]


def elsewhere(stock: Stock, span: Span, names: AbstractSet[str]) -> Turns[list[Span]]:
    """The milliseconds outside the span at which records of these ids are held: their starts have changed."""
    found = []
    for piece in [*stock.pieces(EVERYTHING)] if names else ():
        if not names.isdisjoint(piece.run.ids):
            for place in piece.places:
                low = floored(moment_of(piece.run.starts[place]))
                if piece.run.ids[place] in names and not span.start <= low < span.end:
                    found.append(Span(low, low + MILLISECOND))
        yield
    return found


def says_the_same(stock: Stock, span: Span, new: Iterable[Entry]) -> bool:
    """Whether the records of the span differ in their bytes alone; those that came last are remembered."""
    fresh = {one.facts.interaction.interaction_id: one for one in new}
    places = []
    for piece in stock.pieces(span):
        run = piece.run
        differing = [at for at in piece.places if run.fingerprints[at] != fresh[run.ids[at]][1]]
        if differing:
            known = run.block.records()
            if any(known[place] != fresh[run.ids[place]].facts.interaction for place in differing):
                return False
        places += [(run, place) for place in differing]
    for run, place in places:
        run.fingerprints[place] = fresh[run.ids[place]].fingerprint
    return True


def numbered(stock: Stock, span: Span, new: Iterable[Entry], number: int) -> Turns[dict[str, int]]:
    """The change that brought each of the new records as it is; what has left its place is buried."""
    fresh = {one.facts.interaction.interaction_id: one for one in new}
    unseen, numbers = stock.changes.unseen(span), dict[str, int]()
    for name, entry in fresh.items():
        start = microseconds(entry.facts.started_at)
        numbers[name] = 0 if any(oldest <= start < newest for oldest, newest in unseen) else number
    for piece in [*stock.pieces(span)]:
        run, records = piece.run, list[Interaction]()
        for place in piece.places:
            now = fresh.get(run.ids[place])
            if now is None or microseconds(now.facts.started_at) != run.starts[place]:
                stock.changes.bury(run.ids[place], run.starts[place], number)
                continue
            if now.fingerprint != run.fingerprints[place]:
                records = records or run.block.records()
            is_same = not records or records[place] == now.facts.interaction
            is_as_shown = is_same and not has_settled(piece.held, now.facts)
            numbers[run.ids[place]] = piece.held.changed[place] if is_as_shown else number
        yield
    return numbers


def settled(held: HeldRun, context: Context, number: int) -> HeldRun:
    """The run as its records are at `context.as_of`; `number` is of the change of those that became final."""
    run, since = held.run, held.run.sums.pending_since
    if since is None or context.as_of - since < context.settle:
        return held
    pending, changed = run.ended_after(microseconds(context.as_of - context.settle)), held.changed[:]
    for place in run.ended_after(microseconds(since) - 1):
        if place not in pending:
            changed[place] = number
    soonest = moment_of(min(pending.values())) if pending else None
    sums = run.sums._replace(all_final=not (pending or any(run.open_flags)), pending_since=soonest)
    return replace(held, run=replace(run, sums=sums), changed=changed)
