"""Changes of an answer: the records that changed since a token was given, and the ids of those that left it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import NamedTuple

from app.errors import ChangeTokenExpired, StillFetching
from app.holdings.answering import Answered
from app.holdings.collection import EVER, Span, conditions_of
from app.holdings.composition import Composition, Piece
from app.holdings.packing import microseconds
from app.holdings.partition import FOREVER
from app.holdings.supersets import narrowed
from app.interactions.facts import Context
from app.queries.change_token import ChangeToken
from app.upstream.query import UpstreamQuery

LOST = "What was held then is not held here now: load anew, without changed_since."


class Changed(NamedTuple):
    """The records that changed, with the lifetime of the whole answer, and the ids of those that are gone, sorted."""

    answered: Answered
    gone: tuple[str, ...]


async def changed(
    answers: Sequence[Answered], asked: UpstreamQuery, since: ChangeToken, most_rows: int, context: Context
) -> Changed:
    """The changes of an answer since the token was given; `answers` are of the collections that it marks.

    Records outside the range of the token are new to its holder. Raises ChangeTokenExpired where more changed than
    `most_rows`; StillFetching while not all of the range is held.
    """
    last = answers[-1].composition
    if not last.complete and sum(one.composition.rows for one in answers) < most_rows:
        raise StillFetching("Not all of the range has been read again; reading goes on with the next request.")
    window = Span(since.start or EVER, since.end or FOREVER)
    numbers = {mark.epoch: mark.number for mark in since.marks}
    buried = {
        one
        for answered in answers
        for one in answered.collection.changes.buried_since(numbers[answered.collection.changes.epoch], window)
    }
    parts, ids = list[Answered](), set(buried)
    for answered in answers:
        held, (mark,) = answered.composition, answered.composition.marks
        number = numbers[mark.epoch]
        pieces = [Piece(one.held, places) for one in held.pieces if (places := _places(one, number, window, buried))]
        found = held.of(pieces)
        ids |= _ids(found)
        if answered.collection.conditions != conditions_of(asked):
            found = await narrowed(found, conditions_of(asked), context)
        marks = (mark._replace(number=max(number, mark.number)),)
        parts.append(replace(answered, composition=replace(found, complete=True, marks=marks), total=found.rows))
    whole = reduce(Answered.followed_by, parts)
    if whole.total > most_rows:
        raise ChangeTokenExpired("More has changed than answers to one question reach: load anew.")
    return Changed(whole, tuple(sorted(ids - _ids(whole.composition))))


def _places(piece: Piece, number: int, window: Span, buried: set[str]) -> list[int]:
    """The places of records that changed, are new to the window, or stand here though they left another place."""
    oldest, newest = microseconds(window.start), microseconds(window.end)
    starts = piece.run.starts
    chosen = {*piece.changed_since(number)}
    if not (oldest <= starts[piece.places[-1]] and starts[piece.places[0]] < newest):
        chosen |= {place for place in piece.places if not oldest <= starts[place] < newest}
    if buried and not buried.isdisjoint(piece.run.ids):
        chosen |= {place for place in piece.places if piece.run.ids[place] in buried}
    return sorted(chosen)


def _ids(held: Composition) -> set[str]:
    return {piece.run.ids[place] for piece in held.pieces for place in piece.places}
