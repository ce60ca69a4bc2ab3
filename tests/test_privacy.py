"""What docs/privacy.md shows is run as it stands, against a running demo; the bounds it tells are those of the code."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.clients.file import parsed
from app.settings import load
from tests.support.shown import ROOT, Demo, blocks, consoles, running_demo

DOCUMENT = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
SHOWN = consoles(DOCUMENT)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo that the document names."""
    with running_demo("--anonymous-scopes", "read,cache:purge") as running:
        yield running


@pytest.mark.threat("T29")
def test_the_commands_shown_print_what_is_shown(demo: Demo, tmp_path: Path) -> None:
    """In their order: one builds on the other."""
    for command, output in SHOWN:
        demo.prints(command, output, CXF_CLIENT_KEYS_FILE=str(tmp_path / "keys.json"))


def test_the_file_of_keys_that_is_shown_can_be_read() -> None:
    (block,) = blocks("json", DOCUMENT)
    (key,) = parsed(block.encode())
    assert key.quota == 60


def test_the_longest_life_is_the_one_told() -> None:
    settings = load({}, environ={}, env_file=None)
    assert settings.fresh_max_seconds + settings.stale_seconds == 2 * 86_400
