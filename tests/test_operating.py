"""docs/operating.md and the files beside it say what the code does: names, settings, events, figures, commands."""

import json
import re
from collections.abc import Iterator
from configparser import RawConfigParser
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from app.clock import SYSTEM_CLOCK
from app.commands.servers import MOST_SECONDS_TO_END
from app.commands.sockets import BACKLOG
from app.http.telemetry import MOST_KEYS, TIMED_ONE_IN
from app.observe.lines import LINES
from app.observe.metrics import METRICS, PREFIX, Metrics
from app.settings import SETTINGS, Settings, load
from app.sharing import try_tier
from app.tier.circuits import ServerError
from tests.support.shown import ROOT, Demo, blocks, consoles, running_demo
from tests.support.tier import KINDS, TierServer, running_tier

FOLDER = ROOT / "docs/operating"
NOBODY = "00000000-0000-4000-8000-000000000000"
DOCUMENT = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
SHOWN = consoles(DOCUMENT)
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana/dashboard.json").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = re.findall(r"^```promql\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)[0].splitlines()
EXPRESSIONS = [
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
    *(variable["query"] for variable in DASHBOARD["templating"]["list"]),
    *(rule["expr"] for rule in RULES),
    *QUERIES,
]
OF_PROMETHEUS = {"job", "instance", "le"}
LABELS = {metric.full_name: set(metric.labels) for metric in METRICS}
PARTS = ("_bucket", "_sum", "_count")


def known_names() -> set[str]:
    """Every metric there is: those of the table, and those of the process."""
    told = re.findall(rf"^# TYPE ({PREFIX}\w+) ", Metrics().exposition().decode(), re.MULTILINE)
    histograms = {metric.full_name for metric in METRICS if metric.kind == "histogram"}
    return set(told) | {name + part for name in histograms for part in PARTS}


def names_in(expression: str) -> set[str]:
    return set(re.findall(rf"\b{PREFIX}\w+", expression))


def labels_in(expression: str) -> set[str]:
    """What is selected by and summed by."""
    selected = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    return {*selected, *(label.strip() for group in grouped for label in group.split(","))}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_asks_for_what_there_is(expression: str) -> None:
    names = names_in(expression)
    assert names <= known_names()
    assert names or "up{" in expression
    whole = {name.removesuffix(part) for name in names for part in ("", *PARTS)}
    assert labels_in(expression) <= OF_PROMETHEUS.union(*(LABELS.get(name, set()) for name in whole))
    assert expression.count("(") == expression.count(")")


def test_every_metric_of_the_table_is_asked_for() -> None:
    shown = set().union(*(names_in(expression) for expression in EXPRESSIONS))
    missing = {name for name in LABELS if not any(name + part in shown for part in ("", *PARTS))}
    assert not missing


def test_panels_have_a_place_of_their_own_and_a_title() -> None:
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    source = yaml.safe_load((FOLDER / "grafana/datasource.yml").read_text(encoding="utf-8"))["datasources"][0]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"]}


def rows_of(heading: str) -> list[list[str]]:
    """The table under a heading, its head left out."""
    section = DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[1:]]


def test_the_alerts_told_are_those_there_are() -> None:
    assert rows_of("Alerts") == [
        [
            f"`{rule['alert']}`",
            rule["labels"]["severity"],
            rule["annotations"]["summary"],
            rule["annotations"]["action"],
        ]
        for rule in RULES
    ]


def test_an_alert_names_settings_and_panels_there_are() -> None:
    told = "\n".join(rule["annotations"]["action"] for rule in RULES)
    assert set(re.findall(r"CXF_\w+", told)) <= {row.name for row in SETTINGS}
    assert set(re.findall(r"panel ([A-Z][\w ]+)", told)) <= {panel["title"] for panel in PANELS}


def test_every_log_line_is_told_with_its_meaning() -> None:
    assert rows_of("Log") == [[f"`{line.name}`", line.meaning] for line in LINES]


def test_every_setting_is_told_with_its_default() -> None:
    defaults = {row.name: "–" if row.default == "none" else f"`{row.default}`" for row in SETTINGS}
    assert {cells[0].strip("`"): cells[1] for cells in rows_of("Settings")} == defaults
    assert set(re.findall(r"CXF_[A-Z_]+", DOCUMENT)) <= set(defaults) | {f"{name}_FILE" for name in defaults}


def test_figures_told_are_those_measured_and_those_of_the_code() -> None:
    measured = re.search(r"\| (\d+) of [\d,]+ bytes, ", (ROOT / "docs/figures.md").read_text(encoding="utf-8"))
    assert measured
    assert f"takes about {measured[1]} bytes" in DOCUMENT
    assert f"at most {MOST_KEYS} keys" in DOCUMENT
    assert f"of one in {TIMED_ONE_IN}," in DOCUMENT
    assert MOST_SECONDS_TO_END < 13
    assert f"together hold {Settings.model_fields['connections_per_address'].default} connections" in DOCUMENT


