"""Purging: forget what is stored, what was made of it, and what is on its way to the store (FAULTS §3).

Each gives how many stored snapshots are gone. Clients who wait for a fetch get its answer; nobody else does.
"""

from collections.abc import Container, Iterable
from dataclasses import replace

from app import cooperative
from app.cooperative import Turns
from app.holdings.collection import implies
from app.holdings.packing import Run
from app.holdings.partition import EVERYTHING
from app.interactions.masking import customer_key
from app.queries.fetch_plan import FetchPlan
from app.queries.query import InteractionQuery
from app.queries.service import Queries
from app.queries.snapshot import Snapshot
from app.upstream.query import alternatives


async def purge_all(queries: Queries) -> int:
    """Forget everything upstream has told, the tenant's time zone among it."""
    queries.flights.detach()
    queries.zone.forget()
    queries.holdings.purge()
    return await cooperative.run(queries.snapshots.purging(lambda _key, _snapshot: True))


def every_view(queries: Queries, query: InteractionQuery) -> list[FetchPlan]:
    """The query's own question, then those of other views, which have snapshots of their own where something is hidden.

    Raises CursorMismatch.
    """
    own = queries.planner.plan(query)
    audiences = (replace(query.view.audience, clear=clear) for clear in (False, True))
    every = [queries.planner.plan(replace(query, view=replace(query.view, audience=one))) for one in audiences]
    return [own, *(other for other in every if other.key != own.key)]


async def purge_question(queries: Queries, plan: FetchPlan, *others: FetchPlan) -> int:
    """Forget every snapshot of the question, its answers, however they show the rows, and all that holds its rows.

    The `others` are forgotten too, and not counted: that would tell what people who see more have asked for.
    """
    for one in others:
        await purge_question(queries, one)
    queries.flights.detach(plan.key)
    if plan.is_holdable:
        each = alternatives(plan.asked)
        queries.holdings.purge(lambda collection: any(implies(one, collection.conditions) for one in each))
    return await cooperative.run(queries.snapshots.purging(lambda key, _snapshot: key == plan.key))


async def purge_interaction(queries: Queries, interaction_id: str) -> int:
    """Forget every snapshot that holds the interaction, also those that only say that there is none.

    A list that is being fetched may hold it too: no such list is stored.
    """
    own_key = queries.planner.plan_of_one(interaction_id).key
    spellings = (interaction_id, interaction_id.upper())  # upstream's own is kept

    def concerns(key: bytes, snapshot: Snapshot | None) -> bool:
        return snapshot is None or key == own_key or _is_in(snapshot.runs, spellings)

    queries.flights.detach()
    queries.holdings.purge(lambda one: one.is_being_read or _is_in(one.runs(EVERYTHING), spellings))
    return await cooperative.run(queries.snapshots.purging(concerns))


def _is_in(runs: Iterable[Run], spellings: Iterable[str]) -> bool:
    return any(one in run.ids for run in runs for one in spellings)


async def purge_customer(queries: Queries, pseudonym: str) -> int:
    """Forget every snapshot that holds a record of the customer with this `customer_key` (FAULTS T29).

    Every stored record is looked at, in turns; what arrives meanwhile is looked at too. What is still being fetched in
    the end may hold the customer, and is not stored.
    """
    secret = queries.rules.context.pseudonym_secret
    for collection in [*queries.holdings.collections()]:
        if collection.is_being_read or await cooperative.run(_holds(collection.runs(EVERYTHING), pseudonym, secret)):
            collection.purge()
    holds: dict[tuple[str, int], bool] = {}
    while unseen := await cooperative.run(_unseen(queries, holds)):
        for one in unseen:
            holds[_content(one)] = await cooperative.run(_holds(one.runs, pseudonym, secret))
    queries.flights.detach()
    return await cooperative.run(
        queries.snapshots.purging(lambda _key, snapshot: snapshot is None or holds[_content(snapshot)])
    )


def _unseen(queries: Queries, seen: Container[tuple[str, int]]) -> Turns[list[Snapshot]]:
    unseen = []
    for snapshot in queries.snapshots.snapshots():
        if _content(snapshot) not in seen:
            unseen.append(snapshot)
        yield
    return unseen


def _content(snapshot: Snapshot) -> tuple[str, int]:
    """An identity of the snapshot that does not keep it in memory while others are read."""
    return snapshot.version, snapshot.rows


def _holds(runs: Iterable[Run], pseudonym: str, secret: bytes) -> Turns[bool]:
    for run in runs:
        for record in run.block.records():
            yield
            if record.customer and customer_key(record.customer, secret) == pseudonym:
                return True
    return False
