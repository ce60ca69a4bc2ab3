"""What README.md and CONTRIBUTING.md show is run as it stands, against a running demo."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from shutil import which

import pytest

from app.edge.parameters import PARAMETERS
from app.interactions.columns import COLUMNS
from app.settings import SETTINGS
from tests.support.shown import BIN, ROOT, Demo, blocks, consoles, running_demo

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = consoles(README)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """As anybody starts it."""
    with running_demo() as running:
        yield running


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command[:60] for command, _ in SHOWN])
def test_a_command_shown_prints_what_is_shown(demo: Demo, command: str, output: str) -> None:
    demo.prints(command, output)


@pytest.mark.parametrize("program", blocks("python", README))
def test_a_python_recipe_runs_and_prints_rows(demo: Demo, program: str) -> None:
    assert "Support" in demo.run(sys.executable, "-W", "error", "-c", demo.at_home(program))


@pytest.mark.parametrize("program", blocks("js", README))
def test_a_front_end_recipe_runs_and_counts(demo: Demo, program: str) -> None:
    node = which("node")
    if not node:
        assert not os.environ.get("REQUIRE_NODE"), "Node is required here"
        pytest.skip("Node is not installed")
    counted = re.fullmatch(r"(\d+) abandoned\n", demo.run(node, "--input-type=module", "-e", demo.at_home(program)))
    assert counted
    assert int(counted[1]) > 100


def test_the_operators_check_passes(demo: Demo) -> None:
    (script,) = [block for block in blocks("sh", README) if "cxfacade check" in block]
    assert "demo-not-a-secret" not in demo.run("bash", "-euc", demo.at_home(script))


def test_the_operators_service_answers(demo: Demo) -> None:
    (script,) = [block for block in blocks("sh", README) if "cxfacade check" in block]
    (serve,) = [block for block in blocks("sh", README) if "cxfacade serve" in block]
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


def test_the_number_of_columns_is_right() -> None:
    assert f"A row has {len(COLUMNS)} columns" in README


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_file_named_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:app|tests|openapi)/[\w./]*)`", text):
        assert (ROOT / path).exists(), path
