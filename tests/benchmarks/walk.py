"""`make walk`: the functions of the façade that a miss of one row enters, then an ordinary hit, as two stories."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

from app.main import create_app
from app.simulator import create_simulator
from tests.benchmarks.client import Connection
from tests.support.clock import HandClock
from tests.support.facade import ONE_ATTEMPT, TENANT, facade_settings
from tests.support.serving import listening, serve_in_thread
from tests.support.simulator import ANCHOR

APP = Path(__file__).parents[2] / "app"
ASKED_BEFORE = "/interactions?attr=SIM-OPEN&limit=1"
ASKED = "/interactions?attr=1234567"
ORDINARY = {"Cache-Control": "max-age=60"}
"""Never answered by a replay."""
MOST = {"miss": 45, "hit": 25}
"""The files that each walk may enter."""


class Entry(NamedTuple):
    """A function that was entered, and how many of the same program called it on the way."""

    depth: int
    file: str
    function: str


@dataclass(slots=True)
class Walk:
    """The functions of a folder in the order of their entries; a coroutine is entered once, however often resumed."""

    folder: Path = APP
    left_out: str = "simulator/"
    entries: list[Entry] = field(default_factory=list)
    _seen: set[FrameType] = field(default_factory=set)
    _files: dict[CodeType, str] = field(default_factory=dict)

    @property
    def files(self) -> set[str]:
        """The files entered."""
        return {entry.file for entry in self.entries}

    @property
    def functions(self) -> set[tuple[str, str]]:
        """The functions entered, each with its file."""
        return {(entry.file, entry.function) for entry in self.entries}

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record this thread, and those that it starts meanwhile."""
        threading.setprofile(self._entered)
        sys.setprofile(self._entered)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self._seen.clear()

    def _entered(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "call" or frame in self._seen or not (file := self._file(frame.f_code)):
            return
        self._seen.add(frame)
        depth, caller = 0, frame.f_back
        while caller:
            depth += bool(self._file(caller.f_code))
            caller = caller.f_back
        self.entries.append(Entry(depth, file, frame.f_code.co_qualname))

    def _file(self, code: CodeType) -> str:
        """The file of a function of the folder, as seen from there; nothing for a comprehension, or for others'."""
        if (known := self._files.get(code)) is not None:
            return known
        path, file = Path(code.co_filename), ""
        if code.co_name not in _COMPREHENSIONS and path.is_relative_to(self.folder):
            file = path.relative_to(self.folder).as_posix()
        self._files[code] = file = "" if file.startswith(self.left_out) else file
        return file

    def told(self) -> Iterator[str]:
        """The walk in lines, indented by depth; the same many times in a row is one line."""
        for entry, equal in groupby(self.entries):
            times = len(list(equal))
            yield f"{'  ' * entry.depth}{entry.file}: {entry.function}{f' × {times}' if times > 1 else ''}"


_COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


async def walks() -> dict[str, Walk]:
    """The walks of a miss of one row and of an ordinary hit, through the listener, after a first question."""
    with serve_in_thread(create_simulator(TENANT)) as upstream:
        app = create_app(facade_settings(upstream), clock=HandClock(wall=ANCHOR).clock, limits=ONE_ATTEMPT)
        async with listening(app) as server:
            connection = await Connection.to(server.url)
            found = {}
            asked = {"before": (ASKED_BEFORE, {}), "miss": (ASKED, {}), "hit": (ASKED, ORDINARY)}
            for name, (target, headers) in asked.items():
                found[name] = Walk()
                with found[name].recorded():
                    received = await connection.good(target, headers)
                    await asyncio.gather(*server.server_state.tasks)
                said = dict(received.headers)["cache-status"]
                assert ("; hit" in said) is (name == "hit"), said
            await connection.close()
    del found["before"]
    return found


def main() -> None:
    """Print both walks, and how many files and functions each enters."""
    for name, walk in asyncio.run(walks()).items():
        print(f"# {name}\n")
        print("\n".join(walk.told()))
        counts = f"{len(walk.functions)} functions, entered {len(walk.entries)} times"
        print(f"\n{name}: {len(walk.files)} files (at most {MOST[name]}), {counts}\n")


if __name__ == "__main__":
    main()
