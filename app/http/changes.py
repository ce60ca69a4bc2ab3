"""Lists of changes as tables: removed interactions stand beside the rows, or among them where there is no envelope."""

from app.formats import Table
from app.interactions.columns import ListType
from app.queries.query import View
from app.queries.select import Selection

CHANGE, KEY = "change", "interaction_id"
UPSERT, REMOVE = "upsert", "remove"


def has_envelope(view: View) -> bool:
    """Whether the representation has a place for `removed` beside its rows."""
    return (view.format, view.variant) == ("json", "envelope")


def table_of_changes(selection: Selection, view: View) -> Table:
    """The rows as they are, after a column that says upsert; then a row for each removed interaction: its key alone."""
    key = next(place for place, (_, column) in enumerate(view.columns) if column == KEY)
    nothing: list[object] = [[] if isinstance(kind, ListType) else None for kind in selection.types]
    rows = [(UPSERT, *row) for row in selection.rows]
    rows += [(REMOVE, *nothing[:key], one, *nothing[key + 1 :]) for one in selection.removed]
    return Table((CHANGE, *selection.names), rows, ("enum", *selection.types))
