"""Documents made from the tables: the schema of the rows."""

from collections.abc import Mapping

from app.interactions.columns import SCHEMA_VERSION, Column
from app.interactions.nested import INCLUDES


def schema(columns: Mapping[str, Column], max_rows: int) -> dict[str, object]:
    """Every column and every nested list, and the most rows that one answer holds, as JSON."""
    return {
        "schema_version": SCHEMA_VERSION,
        "max_rows": max_rows,
        "columns": [_column(column) for column in columns.values()],
        "include": [
            {
                "name": include.name,
                "description": include.description,
                "fields": [
                    {
                        "name": field.name,
                        "type": field.type,
                        "nullable": field.nullable,
                        "description": field.description,
                        "personal_data": field.personal,
                    }
                    for field in include.fields
                ],
            }
            for include in INCLUDES
        ],
    }


def _column(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "type": column.type,
        "unit": column.unit,
        "nullable": column.nullable,
        "null_when": column.null_when,
        "description": column.description,
        "source": column.source,
        "personal_data": column.personal,
        "allowed": list(column.allowed) or None,
    }
