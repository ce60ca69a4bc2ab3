"""The house rule for words: no public docstring of the app has "what", "those" or a bare "one" as its subject."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "app"
RIDDLE = re.compile(
    r"(what|those|come by|stands)\b|one(?= (that|who|which|whose|of|to|for|in|on|at|by|with|after|is|may)\b|[,.:;])",
    re.IGNORECASE,
)


def riddles(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and the first line of each public docstring that begins with a word that stands for its subject."""
    documented = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes: list[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = [tree]
    nodes += [node for node in ast.walk(tree) if isinstance(node, documented) and not node.name.startswith("_")]
    for node in nodes:
        said = ast.get_docstring(node) or ""
        if RIDDLE.match(said):
            yield getattr(node, "lineno", 1), said.partition("\n")[0]


def test_no_docstring_of_the_app_is_a_riddle() -> None:
    found = [
        f"{path.relative_to(APP.parent)}:{line}: {words}"
        for path in sorted(APP.rglob("*.py"))
        for line, words in riddles(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("words", "is_riddle"),
    [
        ("What a client sent.", True),
        ("Those that match.", True),
        ("One of the rows.", True),
        ("One row of the table.", False),
        ("Whatever was sent.", False),
        ("The rows that match what was asked.", False),
    ],
)
@pytest.mark.parametrize("source", ['"""{}"""', 'class A:\n    def b(self):\n        """{}"""'])
def test_a_riddle_is_told_by_its_first_word(source: str, words: str, is_riddle: bool) -> None:
    assert bool([*riddles(ast.parse(source.format(words)))]) is is_riddle
