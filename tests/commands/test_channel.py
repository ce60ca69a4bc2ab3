"""The worker's end of the channel: it learns its part, gives figures when asked, and hears who is gone."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.commands import channel
from app.commands.channel import Supervised, hand_over, line
from app.workers import PURGES, Worker, new_memory

PART = Worker(3, 2, 2, b"invented")


class Scene:
    """A worker that follows its supervisor, whose end is ours."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        hand_over(ours, PART)
        self.worker = Supervised(theirs, new_memory())
        self.ours = ours
        self.gone = asyncio.Event()
        self.following = asyncio.create_task(self.worker.follow(lambda: b"of ours", self.gone.set))

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_unix_connection(sock=self.ours)
        assert await self.told() == {"ready": True}

    async def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await self.reader.readline())
        return told


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    one = Scene()
    await one.open()
    yield one
    one.writer.close()
    await one.following
    one.worker.end(lambda: b"")


def test_what_goes_without_saying_is_no_worker() -> None:
    assert channel.supervised() is None


async def test_it_knows_its_part_and_its_row_of_the_memory(scene: Scene) -> None:
    given = scene.worker.worker
    assert (given.number, given.place, given.workers, given.secret) == (3, 2, 2, b"invented")
    given.block.tell(PURGES, 9)
    assert given.block.own(PURGES) == 9


async def test_it_gives_its_figures_when_asked_and_at_its_end(scene: Scene) -> None:
    scene.writer.write(line(tell=True))
    assert await scene.told() == {"figures": "of ours"}
    scene.following.cancel()
    await asyncio.wait({scene.following})
    scene.worker.end(lambda: b"the last")
    assert await scene.told() == {"figures": "the last"}
    assert not await scene.reader.readline(), "and ends"
    scene.following = asyncio.create_task(asyncio.sleep(0))


async def test_it_gets_the_figures_of_all_each_asker_its_own(scene: Scene) -> None:
    asked = [asyncio.create_task(scene.worker.total(b"own %d" % number)) for number in range(2)]
    first, second = [await scene.told() for _ in asked]
    assert (first["figures"], second["figures"]) == ("own 0", "own 1")
    for one in (second, first):
        scene.writer.write(line(collected=one["collect"], figures=f"all for {one['figures']}"))
    assert [await one for one in asked] == [b"all for own 0", b"all for own 1"]


async def test_without_an_answer_its_own_figures_have_to_do(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "COLLECTED_SECONDS", 0.0)
    assert await scene.worker.total(b"own") == b"own"
    late = await scene.told()
    scene.writer.write(line(collected=late["collect"], figures="too late"))
    scene.writer.write(line(tell=True))
    assert await scene.told() == {"figures": "of ours"}, "what came too late harms nobody"


async def test_it_hears_that_its_supervisor_is_gone(scene: Scene) -> None:
    scene.writer.close()
    await scene.gone.wait()
