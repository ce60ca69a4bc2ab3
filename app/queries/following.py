"""Following: the change token of an answer, and whether changes of it may be told at all."""

from dataclasses import dataclass, replace

from app.holdings.holdings import Holdings
from app.queries.change_token import ChangeToken, token_text
from app.queries.query import InteractionQuery
from app.queries.rules import Rules
from app.queries.snapshot import Snapshot
from app.queries.visible import is_followed


@dataclass(frozen=True, slots=True)
class Following:
    """Gives the tokens by which answers are followed."""

    holdings: Holdings
    rules: Rules

    def token(self, query: InteractionQuery, snapshot: Snapshot, *, is_begun: bool = False) -> str | None:
        """The token of the question in the state that the snapshot shows; None where its changes cannot be told.

        Where the answer `is_begun`, nobody knows yet what the rest of it will be made of: it is good here alone.
        """
        place = query.cursor or query.search
        is_whole = snapshot.asked.end == place.end  # else it tells nothing of what the walk has left behind
        is_union = bool(query.search.attr_any)
        if not (snapshot.marks and is_whole) or is_union or query.summary or not self.is_followed(query):
            return None
        marks = (query.cursor and query.cursor.place and query.cursor.place.reached) or snapshot.marks
        if is_begun and not snapshot.complete:
            marks = self.holdings.marks_here(marks, snapshot.asked)
        return token_text(ChangeToken(marks, query.question(), place.start, place.end))

    def is_followed(self, query: InteractionQuery) -> bool:
        """Whether the query's audience may be given a change token, which tells when something changed."""
        return is_followed(query.search, replace(self.rules.context, audience=query.view.audience))
