"""The walk counts every function once an entry, in its order and at its depth, and nothing that is not the façade's."""

import asyncio
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from tests.benchmarks.walk import Entry, Walk, walks

PROGRAM = """
import asyncio
from threading import Thread

async def waits():
    for _ in range(3):
        await asyncio.sleep(0)
        leaf()
    return [leaf() for _ in range(2)] + list(leaf() for _ in range(2))

def leaf():
    return sorted([2, 1], key=lambda one: one)

async def asked():
    await asyncio.gather(waits(), Kind().method())
    thread = Thread(target=leaf)
    thread.start()
    thread.join()

class Kind:
    async def method(self):
        await asyncio.sleep(0)
"""


def loaded(file: Path) -> ModuleType:
    """A module of its own from a file."""
    spec = spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_entry_counts_once_whoever_resumes_it(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    (tmp_path / "left/out.py").write_text("def out(): pass\n")
    (tmp_path / "story.py").write_text(PROGRAM)
    story, left_out = loaded(tmp_path / "story.py"), loaded(tmp_path / "left/out.py")
    walk = Walk(tmp_path, "left/")
    with walk.recorded():
        asyncio.run(story.asked())
        left_out.out()
    story.leaf()
    assert sys.getprofile() is None
    leaf = [(1, "leaf"), (2, "leaf.<locals>.<lambda>"), (2, "leaf.<locals>.<lambda>")]
    threads_leaf = [(depth - 1, name) for depth, name in leaf]
    assert walk.entries == [
        Entry(depth, "story.py", name)
        for depth, name in [(0, "asked"), (0, "waits"), (0, "Kind.method"), *leaf * 7, *threads_leaf]
    ]
    assert (walk.files, len(walk.functions)) == ({"story.py"}, 5)
    assert [*walk.told()][2:5] == [
        "story.py: Kind.method",
        "  story.py: leaf",
        "    story.py: leaf.<locals>.<lambda> × 2",
    ]


def test_a_miss_goes_upstream_and_a_hit_the_ordinary_way() -> None:
    found = asyncio.run(walks())
    miss, hit = found["miss"], found["hit"]
    for walk in (miss, hit):
        assert walk.entries[0].file.startswith("listener/")
        assert not any(file.startswith("simulator/") for file in walk.files)
    assert {file.partition("/")[0] for file in hit.files} >= {"listener", "http", "queries", "cache"}
    assert len(hit.files) < len(miss.files)
