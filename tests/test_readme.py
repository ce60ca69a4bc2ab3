"""What README.md and CONTRIBUTING.md show is run as it stands, against a running demo."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest

from app.edge.parameters import PARAMETERS
from app.interactions.columns import COLUMNS
from app.settings import SETTINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LEFT_OUT = "…"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Demo:
    """A running `cxfacade demo`: where the README says 8080 and 8090, these are meant."""

    url: str
    upstream_url: str

    def at_home(self, text: str) -> str:
        """The README's text with the addresses of this demo."""
        host = self.url.removeprefix("http://")
        return text.replace("localhost:8080", host).replace("http://127.0.0.1:8090", self.upstream_url)

    def run(self, *command: str, **named: str) -> str:
        """Standard output of a command that succeeds."""
        environ = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"), **named}
        done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=50, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def blocks(language: str, document: str = README) -> list[str]:
    """The code blocks of a document in one language."""
    return [text for fenced, text in FENCE.findall(document) if fenced == language]


def consoles(document: str = README) -> list[tuple[str, str]]:
    """Every `$ command` shown, with the output shown below it."""
    shown = []
    for block in blocks("console", document):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            shown.append((command, output))
    return shown


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """`cxfacade demo` on a free port."""
    command = [sys.executable, "-m", "app", "demo", "--port", "0", "--latency", "none"]
    environ = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        try:
            assert running.stdout is not None
            told = until_told(running.stdout)
            port = re.search(r"localhost:(\d+)/", told)
            upstream = re.search(r"http://127\.0\.0\.1:\d+(?=/__sim)", told)
            assert port, told
            assert upstream, told
            yield Demo(f"http://localhost:{port[1]}", upstream[0])
        finally:
            running.terminate()


def until_told(stdout: Iterator[str]) -> str:
    """What the demo says, up to the line that it says last."""
    told = ""
    for line in stdout:
        told += line
        if "Ctrl-C" in line:
            break
    return told


@pytest.mark.parametrize(("command", "output"), consoles(), ids=[command[:60] for command, _ in consoles()])
def test_a_command_shown_prints_what_is_shown(demo: Demo, command: str, output: str) -> None:
    printed = demo.run("bash", "-c", demo.at_home(command)).replace("\r\n", "\n")
    pattern = ".*".join(re.escape(part) for part in output.rstrip("\n").split(LEFT_OUT))
    assert re.fullmatch(pattern, printed.rstrip("\n"), re.DOTALL), printed


@pytest.mark.parametrize("program", blocks("python"))
def test_a_python_recipe_runs_and_prints_rows(demo: Demo, program: str) -> None:
    assert "Support" in demo.run(sys.executable, "-W", "error", "-c", demo.at_home(program))


@pytest.mark.parametrize("program", blocks("js"))
def test_a_front_end_recipe_runs_and_counts(demo: Demo, program: str) -> None:
    node = which("node")
    if not node:
        assert not os.environ.get("REQUIRE_NODE"), "Node is required here"
        pytest.skip("Node is not installed")
    counted = re.fullmatch(r"(\d+) abandoned\n", demo.run(node, "--input-type=module", "-e", demo.at_home(program)))
    assert counted
    assert int(counted[1]) > 100


def test_the_operators_check_passes(demo: Demo) -> None:
    (script,) = [block for block in blocks("sh") if "cxfacade check" in block]
    assert "demo-not-a-secret" not in demo.run("bash", "-euc", demo.at_home(script))


def test_the_operators_service_answers(demo: Demo) -> None:
    (script,) = [block for block in blocks("sh") if "cxfacade check" in block]
    (serve,) = [block for block in blocks("sh") if "cxfacade serve" in block]
    settings = "\n".join(line for line in script.splitlines() if line.startswith("export"))
    started = f"{settings}\nexec {serve.strip().replace('8080', '0')} --log-format text 2>&1"
    environ = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "-euc", demo.at_home(started)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            found = (re.search(r"http://127\.0\.0\.1:[1-9]\d*", line) for line in running.stdout)
            url = next(match[0] for match in found if match)
            assert '"mode":"live"' in demo.run("curl", "-sf", f"{url}/whoami")
        finally:
            running.terminate()


def test_make_targets_shown_exist() -> None:
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", "\n".join(blocks("sh"))):
        assert re.search(rf"^{target}:", targets, re.MULTILINE), target


def test_the_table_of_settings_is_the_codes() -> None:
    shown = dict(re.findall(r"^\| `(CXF_\w+)` \| (.*) \|$", README, re.MULTILINE))
    defaults = {row.name: "–" if row.default == "none" else f"`{row.default}`" for row in SETTINGS}
    assert shown == {row.name: f"{defaults[row.name]} | {row.description}" for row in SETTINGS}


def test_every_parameter_is_named() -> None:
    table = README.partition("## What can be asked")[2].partition("##")[0]
    for parameter in PARAMETERS:
        assert f"`{parameter.name}" in table, parameter.name


def test_the_number_of_columns_is_right() -> None:
    assert f"A row has {len(COLUMNS)} columns" in README


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_file_named_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:app|tests|openapi)/[\w./]*)`", text):
        assert (ROOT / path).exists(), path
