"""Clients are generated from openapi/facade.json: programs that use them run, a wrong one does not compile."""

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.support.facade import facade_in_thread
from tests.support.node import ROOT, SOURCES, run, with_packages

DOCUMENT = str(ROOT / "openapi/facade.json")
HEAD = """
import type { components, operations } from "./facade.js";
declare const row: components["schemas"]["Interaction"];
declare const problem: components["schemas"]["Problem"];
type Query = NonNullable<operations["listInteractions"]["parameters"]["query"]>;
"""
# What must not compile, and the compiler's number for it.
WRONG = {
    "misspelt_column": ("export const queue = row.first_queue;", 2551),
    "misspelt_filter": ('export const query: Query = { "attribute-value": "1234567" };', 2353),
    "null_passed_over": ("export const length = row.first_queue_name.length;", 18047),
    "list_not_asked_for": ("export const count = row.attributes.length;", 18048),
    "unknown_outcome": ('export const lucky = row.sla_outcome === "lucky";', 2367),
    "unknown_code": ('export const late = problem.code === "too-late";', 2367),
    "text_for_a_number": ('export const query: Query = { limit: "ten" };', 2322),
}
RIGHT = """
export const queue: string | null = row.first_queue_name;
export const query: Query = { attr: ["1234567"], attr_pair: ["accountNumber=12345"], limit: 10 };
export const names: (string | null)[] | undefined = row.attributes?.map((attribute) => attribute.name);
export const met: boolean = row.sla_outcome === "met" && problem.code !== "cursor-expired";
"""
# Each generator's command, and what its client puts behind the name of a list.
CLIENTS = {
    "openapi-fetch": (("openapi-typescript", DOCUMENT, "--output", "facade.d.ts"), ""),
    "hey-api": (("openapi-ts", "--file", "openapi-ts.config.js", "--input", DOCUMENT, "--silent", "--no-log-file"), ""),
    "axios": (("swagger-typescript-api", "generate", "--axios", "--path", DOCUMENT, "--output", "swagger"), "[]"),
}
KNOWN = "c506eb9b-f523-4616-8839-fbce3fd89c17"
# What each client is asked, and the interactions there are; None where the service's answer to the same URL says it.
QUESTIONS: list[tuple[dict[str, Any], list[str] | None]] = [
    ({"attr_pair": ["customAttributeWithResource=valueOne"]}, [KNOWN]),
    ({"attr_pair": ["customAttributeWithResource=valueOne", "customAttributeUsingIvrInput=1234567"]}, [KNOWN]),
    ({"attr_pair": ["customAttributeWithResource=valueOne", "customAttributeUsingIvrInput=valueOne"]}, []),
    ({"attr": ["valueOne", "1234567"], "limit": 2}, [KNOWN]),
    ({"attr_pair": ["a&b=c+d=e%20/é?#"]}, []),
    ({"channel_type": ["sms", "email"], "is_abandoned": ["false"], "limit": 7}, None),
    ({"from": "2018-10-30T14:33:45.954Z", "to": "2018-10-30T16:33:45.955+02:00"}, [KNOWN]),
    ({"from": "2018-10-30T14:33:45.955Z", "to": "2018-10-30T16:33:45.956+02:00"}, []),
]

