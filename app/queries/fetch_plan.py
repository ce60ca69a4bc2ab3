"""Fetch plans: the two questions that upstream can be asked, in the form that the service works on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.cache.keys import digest
from app.cooperative import in_parallel
from app.errors import ChangeTokenExpired, InvalidParameters, ParameterFault
from app.holdings.changes import Mark
from app.interactions.masking import Audience
from app.interactions.parts import Interaction
from app.interactions.settling import ATTRIBUTE
from app.owners import Owners
from app.queries.alternatives import to_the_end, union_of
from app.queries.change_token import ChangeToken, token_text
from app.queries.query import ALL_ROWS, CHANGED_SINCE, Search
from app.queries.rules import Lifetime, Rules, lifetime_of_interaction, lifetime_of_search
from app.queries.snapshot import Snapshot
from app.queries.visible import ALL_VISIBLE, Visibility, is_followed, visibility_of
from app.upstream.client import UpstreamClient
from app.upstream.query import UpstreamQuery, alternatives
from app.upstream.rows import ILL, Recall
from app.upstream.walk import Position, Reading

NOT_FOLLOWED = (
    "changed_since does not apply to this question: what is held is not known to be all that you may see. "
    "Ask without it each time."
)
_NO_ROWS = Reading(records=(), offset=0, total=0, complete=True)


class Terms(NamedTuple):
    """By how many calls a reading may go on, in whose turns, whether nobody waits, and what need not be decoded."""

    most_calls: int
    owners: Owners | None = None
    background: bool = False
    recall: Recall | None = None


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """A question to upstream, and how its answer is read, kept and refreshed.

    `read` takes what to ask, where to go on, how many of its rows are wanted in all, and on what terms. `is_blocked`
    says whether it would be sent nothing now. `version` pins the snapshot to answer from; None takes the newest. With
    `since`, it is for what changed in the answer to the question of `whole_key`; `is_followed`: that may be told.
    Where the version is not stored, a walk goes on by the plan `elsewhere`, whose snapshot begins at the place of the
    cursor, with so many records `ahead` of it that it lacks; a list of changes is made anew there, of all up to the
    marks `reached` at least.
    `is_of_one`: it is about one interaction. `visibility` says which conditions are answered here, and why. Its
    snapshot may hold `most_rows`.
    """

    key: bytes
    asked: UpstreamQuery
    read: Callable[[UpstreamQuery, Position, int, Terms], Awaitable[Reading]]
    lifetime: Callable[[Snapshot], Lifetime]
    is_blocked: Callable[[], bool]
    version: str | None = None
    is_of_one: bool = False
    visibility: Visibility = ALL_VISIBLE
    is_followed: bool = False
    since: ChangeToken | None = None
    whole_key: bytes = b""
    elsewhere: "FetchPlan | None" = None
    ahead: int | None = None
    reached: tuple[Mark, ...] = ()
    most_rows: int = ALL_ROWS

    def is_readable(self, snapshot: Snapshot) -> bool:
        """Whether upstream has more rows than were read, and the snapshot may hold them."""
        return not snapshot.complete and snapshot.offset < self.most_rows

    def is_enough(self, snapshot: Snapshot, rows: int) -> bool:
        """Whether the snapshot holds so many rows, or all that it may hold."""
        return snapshot.rows >= rows or not self.is_readable(snapshot)

    @property
    def question_key(self) -> bytes:
        """The key of the question whose records it is about."""
        return self.whole_key or self.key

    @property
    def is_holdable(self) -> bool:
        """Whether all rows that upstream has for it may be seen, so that they can be held for other questions too."""
        return not (self.is_of_one or self.visibility.is_guarded or self.visibility.in_vain)


def of_search(
    search: Search, audience: Audience, version: str | None, upstream: UpstreamClient, rules: Rules
) -> FetchPlan:
    """The rows of a search that an audience may find, as many as a snapshot may hold.

    Where something is hidden, a reading that reached its end looks as if upstream had nothing but the visible rows. It
    begins with one call, and ends with it where that brings hidden ones alone: it must not cost more than a wrong
    guess. Rows that upstream sends unasked come for either, and are read past. Who asks in vain costs one call all the
    same, and upstream sends no rows for it.
    """
    context = replace(rules.context, audience=audience)
    visibility = visibility_of(search, context)

    async def read(asked: UpstreamQuery, position: Position, rows: int, terms: Terms) -> Reading:
        if visibility.in_vain:
            envelope = await upstream.tenancy(alternatives(asked)[0], background=terms.background, owners=terms.owners)
            return replace(envelope, total=0, complete=True)
        admits = visibility.admits(asked, context.pseudonym_secret)
        hidden: set[str] = set()

        def looked_at(interaction: Interaction) -> bool:
            is_seen = admits is None or admits(interaction)
            if not is_seen:
                hidden.add(interaction.interaction_id)
            return is_seen

        is_first = position.total is None
        reading = await upstream.interactions(
            asked,
            position,
            rows=rows,
            most=rules.most_rows,
            most_calls=1 if admits and is_first else terms.most_calls,
            background=terms.background,
            owners=terms.owners,
            admits=looked_at if admits else None,
            recall=terms.recall,
        )
        if not admits:
            return reading
        unasked = [one for one in reading.mismatched - hidden if not one.startswith(ILL)]
        if is_first and not reading.records and (reading.complete or not unasked):
            return replace(  # as where upstream has no row
                _NO_ROWS,
                time_zone=reading.time_zone,
                simulated=reading.simulated,
                upstream_seconds=reading.upstream_seconds,
                calls=reading.calls,
            )
        if reading.complete:
            held = position.held + len(reading.records)
            return replace(reading, total=held, dropped=reading.lost, mismatched=frozenset())
        return reading

    async def read_each(asked: UpstreamQuery, _position: Position, _rows: int, terms: Terms) -> Reading:
        def reads(one: UpstreamQuery) -> Callable[[], Awaitable[Reading]]:
            def read_on(position: Position, calls: int) -> Awaitable[Reading]:
                return read(one, position, rules.most_rows, terms._replace(most_calls=calls))

            return partial(to_the_end, read_on, terms.most_calls)

        return union_of(await in_parallel([reads(one) for one in alternatives(asked)]))

    told = visibility.told
    name = told.sent_name()
    sent_name = upstream.raw_name(name) if name and not visibility.in_vain else name
    asked = UpstreamQuery(
        attribute_values=told.values(),
        hook_type=sent_name or told.hook_type,
        hook_sub_type=ATTRIBUTE if name else told.hook_subtype,
        hook_id=told.hook_id,
        contact_id=told.contact_id,
        start=told.start,
        end=told.end,
        any_values=told.attr_any,
    )
    return FetchPlan(
        key=visibility.key(rules.digest),
        asked=asked,
        read=read_each if told.attr_any and not visibility.in_vain else read,
        lifetime=lambda snapshot: lifetime_of_search(snapshot, search.end, rules),
        is_blocked=upstream.refuses_lists,
        version=version,
        visibility=visibility,
        is_followed=is_followed(search, context) and not search.attr_any,
        most_rows=rules.most_rows,
    )


def of_changes(
    whole: FetchPlan, since: ChangeToken, question: bytes, reached: tuple[Mark, ...] = (), *, is_held: bool
) -> FetchPlan:
    """The changes of the answer to a question. Raises ChangeTokenExpired, and InvalidParameters where none is held.

    Where their snapshot is not here, a walk that began with all up to the marks `reached` goes on elsewhere.
    """
    if not (is_held and whole.is_holdable and whole.is_followed):
        raise InvalidParameters([ParameterFault(CHANGED_SINCE, NOT_FOLLOWED)])
    if since.question != question:
        raise ChangeTokenExpired("The token is of another question: load this one first, without changed_since.")
    key = digest("changes", whole.key, token_text(since))
    plan = replace(whole, key=key, since=since, whole_key=whole.key)
    if not reached:
        return plan
    key = digest("changes", key, token_text(since._replace(marks=reached)))
    return replace(plan, elsewhere=replace(plan, key=key, version=None, ahead=0, reached=reached))


def of_interaction(
    interaction_id: str, upstream: UpstreamClient, rules: Rules, time_zone: Callable[[], Awaitable[ZoneInfo]]
) -> FetchPlan:
    """A single interaction. Upstream's answer names no time zone, so the tenant's is asked for."""

    async def read(_asked: UpstreamQuery, _position: Position, _rows: int, terms: Terms) -> Reading:
        zone = await time_zone()
        reading = await upstream.interaction(
            interaction_id, background=terms.background, owners=terms.owners, recall=terms.recall
        )
        return replace(reading or _NO_ROWS, time_zone=zone.key)

    return FetchPlan(
        key=digest("interaction", rules.digest, interaction_id),
        asked=UpstreamQuery(),
        read=read,
        lifetime=lambda snapshot: lifetime_of_interaction(snapshot, rules),
        is_blocked=upstream.refuses_items,
        is_of_one=True,
    )
