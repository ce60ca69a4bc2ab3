"""Whatever the OpenAPI document allows, and what it does not, sent to a façade: schemathesis finds no contradiction."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.http.routes import LISTS, SEARCHES, SUMMARIES
from app.simulator import create_simulator
from tests.support.canary import WATCH
from tests.support.facade import TENANT, facade_in_thread

PROJECT = Path(__file__).parents[2]
SCOPES = ("read", "pii:read", "notes:read", "cache:purge", "cache:refresh", "metrics:read")
INTERACTIONS = 20  # in all: large answers would be checked row by row, which shows nothing more
EXAMPLES = 15  # for each operation, beside those that cover every constraint of the document
PHASES = (
    "examples,coverage,fuzzing"  # not stateful: the one link there is, `next`, is walked in scenarios/test_walks.py
)
TABLES = [one.path for one in (*LISTS, *SUMMARIES, *SEARCHES)]
ASKED = (
    *("/interactions", "/interactions.ndjson", "/interactions.csv", "/interactions/search"),
    *("/interactions/summary", "/interactions/summary/search", "/queue-entries"),
)
ALIKE = [path for path in TABLES if path not in ASKED]
"""Lists of the same table and code: one of them is asked, and each has a real answer in `http/test_openapi.py`."""

HANG_SECONDS = 170
REFUSALS = ("400", "401", "403", "404", "405", "406", "413", "414", "415", "422", "429", "431", "5xx")
CONFIGURATION = f"[checks.negative_data_rejection]\nexpected-statuses = {list(REFUSALS)!r}\n"

EXCLUDED = {
    "allow_header_conformance": "OpenAPI 3.1 has no word for QUERY, which lists and summaries take and Allow names",
    "positive_data_acceptance": (
        "a schema cannot say which parameters go together, which columns there are, or which cursors were given out"
    ),
    "unsupported_method": (
        "it sends the body of a POST with GET, and a body on GET is refused before the method is looked at (FAULTS T16)"
    ),
}


@pytest.mark.timeout(HANG_SECONDS + 10)
def test_schemathesis_finds_nothing_that_contradicts_the_document(seed: int, tmp_path: Path) -> None:
    simulator = create_simulator(replace(TENANT, interactions=INTERACTIONS))
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    with facade_in_thread(simulator, allow_anonymous=True, anonymous_scopes=SCOPES) as url:
        ran = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                *("run", str(PROJECT / "openapi/facade.json"), "--url", url, "--seed", str(seed)),
                *("--checks", "all", "--exclude-checks", ",".join(EXCLUDED), "--phases", PHASES),
                *(word for path in ALIKE for word in ("--exclude-path", path)),
                *("--max-examples", str(EXAMPLES), "--no-shrink", "--generation-database", "none"),
                *("--header", "Accept-Encoding: identity"),  # no client can decode a part of a compressed answer
                *("--request-timeout", "20", "--no-color", "--warnings", "off"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "SCHEMATHESIS_HOOKS": "tests.fuzz.shapes"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=HANG_SECONDS,
        )
    WATCH.look(ran.stdout + ran.stderr, "the report of schemathesis")
    assert ran.returncode == 0, ran.stdout + ran.stderr
