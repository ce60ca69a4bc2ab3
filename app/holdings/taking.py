"""Taking records in place of those of a span: which are kept, when each was checked, and by which change it came."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from app.cooperative import Turns
from app.holdings.changes import Changes
from app.holdings.collection import Span
from app.holdings.packing import BLOCK_ROWS, Entry, Run, microseconds
from app.holdings.partition import HeldRun
from app.interactions.facts import Context, Facts


class Check(NamedTuple):
    """When upstream last showed a record, when it is to be read again (monotonic seconds), and its last change."""

    checked: float
    due: float
    changed: int


class Taking(NamedTuple):
    """The taking of records in place of a span: when each was checked, in which context, by which change."""

    span: Span
    checks: dict[str, Check]
    context: Context
    number: int
    changes: Changes


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
            if name in taking.checks:  # it has moved
                taking.changes.bury(name, run.starts[place], taking.number)
            else:
                facts = Facts(record, taking.context)
                changed = taking.number if has_settled(held, facts) else held.changed[place]
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
