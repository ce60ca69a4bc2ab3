"""How two lists of rows differ, in one line. Pure."""

from typing import Any

KEY, START = "interaction_id", "started_at"
Rows = list[dict[str, Any]]


def difference(held: Rows, whole: Rows) -> str:
    """How many rows `held` lacks and has beyond the `whole`, the newest start of each, and the columns that differ.

    Empty where both are equal.
    """
    mine, theirs = ({row[KEY]: row for row in rows} for rows in (held, whole))
    columns = {
        name for key in mine.keys() & theirs.keys() for name in mine[key] if mine[key][name] != theirs[key].get(name)
    }
    parts = [
        _counted("lacks", [theirs[key] for key in theirs.keys() - mine.keys()]),
        _counted("has beyond it", [mine[key] for key in mine.keys() - theirs.keys()]),
        f"other {', '.join(sorted(columns))}" if columns else "",
        "" if held == whole or mine != theirs else "another order",
    ]
    return "; ".join(filter(None, parts))


def _counted(words: str, rows: Rows) -> str:
    return f"{words} {len(rows)}, newest of {max(row[START] for row in rows)}" if rows else ""
