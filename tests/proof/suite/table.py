"""The table of all cases, as the documentation shows it."""

from tests.proof.suite import (
    directives,
    fields,
    freshness,
    interim,
    parts,
    purging,
    stale,
    statuses,
    validation,
    variants,
)
from tests.proof.suite.case import CASES

FILES = (stale, directives, freshness, variants, validation, parts, statuses, fields, interim, purging)
"""Each enters its cases by being imported."""

HEAD = ("| family | test | holds | |", "|---|---|---|---|")


def table() -> str:
    """The cases by family and name, in Markdown."""
    rows = sorted((one.family, one.id, one.holds, one.remark) for one in CASES.values())
    return "\n".join((*HEAD, *(f"| {family} | {name} | {_word(holds)} | {how} |" for family, name, holds, how in rows)))


def _word(holds: bool) -> str:
    return "yes" if holds else "no"


if __name__ == "__main__":
    print(table())  # noqa: T201 - what it is for
