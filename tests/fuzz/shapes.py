"""What schemathesis is told to leave out, by its own hook: it loads this module into its process."""

from typing import Any

import schemathesis


@schemathesis.hook
def filter_query(_context: schemathesis.HookContext, query: dict[str, Any] | None) -> bool:
    """The shapes that the document describes in words alone, so that generated clients have one type for a list."""
    return not query or (query.get("shape") not in ("records", "columns") and query.get("format") in (None, "json"))