# Summaries likewise, and the groups there are.
SUPPORT = {"queue_name": "Support", "offered_count": 1, "service_level": 1.0, "average_speed_of_answer_seconds": 6.591}
HALF_HOUR = {"interval_start": "2018-10-30T14:30:00.000Z", "interval_seconds": 1800}
SUMMARIES: list[tuple[dict[str, Any], list[dict[str, Any]] | None]] = [
    ({"attr": ["1234567"], "by": "queue_name", "measures": ",".join([*SUPPORT][1:])}, [SUPPORT]),
    ({"attr_pair": ["customAttributeWithResource=valueOne"], "interval": "30m"}, [{**HALF_HOUR, "count": 1}]),
    ({"attr": ["valueOne"], "channel_type": ["sms", "email"], "by": "queue_name"}, []),
    ({"by": "queue_name,exit_type", "measures": "count,p90:queue_seconds", "sort": "-count", "limit": 3}, None),
]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of tests/typescript with its packages and the types generated from the document."""
    copy = with_packages(tmp_path_factory.mktemp("client"), "no client is generated")
    generate(copy, copy, "openapi-fetch")
    return copy


def generate(project: Path, folder: Path, client: str) -> None:
    """Run the generator of a client in a folder of the project."""
    (program, *arguments), _ = CLIENTS[client]
    generated = run(folder, str(project / "node_modules/.bin" / program), *arguments)
    assert generated.returncode == 0, generated.stderr + generated.stdout


@pytest.fixture(scope="module")
def compilation(project: Path) -> subprocess.CompletedProcess[str]:
    """What the compiler said of the program, and of what must not compile; it writes `out/example.js`."""
    for name, (source, _) in WRONG.items():
        (project / f"{name}.ts").write_text(HEAD + source + "\n")
    (project / "right.ts").write_text(HEAD + RIGHT)
    return run(project, "node_modules/.bin/tsc")


@pytest.fixture(scope="module")
def clients(project: Path) -> subprocess.CompletedProcess[str]:
    """What the compiler said of the programs over the generated clients; it writes `out/<client>.js`."""
    folder = project / "clients"
    for client in ("hey-api", "axios"):
        generate(project, folder, client)
    return run(folder, "../node_modules/.bin/tsc")


@pytest.fixture(scope="module")
def facade_url() -> Iterator[str]:
    with facade_in_thread() as url:
        yield url


def locked() -> dict[str, dict[str, Any]]:
    packages: dict[str, dict[str, Any]] = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    return {path: package for path, package in packages.items() if path}


def test_every_package_is_pinned_by_its_hash_and_not_to_an_address() -> None:
    wanted = json.loads((SOURCES / "package.json").read_text())["devDependencies"]
    generators = {"openapi-typescript", "@hey-api/openapi-ts", "swagger-typescript-api"}
    assert generators | {"openapi-fetch", "axios", "typescript"} == set(wanted)
    assert {name: locked()[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [path for path, package in locked().items() if not package["integrity"].startswith("sha512-")] == []
    assert [path for path, package in locked().items() if "resolved" in package] == []


def test_the_program_type_checks(compilation: subprocess.CompletedProcess[str]) -> None:
    complaints = [line for line in compilation.stdout.splitlines() if not line.startswith(" ")]  # more of the one above
    assert [line for line in complaints if line.partition(".ts(")[0] not in WRONG] == []


def test_what_the_document_does_not_say_does_not_compile(compilation: subprocess.CompletedProcess[str]) -> None:
    found = re.findall(r"^(\w+)\.ts\(\d+,\d+\): error TS(\d+):", compilation.stdout, re.M)
    assert sorted(found) == sorted((name, str(number)) for name, (_, number) in WRONG.items()), compilation.stdout


@pytest.mark.usefixtures("compilation")
def test_the_program_walks_all_pages_and_reads_rows_and_problems(project: Path, facade_url: str) -> None:
    done = run(project, "node", "out/example.js", facade_url)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["count"] == said["distinct"] > 500
    assert "Support" in said["queues"]
    assert said["found"] == [f"{KNOWN} Support answered in time 3"]
    assert (said["refused"], said["meant"]) == ("invalid-parameter", "started_at")


def test_the_programs_over_generated_clients_type_check(clients: subprocess.CompletedProcess[str]) -> None:
    assert (clients.returncode, clients.stdout) == (0, "")


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_generated_client_sends_what_it_is_asked_and_finds_the_right_rows_and_groups(
    project: Path, facade_url: str, client: str
) -> None:
    asked = [[question for question, _ in table] for table in (QUESTIONS, SUMMARIES)]
    done = run(project, "node", f"out/{client}.js", facade_url, *map(json.dumps, asked))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    _, behind_lists = CLIENTS[client]
    assert [parse_qsl(urlsplit(url).query) for url in said["sent"]] == [
        [
            (f"{name}{behind_lists}", text) if isinstance(value, list) else (name, str(text))
            for name, value in question.items()
            for text in (value if isinstance(value, list) else [value])
        ]
        for question in chain(*asked)
    ]
    for (question, expected), found in zip(QUESTIONS, said["found"], strict=True):
        rows = httpx.get(f"{facade_url}/interactions", params=question).json()["items"]
        assert found == [row["interaction_id"] for row in rows]
        assert found == expected if expected is not None else found
    for (summary, groups), found in zip(SUMMARIES, said["groups"], strict=True):
        assert found == httpx.get(f"{facade_url}/queue-entries/summary", params=summary).json()["items"]
        assert found == groups if groups is not None else found
