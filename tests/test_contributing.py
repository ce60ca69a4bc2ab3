"""Every recipe of CONTRIBUTING.md is carried out in a copy of the project: its diff applies, and its tests pass."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.shown import BIN, ROOT, blocks

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = {
    title: (blocks("diff", text), blocks("sh", text))
    for title, text in re.findall(r"^## (Add an? \w+)\n(.*?)(?=^## |\Z)", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    if blocks("diff", text)
}
LEFT_BEHIND = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "build")
HERE = f"make --old-file=.venv/.run --old-file=.venv/.dev BIN={BIN} WORKERS=0 "
"""As `make`, with the programs of this run."""


def test_there_is_a_recipe_for_whatever_there_are_many_of() -> None:
    assert [*RECIPES] == [
        "Add a column",
        "Add a parameter",
        "Add a format",
        "Add a fault",
        "Add an endpoint",
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_can_be_followed(title: str, tmp_path: Path) -> None:
    (diff,), (commands,) = RECIPES[title]
    copy = shutil.copytree(ROOT, tmp_path / "copy", ignore=LEFT_BEHIND)
    subprocess.run(["git", "apply", "-"], cwd=copy, input=diff, text=True, check=True)
    environ = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(copy)}
    for command in commands.splitlines():
        assert command.startswith("make ")
        shown = command.replace("make ", HERE, 1)
        done = subprocess.run(["bash", "-c", shown], cwd=copy, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert re.search(r"^\d+ passed", done.stdout.splitlines()[-1].strip("= ")), "its last command runs tests"
