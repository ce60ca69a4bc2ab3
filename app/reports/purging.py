"""Purging: forget what is stored, what was made of it, and what is on its way to the store (FAULTS §3).

Each gives how many stored reports are gone. Who waits for a fetch that is under way gets its answer; nobody else does.
"""

from collections.abc import Container
from dataclasses import replace

from app.interactions.masking import customer_key
from app.reports.query import InteractionQuery
from app.reports.question import Question
from app.reports.report import Report
from app.reports.service import Reports
from app.turns import Turns, in_turns


async def purge_all(reports: Reports) -> int:
    """Forget everything upstream has told, the tenant's time zone among it."""
    reports.flights.disown()
    reports.tenant_zone = None
    return await in_turns(reports.snapshots.purging(lambda _key, _report: True))


def every_view(reports: Reports, query: InteractionQuery) -> list[Question]:
    """The query's own question, then those of other views, which have reports of their own where something is hidden.

    Raises CursorMismatch.
    """
    own = reports.question(query)
    audiences = (replace(query.view.audience, clear=clear) for clear in (False, True))
    every = [reports.question(replace(query, view=replace(query.view, audience=one))) for one in audiences]
    return [own, *(other for other in every if other.key != own.key)]


async def purge_question(reports: Reports, question: Question, *others: Question) -> int:
    """Forget every snapshot of the question's report, and with them its answers, however they show the rows.

    The `others` are forgotten too, and not counted: that would tell what people who see more have asked for.
    """
    for one in others:
        await purge_question(reports, one)
    reports.flights.disown(question.key)
    return await in_turns(reports.snapshots.purging(lambda key, _report: key == question.key))


async def purge_interaction(reports: Reports, interaction_id: str) -> int:
    """Forget every report that holds the interaction, also those that only say that there is none.

    A list that is being fetched may hold it too: no such list is stored.
    """
    own_key = reports.question_of_one(interaction_id).key
    spellings = (interaction_id, interaction_id.upper())  # upstream's own is kept

    def concerns(key: bytes, report: Report | None) -> bool:
        return report is None or key == own_key or any(spelling in report.ids for spelling in spellings)

    reports.flights.disown()
    return await in_turns(reports.snapshots.purging(concerns))


async def purge_customer(reports: Reports, pseudonym: str) -> int:
    """Forget every report that holds a record of the customer with this `customer_key` (FAULTS T29).

    Every stored record is looked at, in turns; what arrives meanwhile is looked at too. What is still being fetched in
    the end may hold the customer, and is not stored.
    """
    secret = reports.rules.context.pseudonym_secret
    holds: dict[tuple[str, int], bool] = {}
    while unseen := await in_turns(_unseen(reports, holds)):
        for one in unseen:
            holds[_content(one)] = await in_turns(_holds(one, pseudonym, secret))
    reports.flights.disown()
    return await in_turns(reports.snapshots.purging(lambda _key, report: report is None or holds[_content(report)]))


def _unseen(reports: Reports, seen: Container[tuple[str, int]]) -> Turns[list[Report]]:
    unseen = []
    for report in reports.snapshots.reports():
        if _content(report) not in seen:
            unseen.append(report)
        yield
    return unseen


def _content(report: Report) -> tuple[str, int]:
    """What tells a report from all others; not the report itself, which would be kept while others are read."""
    return report.version, report.rows


def _holds(report: Report, pseudonym: str, secret: bytes) -> Turns[bool]:
    for block in report.blocks:
        for record in block.records():
            yield
            if record.customer and customer_key(record.customer, secret) == pseudonym:
                return True
    return False
