"""Chance in tests: each run has another seed, which is told at its end and can be given back by TEST_SEED."""

import os
import secrets
from typing import Any

VARIABLE = "TEST_SEED"
PROPERTY = "seed"


def chosen() -> int:
    """The seed of TEST_SEED, else a new one."""
    given = os.environ.get(VARIABLE)
    return int(given) if given else secrets.randbits(32)


def summarise(terminalreporter: Any) -> None:
    """Tell the seeds of the run, whatever came of its tests; results arrive here from every worker."""
    lines = sorted(
        f"{report.nodeid}: {VARIABLE}={value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    )
    if lines:
        terminalreporter.section("seeds")
        for line in lines:
            terminalreporter.write_line(line)
