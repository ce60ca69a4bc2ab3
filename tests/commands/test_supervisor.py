"""The supervisor of workers: whom it starts, whom again, and when it gives up. Its workers are small programs."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.commands import supervisor
from app.commands.processes import Process, start
from app.commands.supervisor import MOST_DEATHS, Supervisor

PROGRAM = """
import json, os, signal, socket, sys
listener, channel, memory = map(int, sys.argv[1].split(","))
listener, channel = (socket.socket(fileno=one) for one in (listener, channel))
folder = sys.argv[2]
test = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
test.connect(folder + "/told")

def tell(**what):
    test.send(json.dumps({"pid": os.getpid(), **what}).encode())

def note(number, _):
    tell(signal=signal.Signals(number).name)
    if number == signal.SIGTERM and not os.path.exists(folder + "/deaf"):
        sys.exit(0)

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, note)
part = json.loads(channel.recv(4096))
if os.path.exists(folder + "/bad"):
    tell(part="bad")
    sys.exit(7)
tell(part=part, memory=os.fstat(memory).st_size, serves=listener.getsockname()[1], group=os.getpgid(0))
while os.path.exists(folder + "/slow"):
    pass
channel.sendall(b'{"ready": true}\\n')
while channel.recv(1):
    pass
tell(left="alone")
"""


class Scene:
    """A supervisor of two programs, which tell their part and their signals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.telling = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.telling.bind(str(folder / "told"))
        self.telling.setblocking(False)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        program = ([sys.executable, "-S", "-E", "-c", PROGRAM], [str(folder)])
        self.supervisor = Supervisor(program, self.listener, 2, pauses=[0.0] * MOST_DEATHS)
        self.ready = asyncio.Event()
        self.running = asyncio.create_task(self.supervisor.run(self.ready.set))

    async def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await asyncio.get_running_loop().sock_recv(self.telling, 4096))
        return told

    async def replaced(self) -> list[dict[str, Any]]:
        """All that was told until nobody is left to be replaced."""
        assert self.supervisor._replacing
        await self.supervisor._replacing
        told = list[dict[str, Any]]()
        with suppress(BlockingIOError):
            while True:
                told.append(json.loads(self.telling.recv(4096)))
        return told

    async def both(self) -> list[int]:
        """The numbers of two processes that have begun."""
        return [(await self.told())["pid"] for _ in range(2)]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    one = Scene(tmp_path)
    yield one
    if not one.running.done():
        one.supervisor.stop(signal.SIGKILL)
        await one.running
    one.telling.close()


async def test_each_worker_is_told_its_part_and_handed_the_socket(scene: Scene) -> None:
    first, second = [await scene.told() for _ in range(2)]
    await scene.ready.wait()
    parts = [one["part"] for one in (first, second)]
    assert [(one["number"], one["place"], one["workers"]) for one in parts] == [(1, 1, 2), (2, 2, 2)]
    assert parts[0]["secret"] == parts[1]["secret"]
    assert len(parts[0]["secret"]) == 64
    assert first["serves"] == second["serves"] == scene.port
    assert first["memory"] == second["memory"] == 4096
    assert first["group"] != os.getpgid(0), "a terminal would send its signals to it, too"


async def test_a_worker_that_ends_is_started_again_in_its_place(scene: Scene) -> None:
    first, _ = await scene.both()
    os.kill(first, signal.SIGKILL)
    again = await scene.told()
    assert (again["part"]["number"], again["part"]["place"]) == (1, 1)
    assert not scene.running.done()


async def test_too_many_deaths_end_all(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    first, second = await scene.both()
    for deaths in range(1, MOST_DEATHS):
        os.kill(first, signal.SIGKILL)
        first = (await scene.told())["pid"]
        assert caplog.text.count("ended by itself, with code -9") == deaths
    os.kill(first, signal.SIGKILL)
    assert await scene.told() == {"pid": second, "signal": "SIGTERM"}
    assert await scene.running == 1
    assert f"workers ended {MOST_DEATHS} times within 30 seconds: all is ended" in caplog.text


async def test_a_first_worker_that_cannot_start_ends_all_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "bad").touch()
    scene = Scene(tmp_path)
    assert (await scene.told())["part"] == "bad"
    assert await scene.running == 7
    assert not scene.ready.is_set()
    scene.telling.close()


async def test_a_stop_lets_a_worker_that_was_replaced_finish(scene: Scene) -> None:
    """A second signal would cut its clients off."""
    (scene.folder / "deaf").touch()
    old, other = await scene.both()
    await scene.ready.wait()
    scene.supervisor.replace()
    new = (await scene.told())["pid"]
    assert await scene.told() == {"pid": old, "signal": "SIGTERM"}
    scene.supervisor.stop()
    assert {(await scene.told())["pid"] for _ in range(2)} == {other, new}
    scene.supervisor.stop()
    assert {(await scene.told())["pid"] for _ in range(3)} == {old, other, new}
    assert await scene.running == 0


async def test_a_start_that_is_stopped_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "slow").touch()
    scene = Scene(tmp_path)
    await scene.told()
    scene.supervisor.stop()
    assert await scene.running == 0
    scene.telling.close()


