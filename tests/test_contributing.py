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
LEFT_BEHIND = shutil.ignore_patterns(".*", "node_modules", "build")
HERE = f"make --old-file=.venv/.run --old-file=.venv/.dev BIN={BIN} WORKERS=0 "
"""`make` with the programs of this run."""


def test_there_is_a_recipe_for_whatever_there_are_many_of() -> None:
    assert [*RECIPES] == [
        "Add a column",
        "Add a grain",
        "Add a parameter",
        "Add a format",
        "Add a fault",
        "Add an endpoint",
    ]


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_applies_as_it_stands(title: str) -> None:
    (diff,), _ = RECIPES[title]
    subprocess.run(["git", "apply", "--check", "-"], cwd=ROOT, input=diff, text=True, check=True)


@pytest.mark.timeout(300)
def test_the_recipes_can_be_followed(tmp_path: Path) -> None:
    """One after the other in one copy; what they all make and test is made and tested once, at the end."""
    copy = shutil.copytree(ROOT, tmp_path / "copy", ignore=LEFT_BEHIND)
    made, tested = dict[str, None](), dict[str, None]()
    for (diff,), (commands,) in RECIPES.values():
        subprocess.run(["git", "apply", "-"], cwd=copy, input=diff, text=True, check=True)
        *makes, test = commands.splitlines()
        made |= dict.fromkeys(target for one in makes for target in one.removeprefix("make ").split())
        named = re.fullmatch(r'make test ARGS="(.+)"', test)
        assert named, "its last command runs tests"
        tested |= dict.fromkeys(named[1].split())
    environ = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(copy)}
    for command in (" ".join(made), f'test ARGS="{" ".join(tested)}"'):
        done = subprocess.run(
            ["bash", "-c", HERE + command], cwd=copy, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert re.search(r"^\d+ passed", done.stdout.splitlines()[-1].strip("= "))
