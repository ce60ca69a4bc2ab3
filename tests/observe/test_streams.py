"""A stream is written to behind: who does not read, has left, or has no room holds nobody up."""

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from app.observe.streams import MOST_WAITING, Outlet

HANG_SECONDS = 20
PIPE_BYTES = 4096  # the least a pipe holds


class Pipe:
    """A pipe that holds little."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def read(self, lines: int) -> list[str]:
        """So many lines, as they come."""
        found = b""
        while found.count(b"\n") < lines:
            part = os.read(self.reader, 65_536)
            assert part, found
            found += part
        return found.decode().splitlines()

    def close(self) -> None:
        for descriptor in (self.reader, self.writer):
            try:
                os.close(descriptor)
            except OSError:
                continue


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_texts_are_written_whole_and_in_their_order(pipe: Pipe) -> None:
    outlet = Outlet(pipe.writer)
    texts = [f"{number} {'x' * number}" for number in range(MOST_WAITING // 2)]
    for text in texts:
        outlet.write(f"{text}\n")
    assert pipe.read(len(texts)) == texts
    outlet.close()


def test_who_does_not_read_holds_nobody_up_and_hears_later_what_is_lost(pipe: Pipe) -> None:
    told: SimpleQueue[int] = SimpleQueue()
    outlet = Outlet(pipe.writer, told.put, most_waiting=100)
    for number in range(10_000):
        outlet.write(f"{number:0100}\n")
    assert told.empty()
    reading = threading.Thread(target=pipe.read, args=(100,))
    reading.start()
    lost = told.get(timeout=HANG_SECONDS)
    reading.join()
    assert 9_000 < lost < 10_000
    outlet.write("and on\n")
    while "and on" not in pipe.read(1):
        continue
    outlet.close()


def test_who_has_left_holds_nobody_up(pipe: Pipe) -> None:
    os.close(pipe.reader)
    outlet = Outlet(pipe.writer)
    outlet.write("to nobody\n")
    outlet.close()
    assert outlet._lost == 1
    assert not outlet._thread.is_alive()


def test_a_full_disk_is_told_when_it_has_room_again(tmp_path: Path) -> None:
    told: SimpleQueue[int] = SimpleQueue()
    with Path("/dev/full").open("wb", buffering=0) as full, (tmp_path / "log").open("wb") as disk:
        descriptor = os.dup(full.fileno())
        outlet = Outlet(descriptor, told.put)
        outlet.write("one\n")
        while not outlet._lost:
            os.sched_yield()
        os.dup2(disk.fileno(), descriptor)
        outlet.write("two\n")
        assert told.get(timeout=HANG_SECONDS) == 1
        outlet.close()
        os.close(descriptor)
    assert (tmp_path / "log").read_text() == "two\n"


def test_a_pipe_that_others_made_non_blocking_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    outlet = Outlet(pipe.writer)
    for number in range(200):
        outlet.write(f"{number:0100}\n")
    assert pipe.read(200)[-1].endswith("199")
    outlet.close()


def test_an_end_waits_for_what_was_given_but_not_for_ever(pipe: Pipe) -> None:
    outlet = Outlet(pipe.writer)
    for number in range(200):
        outlet.write(f"{number:0100}\n")
    outlet.close(seconds=0)
    assert outlet._thread.is_alive()
    assert len(pipe.read(200)) == 200
    outlet._thread.join(HANG_SECONDS)
    assert not outlet._thread.is_alive()
