"""The list of threats is covered, and what the code must never do it does nowhere."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.facade import Facade

ROOT = Path(__file__).parent.parent
THREATS = tuple(f"T{number:02}" for number in range(1, 69))
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = {row[0]: row[1] for row in re.findall(r"(?m)^\| (T\d\d) \| .* \| (.*) \|$", SECURITY)}
SOURCES = tuple(sorted((ROOT / "app").rglob("*.py")))
TESTS = tuple(sorted((ROOT / "tests").rglob("test_*.py")))

UNSAFE_MODULES = frozenset({"pickle", "marshal", "shelve", "dill", "cPickle"})
UNSAFE_CALLS = frozenset({"eval", "exec", "compile", "__import__"})
WRITING_CALLS = frozenset({"write_text", "write_bytes", "NamedTemporaryFile", "TemporaryFile", "mkstemp", "fdopen"})
WRITERS = frozenset(
    {
        "app/clients/file.py",  # client keys, which are hashes
        "app/workers.py",  # times and counts, in a file without a name where the system has no memory of that kind
    }
)
FLOORS = {
    "starlette": (1, 3, 1),
    "fastapi": (0, 132),
    "uvicorn": (0, 54, 0),
    "h11": (0, 16, 0),
    "httptools": (0, 8),
    "httpx": (0, 28, 1),
    "httpcore": (1, 0, 9),
    "idna": (3, 15),
    "certifi": (2024, 7),
    "pydantic": (2,),
    "cachetools": (8, 0),
}  # FAULTS 8
EVIL = (
    "a" * 3_000 + "!",
    "(" * 500,
    "0" * 3_000,
    " " * 3_000 + "x",
    "now" + "-1d" * 900,
    "+" * 3_000,
    "2026-" * 600,
    "%" * 1_000,
    "\u0300" * 1_000,
    ",a" * 1_500,
)
EVIL_PARAMETERS = ("attr", "from", "fields", "include", "sort")


@cache
def shown_in_tests() -> dict[str, set[str]]:
    """Threat → the test files with a test marked by it."""
    shown: dict[str, set[str]] = {}
    marked = [(path, text) for path in TESTS if "mark.threat" in (text := path.read_text(encoding="utf-8"))]
    for path, text in marked:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.threat":
                for threat in re.findall(r"T\d\d", ast.unparse(node)):
                    shown.setdefault(threat, set()).add(str(path.relative_to(ROOT)))
    return shown


def test_every_threat_has_a_row_and_no_row_is_of_another() -> None:
    assert tuple(ROWS) == THREATS


@pytest.mark.parametrize("threat", THREATS)
def test_a_row_names_the_tests_that_show_it_or_says_why_there_is_none(threat: str) -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", ROWS[threat]))
    assert named == shown_in_tests().get(threat, set())
    assert named or len(ROWS[threat].split()) > 3


@cache
def calls(path: Path) -> frozenset[str]:
    """The names of everything a source calls or imports."""
    return frozenset(_called(path))


def _called(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.threat("T24")
def test_nothing_stored_or_received_is_ever_run() -> None:
    unsafe = UNSAFE_MODULES | (UNSAFE_CALLS - {"compile"})
    assert {str(path.relative_to(ROOT)): found for path in SOURCES if (found := unsafe.intersection(calls(path)))} == {}


@pytest.mark.threat("T11")
def test_nothing_but_the_hashes_of_client_keys_is_ever_written_to_a_file() -> None:
    writers = {str(path.relative_to(ROOT)) for path in SOURCES if not WRITING_CALLS.isdisjoint(calls(path))}
    assert writers <= WRITERS


def below_their_floor(pins: dict[str, str]) -> list[str]:
    """The packages locked at a version that is known to be vulnerable."""
    versions = {name: tuple(map(int, re.findall(r"\d+", version))) for name, version in pins.items()}
    return [name for name, floor in FLOORS.items() if versions.get(name, floor) < floor]


@pytest.mark.threat("T65")
@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_no_package_is_locked_below_its_floor(lock: str) -> None:
    pins = dict(re.findall(r"(?m)^([a-z0-9-]+)==([\w.]+)", (ROOT / lock).read_text(encoding="utf-8")))
    assert set(FLOORS) <= set(pins)
    assert below_their_floor(pins) == []
    assert below_their_floor({**pins, "starlette": "1.0.0"}) == ["starlette"]


@pytest.mark.threat("T48")
@pytest.mark.timeout(20)
async def test_texts_made_to_slow_a_parser_down_are_answered_like_any_other(facade: Facade) -> None:
    for name in EVIL_PARAMETERS:
        for text in EVIL:
            answer = await facade.get("/interactions", (name, text), status=None)
            assert answer.status_code in {200, 400, 414} or answer.json()["code"] == "upstream-refused-query"


@pytest.mark.threat("T21")
async def test_showing_a_record_in_one_way_changes_none_of_the_others(facade: Facade) -> None:
    whole = "attributes,agents,queues,segments,notes,talk_times"
    ways: list[tuple[str, *tuple[tuple[str, str], ...]]] = [
        ("/interactions", ("attr", "1234567")),
        ("/interactions.csv", ("attr", "1234567")),
        ("/interactions.ndjson", ("attr", "1234567")),
        ("/interactions", ("attr", "1234567"), ("include", whole)),
        ("/interactions", ("attr", "1234567"), ("sort", "duration_seconds")),
        ("/interactions", ("attr", "1234567"), ("fields", "interaction_id,row_version")),
    ]
    first = [(await facade.get(*way)).content for way in ways]
    the_long_way = {"origin": "http://elsewhere.example"}
    again = [(await facade.get(*way, headers=the_long_way)).content for way in reversed(ways)]
    assert [*reversed(again)] == first
