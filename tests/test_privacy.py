"""What docs/privacy.md shows is run as it stands, against a running demo; the bounds it tells are those of the code."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.access.file import parsed
from app.edge.access import MOST_PEERS
from app.settings import load
from tests.test_readme import LEFT_OUT, ROOT, Demo, blocks, consoles, until_told

DOCUMENT = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
SHOWN = consoles(DOCUMENT)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo that the document names, on a free port."""
    flags = ["--port", "0", "--latency", "none", "--anonymous-scopes", "read,cache:purge"]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "app", "demo", *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            port = re.search(r"localhost:(\d+)/", until_told(running.stdout))
            assert port
            yield Demo(f"http://localhost:{port[1]}", "")
        finally:
            running.terminate()


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.mark.threat("T29")
@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command[:60] for command, _ in SHOWN])
def test_a_command_shown_prints_what_is_shown(demo: Demo, keys_file: Path, command: str, output: str) -> None:
    """In their order: one builds on the other."""
    printed = demo.run("bash", "-c", demo.at_home(command), CXF_CLIENT_KEYS_FILE=str(keys_file)).replace("\r\n", "\n")
    pattern = ".*".join(re.escape(part) for part in output.strip().split(LEFT_OUT))
    assert re.fullmatch(pattern, printed.strip(), re.DOTALL), printed


def test_the_file_of_keys_that_is_shown_can_be_read() -> None:
    (block,) = blocks("json", DOCUMENT)
    (key,) = parsed(block.encode())
    assert key.quota == 60


def test_the_longest_life_is_the_one_told() -> None:
    settings = load({}, environ={}, env_file=None)
    assert settings.fresh_max_seconds + settings.stale_seconds == 2 * 86_400
    assert f"the last {MOST_PEERS:,}" in DOCUMENT
