"""The container image and the compose file, held to their rules by parsing: nothing is built here."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import load

PROJECT = Path(__file__).parents[1]
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LOOPBACK = "127.0.0.1"

Instruction = tuple[str, str]


def instructions(dockerfile: str) -> list[Instruction]:
    """Each instruction with its arguments, continued lines joined, comments dropped."""
    logical = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", dockerfile))
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in logical.splitlines() if line)
    ]


def stages(dockerfile: str) -> list[list[Instruction]]:
    """The instructions of each stage, its FROM first."""
    found: list[list[Instruction]] = []
    for word, rest in instructions(dockerfile):
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


BUILD, FINAL = stages(DOCKERFILE)


def the_only(word: str) -> str:
    """The arguments of the one `word` instruction of the final stage."""
    [rest] = [rest for name, rest in FINAL if name == word]
    return rest


def health_program() -> list[str]:
    """The image's health check as the kernel would run it."""
    program: list[str] = json.loads(the_only("HEALTHCHECK").partition(" CMD ")[2])
    return program


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server that answers everything with `status`: its port, and the paths it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

    with HTTPServer((LOOPBACK, 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


def test_both_stages_start_from_the_image_the_release_job_pins() -> None:
    assert instructions(DOCKERFILE)[0] == ("ARG", "PYTHON_IMAGE=python:3.12-slim-bookworm")
    assert [stage[0][1].split(" ")[0] for stage in (BUILD, FINAL)] == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]
    assert not re.search(r"sha256:[0-9a-f]{8}", DOCKERFILE)


@pytest.mark.threat("T64")
def test_only_hashed_wheels_reach_the_image() -> None:
    commands = [command.strip() for word, rest in BUILD if word == "RUN" for command in rest.split("&&")]
    fetching = [command for command in commands if re.search(r"\bpip\b.* (install|wheel|download)\b", command)]
    assert len(fetching) == 4
    for command in fetching:
        hashed = (
            "--require-hashes" in command and "--only-binary=:all:" in command and "-r requirements.lock" in command
        )
        assert hashed or "--no-index" in command, command


def test_the_final_stage_takes_the_installed_package_and_nothing_else() -> None:
    copies = [rest for word, rest in FINAL if word in {"COPY", "ADD"}]
    assert copies == ["--from=build /opt/cxfacade /opt/cxfacade"]
    assert "--compile" in BUILD[-1][1]


def test_the_final_stage_needs_no_shell() -> None:
    commands = [rest for word, rest in FINAL if word in {"RUN", "CMD", "ENTRYPOINT"}] + [json.dumps(health_program())]
    assert all(isinstance(json.loads(command), list) for command in commands)
    assert json.loads(the_only("ENTRYPOINT")) == ["cxfacade"]
    assert json.loads(the_only("CMD")) == ["serve"]


@pytest.mark.threat("T63")
def test_the_image_runs_as_nobody_and_writes_nothing() -> None:
    assert the_only("USER") == "10001:10001"
    assert the_only("EXPOSE") == "8080"
    assert {"PYTHONDONTWRITEBYTECODE=1", "CXF_HOST=0.0.0.0"} <= set(the_only("ENV").split())
    assert not re.search(r"(?i)password|secret|token|ALLOW_ANONYMOUS", DOCKERFILE)


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_asks_whether_the_server_lives(status: int, healthy: bool) -> None:
    with answering(status) as (port, asked):
        program = [sys.executable, *health_program()[1:]]
        proxied = os.environ | {"CXF_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
        ran = subprocess.run(program, env=proxied, check=False, capture_output=True)
    assert (ran.returncode == 0) is healthy
    assert asked == ["/health/live"]


def test_the_build_context_holds_only_what_the_image_is_made_of() -> None:
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {part.strip("./") for word, rest in BUILD if word == "COPY" for part in rest.split()[:-1]}
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


@pytest.mark.threat("T30", "T63")
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert {"mem_limit", "pids_limit", "cpus"} <= service.keys()
    assert service["ulimits"]["core"] == 0
    assert not {"privileged", "cap_add"} & service.keys()
    assert service.get("volumes", ["tier:/run/tier"]) == ["tier:/run/tier"]
    assert ("build" in service) is (service["image"] == "cxfacade")
    assert service["image"] == "cxfacade" or re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", service["image"])


def test_everything_is_published_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert sorted(ports) == [f"{LOOPBACK}:{port}:{port}" for port in (3000, 8080, 8083, 8090)]


def test_the_facade_reaches_the_simulator_over_their_shared_loopback() -> None:
    facade = SERVICES["facade"]
    assert facade["network_mode"] == "service:simulator"
    assert facade["environment"]["CXF_UPSTREAM_URL"] == f"http://{LOOPBACK}:8090"
    assert SERVICES["simulator"]["command"] == ["simulate", "--host", "0.0.0.0"]
    assert facade["depends_on"]["simulator"]["condition"] == "service_healthy"


def test_who_watches_is_started_only_when_asked_for_and_reads_the_files_of_the_docs() -> None:
    watching = {name for name, service in SERVICES.items() if service.get("profiles") == ["observe"]}
    assert watching == {"prometheus", "grafana"}
    mounted = [one["source"] for service in SERVICES.values() for one in service.get("configs", [])]
    assert sorted(mounted) == sorted(COMPOSE["configs"])
    for config in COMPOSE["configs"].values():
        assert (PROJECT / config["file"]).is_file(), config
    assert "metrics:read" in SERVICES["facade"]["environment"]["CXF_ANONYMOUS_SCOPES"].split(",")


def test_who_takes_turns_is_started_only_when_asked_for() -> None:
    scaled = {name for name, service in SERVICES.items() if service.get("profiles") == ["scale"]}
    assert scaled == {"facade-1", "facade-2", "tier", "proxy"}
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {"simulator", "facade"}
    assert {SERVICES[name]["network_mode"] for name in scaled - {"tier"}} == {"service:simulator"}
    proxied = (PROJECT / COMPOSE["configs"]["scale"]["file"]).read_text(encoding="utf-8")
    ports = [SERVICES[name]["environment"]["CXF_PORT"] for name in ("facade-1", "facade-2")]
    assert re.findall(rf"^ +server {LOOPBACK}:(\d+);$", proxied, re.MULTILINE) == ports
    assert re.findall(r"^ +listen (\d+);$", proxied, re.MULTILINE) == ["8083"]
    trusted = re.findall(r"^#\s+(CXF_\w+)=(\S+)$", proxied, re.MULTILINE)
    assert set(trusted) <= SERVICES["facade-1"]["environment"].items()


def test_facades_that_take_turns_differ_in_their_port_and_would_start() -> None:
    one, two = (dict(SERVICES[name]["environment"]) for name in ("facade-1", "facade-2"))
    assert {one.pop("CXF_PORT"), two.pop("CXF_PORT")} == {"8081", "8082"}
    assert one == two
    image = dict(part.split("=", 1) for part in the_only("ENV").split() if part.startswith("CXF_"))
    settings = load(environ={**image, **one}, env_file=None)
    settings.require_access()
    settings.require_upstream()
    assert settings.warnings == ()
    assert settings.pseudonym_secret
    tier = settings.require_tier()
    assert tier


def test_the_tier_is_reached_by_a_socket_in_memory_and_keeps_nothing() -> None:
    command = SERVICES["tier"]["command"]
    given = dict(pairwise(command[1:]))
    assert SERVICES["facade-1"]["environment"]["CXF_REDIS_URL"] == f"unix://{given['--unixsocket']}"
    assert (given["--port"], given["--save"], given["--appendonly"]) == ("0", "", "no")
    assert SERVICES["tier"]["network_mode"] == "none"
    assert given["--unixsocketperm"] == "700"
    assert {"--maxmemory", "--maxmemory-policy"} <= given.keys()
    volume = COMPOSE["volumes"]["tier"]["driver_opts"]
    assert volume["type"] == "tmpfs"
    assert {"uid=10001", "gid=10001", "mode=0700"} <= set(volume["o"].split(","))
    shared = [name for name, service in SERVICES.items() if "volumes" in service]
    assert shared == ["facade-1", "facade-2", "tier"]


def test_grafana_can_be_looked_at_and_not_changed() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert (environment["GF_AUTH_BASIC_ENABLED"], environment["GF_AUTH_DISABLE_LOGIN_FORM"]) == ("false", "true")


def test_the_simulator_has_a_health_check_of_its_own() -> None:
    kind, program, *rest = SERVICES["simulator"]["healthcheck"]["test"]
    assert (kind, program, rest[0]) == ("CMD", "python", "-c")
    assert f"http://{LOOPBACK}:8090/" in rest[1]
    compile(rest[1], "healthcheck", "exec")
    assert "healthcheck" not in SERVICES["facade"], "the image's own asks for the façade"


def test_the_facade_says_who_may_ask_and_holds_no_real_secret() -> None:
    environment = SERVICES["facade"]["environment"]
    assert environment["CXF_ALLOW_ANONYMOUS"] == "true"
    assert environment["CXF_ALLOWED_HOSTS"] == f"localhost,{LOOPBACK}"
    assert environment["CXF_PASSWORD"] == "demo-not-a-secret"