def test_the_environment_is_written_before_the_service_is_enabled() -> None:
    commands = "".join(blocks("sh", DOCUMENT)).splitlines()
    [written] = [place for place, line in enumerate(commands) if line.startswith("tee /etc/cxfacade/environment")]
    [enabled] = [place for place, line in enumerate(commands) if line.startswith("systemctl enable --now")]
    made = next(place for place, line in enumerate(commands) if "/etc/cxfacade" in line)
    assert made < written < enabled
    service = unit("cxfacade.service")["Service"]
    assert service["EnvironmentFile"] == "/etc/cxfacade/environment", "without a dash: it has to be there"
    given = dict(line.split("=", 1) for line in commands[written + 1 : commands.index("END")])
    assert set(given) <= {name for row in SETTINGS for name in (row.name, f"{row.name}_FILE")}


def test_every_file_named_exists() -> None:
    for path in re.findall(r"\b((?:docs|tests|app)/[\w./*]*[\w*])", DOCUMENT):
        assert list(ROOT.glob(path)), path
    for target in re.findall(r"\]\(#([\w-]+)\)", DOCUMENT):
        assert target in {
            heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.*)$", DOCUMENT, re.MULTILINE)
        }


def unit(name: str) -> dict[str, dict[str, str]]:
    """A systemd unit: section → key → the last value given."""
    read = RawConfigParser(strict=False, interpolation=None, delimiters=("=",))
    read.optionxform = str  # type: ignore[assignment,method-assign]  # keys of units have capitals
    read.read_string((FOLDER / "systemd" / name).read_text(encoding="utf-8"))
    return {section: dict(read[section]) for section in read.sections()}


def test_the_service_has_no_right_it_does_not_need() -> None:
    service = unit("cxfacade.service")["Service"]
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["ProtectSystem"] == "strict"
    assert service["User"] not in ("", "root")
    for key in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "MemoryDenyWriteExecute"):
        assert service[key] == "yes"
    assert {"MemoryMax", "TasksMax", "LimitNOFILE"} <= service.keys()
    assert service["LimitCORE"] == "0"
    assert not any("PASSWORD=" in value for value in service.values())


def test_the_service_gets_its_socket_and_the_time_to_end() -> None:
    service, socket = unit("cxfacade.service"), unit("cxfacade.socket")
    assert service["Unit"]["Requires"] == "cxfacade.socket"
    assert service["Service"]["KillMode"] == "mixed", "a second signal would end workers at once"
    assert service["Service"]["ExecReload"].endswith("-HUP $MAINPID")
    assert int(service["Service"]["TimeoutStopSec"]) > MOST_SECONDS_TO_END + 1
    assert socket["Socket"]["ListenStream"].startswith("127.0.0.1:")
    assert int(socket["Socket"]["Backlog"]) == BACKLOG


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo that the document names."""
    with running_demo("--anonymous-scopes", "read,metrics:read") as running:
        yield running


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command[:60] for command, _ in SHOWN])
def test_a_command_shown_prints_what_is_shown(demo: Demo, tmp_path: Path, command: str, output: str) -> None:
    demo.prints(command, output, CXF_CLIENT_KEYS_FILE=str(tmp_path / "keys.json"))


USERS = (FOLDER / "valkey.acl").read_text(encoding="utf-8")
USERS = USERS.replace("REPLACE-BY-THE-SHA-256-OF-A-PASSWORD", sha256(b"invented").hexdigest())
WHERE_ASKED_FOR = {"select", "unwatch"}  # with a number of a database, and where a lease is held no more


def of_tier(server: TierServer) -> Settings:
    """Settings of a façade that is the user of USERS."""
    url = f"unix://cxfacade:invented@{server.socket}?db=0"
    given = {"tenant_id": NOBODY, "redis_url": url, "tier_secret": "an invented secret"}
    return load(given, environ={}, env_file=None)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_server_of_the_shared_tier_starts_as_shown_and_its_user_may_do_all_that_is_needed(kind: str) -> None:
    conf = (FOLDER / "valkey.conf").read_text(encoding="utf-8").replace("/etc/valkey/", "")
    conf = re.sub("^unixsocket .*$", "", conf, flags=re.MULTILINE)
    with running_tier(kind, conf=conf, files={"valkey.acl": USERS}) as server:
        assert await try_tier(of_tier(server), SYSTEM_CLOCK.wall)
        with Redis(unix_socket_path=str(server.socket), username="cxfacade", password="invented") as user:
            for refused in (("KEYS", "*"), ("EVAL", "return 1", 0), ("CONFIG", "GET", "*"), ("GET", "another's")):
                with pytest.raises(NoPermissionError):
                    user.execute_command(*refused)
        with Redis(unix_socket_path=str(server.socket)) as anonymous, pytest.raises(AuthenticationError):
            anonymous.ping()


@pytest.mark.parametrize("command", sorted({*re.findall(r"\+(\w+)", USERS)} - WHERE_ASKED_FOR))
async def test_each_command_that_the_user_may_send_is_tried(command: str) -> None:
    users = USERS.replace(f" +{command}", "")
    told = "the user may not do this|the server refuses the command"
    with (
        running_tier("valkey", "--aclfile", "users", files={"users": users}) as server,
        pytest.raises(ServerError, match=told),
    ):
        await try_tier(of_tier(server), SYSTEM_CLOCK.wall)