async def test_all_are_told_to_read_their_settings_again(scene: Scene) -> None:
    both = await scene.both()
    await scene.ready.wait()
    scene.supervisor.reload()
    told = [await scene.told() for _ in range(2)]
    assert sorted((one["pid"], one["signal"]) for one in told) == sorted((one, "SIGHUP") for one in both)


async def test_a_worker_that_is_not_ready_is_told_once_it_is(tmp_path: Path) -> None:
    """Before, the signal would end it."""
    (tmp_path / "slow").touch()
    scene = Scene(tmp_path)
    first = (await scene.told())["pid"]
    scene.supervisor.reload()
    (tmp_path / "slow").unlink()
    assert {"pid": first, "signal": "SIGHUP"} in [await scene.told() for _ in range(2)]
    scene.supervisor.stop(signal.SIGKILL)
    await scene.running
    scene.telling.close()


async def test_workers_are_replaced_one_at_a_time(scene: Scene) -> None:
    old = await scene.both()
    scene.supervisor.replace()
    scene.supervisor.replace()  # nobody was started between the two
    for place, one in enumerate(old, 1):
        new = await scene.told()
        assert (new["part"]["place"], new["part"]["number"] in (1, 2)) == (place, place == 2)
        assert await scene.told() == {"pid": one, "signal": "SIGTERM"}


@pytest.mark.parametrize(("replaced", "places"), [(1, [2, 1]), (2, [1, 2])])
async def test_who_was_started_before_the_last_signal_is_replaced(
    scene: Scene, replaced: int, places: list[int]
) -> None:
    """The signal may come as the last old worker ends: the new ones are there, and the replacement is under way."""
    old = await scene.both()
    scene.supervisor.replace()
    new = []
    for one in old[:replaced]:
        new.append((await scene.told())["pid"])
        assert await scene.told() == {"pid": one, "signal": "SIGTERM"}
    scene.supervisor.replace()
    told = await scene.replaced()
    assert [one["part"]["place"] for one in told if "part" in one] == places
    assert [one["pid"] for one in told if "signal" in one] == [*old[replaced:], *new]


async def test_a_signal_before_any_was_started_replaces_nobody(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.supervisor.replace()
    await scene.ready.wait()
    assert [one["part"]["place"] for one in await scene.replaced()] == [1, 2]
    scene.supervisor.stop(signal.SIGKILL)
    await scene.running
    scene.telling.close()


async def test_those_who_start_while_others_are_replaced_have_numbers_of_their_own(tmp_path: Path) -> None:
    """Else they would write into the same row of the shared memory."""
    (tmp_path / "slow").touch()
    scene = Scene(tmp_path)
    first = (await scene.told())["pid"]
    scene.supervisor.replace()
    (tmp_path / "slow").unlink()
    await scene.ready.wait()
    told = await scene.replaced()
    assert sorted(one["part"]["place"] for one in told if "part" in one) == [1, 2]
    assert sorted(one["part"]["number"] for one in told if "part" in one) == [2, 3]
    assert [one for one in told if "signal" in one] == [{"pid": first, "signal": "SIGTERM"}]
    scene.supervisor.stop(signal.SIGKILL)
    await scene.running
    scene.telling.close()


async def test_a_signal_after_a_replacement_that_cannot_start_tries_another(scene: Scene) -> None:
    """The settings may have been mended meanwhile."""
    old = await scene.both()
    (scene.folder / "bad").touch()
    scene.supervisor.replace()
    assert (await scene.told())["part"] == "bad"
    (scene.folder / "bad").unlink()
    scene.supervisor.replace()
    told = await scene.replaced()
    assert [one["pid"] for one in told if "signal" in one] == old


async def test_a_worker_that_is_started_again_ends_where_it_was_replaced_meanwhile(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would go on as one too many, and nobody would start it again."""
    first, _ = await scene.both()
    (scene.folder / "slow").touch()
    scene.supervisor.replace()
    await scene.told()
    is_replaced = asyncio.Event()

    async def late(*given: Any) -> Process:
        started = await start(*given)
        await is_replaced.wait()
        return started

    monkeypatch.setattr(supervisor, "start", late)
    monkeypatch.setattr(supervisor.logger, "info", lambda *_words: is_replaced.set())
    os.kill(first, signal.SIGKILL)
    again = (await scene.told())["pid"]
    (scene.folder / "slow").unlink()
    while await scene.told() != {"pid": again, "signal": "SIGTERM"}:
        pass


async def test_a_replacement_that_cannot_start_leaves_the_others_in_place(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    old = await scene.both()
    (scene.folder / "bad").touch()
    scene.supervisor.replace()
    assert (await scene.told())["part"] == "bad"
    assert scene.supervisor._replacing
    await scene.supervisor._replacing
    scene.supervisor.reload()
    assert {(await scene.told())["pid"] for _ in range(2)} == {*old}
    assert "worker 1 is not replaced" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_reaches_all_and_a_second_one_waits_for_nobody(number: signal.Signals, scene: Scene) -> None:
    (scene.folder / "deaf").touch()
    await scene.both()
    await scene.ready.wait()
    scene.supervisor.stop(number)
    assert {(await scene.told())["signal"] for _ in range(2)} == {number.name}
    assert scene.listener.fileno() == -1, "who comes from now on is refused, and does not wait in vain"
    scene.supervisor.stop(number)
    assert await scene.running == 0
