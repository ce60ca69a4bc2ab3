"""The two questions that can be put to upstream, in the one form the spine works on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from app.cache.keys import digest
from app.interactions.records import ATTRIBUTE
from app.reports import lifetime
from app.reports.lifetime import Lifetime
from app.reports.query import Search
from app.reports.report import Report
from app.reports.rules import Rules
from app.upstream.client import UpstreamClient
from app.upstream.query import UpstreamQuery
from app.upstream.reading import Position, Reading

_NO_INTERACTION = Reading(records=(), offset=0, total=0, complete=True)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of upstream.

    `read` takes what to ask, where to go on, how many of its rows are wanted in all, how many calls that may take, and
    whether nobody waits for it.
    `is_held` says whether it would be sent nothing now. `version` pins the snapshot to answer from; None takes the
    newest. `is_of_one`: it is about one interaction.
    """

    key: bytes
    asked: UpstreamQuery
    read: Callable[[UpstreamQuery, Position, int, int, bool], Awaitable[Reading]]
    lifetime: Callable[[Report], Lifetime]
    is_held: Callable[[], bool]
    version: str | None = None
    is_of_one: bool = False

    def snapshot_key(self, version: str) -> bytes:
        """Where one snapshot of the answer is stored."""
        return digest("snapshot", self.key, version)


def of_search(search: Search, version: str | None, upstream: UpstreamClient, rules: Rules) -> Question:
    """The rows of a search, as many as a snapshot may hold."""

    async def read(asked: UpstreamQuery, position: Position, rows: int, most_calls: int, background: bool) -> Reading:
        return await upstream.interactions(
            asked, position, rows=rows, most=rules.most_rows, most_calls=most_calls, background=background
        )

    name = search.sent_name()
    asked = UpstreamQuery(
        attribute_values=search.values(),
        hook_type=upstream.raw_name(name) if name else search.hook_type,
        hook_sub_type=ATTRIBUTE if name else search.hook_subtype,
        hook_id=search.hook_id,
        contact_id=search.contact_id,
        start=search.start,
        end=search.end,
    )
    return Question(
        key=search.key(rules.context.tenant_id),
        asked=asked,
        read=read,
        lifetime=lambda report: lifetime.of_search(report, search.end, rules),
        is_held=upstream.refuses_lists,
        version=version,
    )


def of_interaction(
    interaction_id: str, upstream: UpstreamClient, rules: Rules, time_zone: Callable[[], Awaitable[ZoneInfo]]
) -> Question:
    """One interaction. Upstream's answer names no time zone, so the tenant's is asked for."""

    async def read(_asked: UpstreamQuery, _position: Position, _rows: int, _calls: int, background: bool) -> Reading:
        zone = await time_zone()
        reading = await upstream.interaction(interaction_id, background=background)
        return replace(reading or _NO_INTERACTION, time_zone=zone.key)

    return Question(
        key=digest("interaction", rules.context.tenant_id, interaction_id),
        asked=UpstreamQuery(),
        read=read,
        lifetime=lambda report: lifetime.of_interaction(report, rules),
        is_held=upstream.refuses_items,
        is_of_one=True,
    )
