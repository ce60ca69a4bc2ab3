"""How the table is shown: Markdown, one line a row."""

from tests.benchmarks.row import Measured, Row

HEAD = "| row | what | target | reached | | made of |\n|---|---|---|---|---|---|"


def line(row: Row, measured: Measured | Exception) -> str:
    """One row as measured, or why it could not be."""
    if isinstance(measured, Exception):
        reason = f"{type(measured).__name__}: {measured}".splitlines()[0]
        return f"| {row.name} | {row.what} | {row.target} | – | not measured | {reason} |"
    verdict = "reached" if row.target.is_reached(measured.value) else "**misses**"
    return (
        f"| {row.name} | {row.what} | {row.target} | {row.target.shown(measured.value)} | {verdict} | {measured.note} |"
    )
