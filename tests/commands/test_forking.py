"""A command that is forked is as one that is started: what it says, how it ends, what it can be told."""

import signal
from pathlib import Path

import pytest

from tests.commands.running import CANARY, ran, ran_afresh, started
from tests.commands.test_serving import SERVES, TENANT


@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("serve", "--help"), ("openapi",), ("frobnicate",), ("serve", "--port", "x"), ("keys", "list")],
    ids=" ".join,
)
def test_it_says_and_ends_alike(arguments: tuple[str, ...], tmp_path: Path) -> None:
    given = {"COLUMNS": "90", "CXF_CLIENT_KEYS_FILE": "keys.json", "CXF_TENANT_ID": CANARY}
    forked, fresh = ran(tmp_path, *arguments, **given), ran_afresh(tmp_path, *arguments, **given)
    assert (forked.returncode, forked.stdout, forked.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 0), (signal.SIGTERM, 0)])
def test_a_signal_ends_it(number: signal.Signals, code: int, tmp_path: Path) -> None:
    with started(tmp_path, "serve", "--port", "0", last=SERVES, **TENANT) as program:
        assert program.process.poll() is None
        assert program.ended(number)[0] == code
        assert program.process.poll() == code
        program.process.kill()


def test_forks_share_nothing_that_they_are_given(tmp_path: Path) -> None:
    """Environment, folder, arguments: of the request, not of an earlier one."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one/.env").write_text("CXF_PORT=70000\n")
    assert "CXF_PORT (.env file)" in ran(tmp_path / "one", "serve").stderr
    assert "CXF_PORT (environment)" in ran(tmp_path, "serve", CXF_PORT="70001").stderr
    assert "CXF_PORT" not in ran(tmp_path, "serve").stderr
