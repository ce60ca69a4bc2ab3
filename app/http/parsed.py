"""Lists that were asked for before: a repeated query string is neither parsed nor digested again."""

from collections.abc import Hashable
from typing import NamedTuple

from app.queries.fetch_plan import FetchPlan
from app.queries.query import InteractionQuery

MOST_KEPT = 1_000


class ParsedList(NamedTuple):
    """A query, what it asks of upstream, and the digest of all that shapes its answer beside the snapshot.

    `changes_at`: when the same query string asks another question (monotonic seconds), None where it never will.
    """

    query: InteractionQuery
    plan: FetchPlan
    shape: bytes
    changes_at: float | None


class ParsedLists:
    """The newest of them, under whatever they were parsed from."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: dict[Hashable, ParsedList] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Hashable, now: float) -> ParsedList | None:
        """The one parsed from the same before, where it still asks the same question at `now`."""
        parsed = self._kept.get(key)
        return parsed if parsed is not None and (parsed.changes_at is None or now < parsed.changes_at) else None

    def keep(self, key: Hashable, parsed: ParsedList) -> ParsedList:
        """Find it from now on; the oldest is forgotten where there are too many."""
        self._kept.pop(key, None)
        self._kept[key] = parsed
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        return parsed
