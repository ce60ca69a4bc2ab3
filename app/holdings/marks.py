"""Marks: the content that a snapshot was made of is found again, and what changed in it since can be told."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce

from app.holdings.answering import Answered, Wanted
from app.holdings.changes import Mark, new_epoch
from app.holdings.collection import EVER, Span, conditions_of
from app.holdings.collection_store import CollectionStore
from app.holdings.fill import NewContext
from app.holdings.partition import FOREVER
from app.holdings.stock import ALL
from app.holdings.store import Collection
from app.holdings.supersets import narrowed
from app.owners import Owners
from app.upstream.query import EVERYTHING, UpstreamQuery
from app.upstream.walk import Reading


class Marked(CollectionStore):
    """Answers from marked collections."""

    async def marked(
        self, marks: Sequence[Mark], asked: UpstreamQuery, wanted: Wanted, new_context: NewContext
    ) -> tuple[Answered, ...] | Reading | None:
        """The answers of the marked collections, each for its part of the span, without the conditions of the question.

        None where one of them is not held any more, or has not all of its part. Where more than `wanted.shown` records
        are held, those below are left out. Raises UpstreamError.
        """
        answers: list[Answered] = []
        both = (self.collection(asked), self.collection(EVERYTHING))
        for mark, part in parts_of(marks, span_of(asked)):
            if self.tier and not self._knows(asked, mark):
                for one in both:
                    async with one.turn(wanted.owners or Owners()):
                        await self.tier.follow(one, part, new_context)
            collection = self._of_epoch(asked, mark.epoch)
            if collection is None:
                return None
            is_own = collection.conditions == conditions_of(asked)
            rows = max(1, wanted.rows - sum(one.composition.rows for one in answers))
            wish = replace(wanted, rows=rows)
            if not is_own:
                wish = replace(wish, most_calls=0, shown=ALL)
            answered = await self._alone(collection, part, wish, new_context)
            if not isinstance(answered, Answered):
                return None if answers else answered
            if not (is_own or answered.composition.complete):
                return None
            answers.append(answered)
            if answered.composition.is_cut:
                break
        return tuple(answers)

    async def continued(
        self, marks: Sequence[Mark], asked: UpstreamQuery, wanted: Wanted, new_context: NewContext
    ) -> Answered | Reading | None:
        """The answer to a question from the marked collections; None as in `marked`."""
        parts, answers = list[Answered](), await self.marked(marks, asked, wanted, new_context)
        if isinstance(answers, Reading):
            return answers
        for one in answers or ():
            if one.collection.conditions == conditions_of(asked):
                parts.append(one)
            else:
                held = await narrowed(one.composition, conditions_of(asked), new_context(one.collection.time_zone))
                parts.append(replace(one, composition=held, total=held.rows, facts={}))
        return reduce(Answered.followed_by, parts) if parts else None

    def lose(self, marks: Sequence[Mark], asked: UpstreamQuery) -> None:
        """Have no change told that is since the content so marked, within the span of the question."""
        for mark, part in parts_of(marks, span_of(asked)):
            if collection := self._of_epoch(asked, mark.epoch):
                if collection.changes.is_shared:
                    collection.changes.leave()  # nobody else hears of it
                collection.changes.lose(part)

    def marks_here(self, marks: Sequence[Mark], asked: UpstreamQuery) -> tuple[Mark, ...]:
        """The marks as they are good in this process alone."""
        found = ((mark, self._of_epoch(asked, mark.epoch)) for mark in marks)
        return tuple(mark._replace(epoch=one.changes.own if one else new_epoch()) for mark, one in found)

    def marks_anywhere(self, marks: Sequence[Mark], asked: UpstreamQuery) -> tuple[Mark, ...]:
        """The marks as they are good wherever the changes are known."""
        found = ((mark, self._of_epoch(asked, mark.epoch)) for mark in marks)
        return tuple(mark._replace(epoch=one.changes.epoch if one else mark.epoch) for mark, one in found)

    def is_comparable(self, marks: Sequence[Mark], asked: UpstreamQuery) -> bool:
        """Whether the collections still know all changes since these marks."""

        def is_good(mark: Mark, part: Span) -> bool:
            found = self._of_epoch(asked, mark.epoch)
            return found is not None and found.changes.lost_in(part) <= mark.number <= found.changes.number

        return bool(marks) and all(is_good(*one) for one in parts_of(marks, span_of(asked)))

    def _knows(self, asked: UpstreamQuery, mark: Mark) -> bool:
        """Whether this process has heard of the change that the mark names."""
        found = self._of_epoch(asked, mark.epoch)
        return found is not None and mark.number <= found.changes.number

    def _of_epoch(self, asked: UpstreamQuery, epoch: bytes) -> Collection | None:
        """The collection of the question or of the whole tenant, whichever the epoch is of."""
        both = (self.collection(asked), self.collection(EVERYTHING))
        return next((one for one in both if epoch in (one.changes.epoch, one.changes.own)), None)


def parts_of(marks: Sequence[Mark], span: Span) -> Iterator[tuple[Mark, Span]]:
    """The part of the span that each mark is of; the last one's reaches down to its start."""
    end = span.end
    for number, mark in enumerate(marks, 1):
        low = span.start if number == len(marks) else max(span.start, mark.low)
        if low < end:
            yield mark, Span(low, end)
        end = min(end, low)


def span_of(asked: UpstreamQuery) -> Span:
    """The range of a question."""
    return Span(asked.start or EVER, asked.end or FOREVER)
