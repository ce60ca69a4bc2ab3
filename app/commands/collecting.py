"""The figures of all workers: a supervisor asks each for its own, and keeps those of the dead."""

import asyncio
from collections.abc import Iterable

from app.commands.channel import line
from app.commands.processes import Process
from app.observe.summing import Figures

TOLD_SECONDS = 0.2


class Collecting:
    """Whatever is told went through here: so a counter never falls, though a worker is killed or stands still."""

    def __init__(self) -> None:
        self._dead: list[str] = []

    async def total(self, number: int, asking: Process, text: str, others: Iterable[Process]) -> None:
        """Answer a worker, which has told its figures, with those of all; who does not tell in time is left out."""
        asking.figures = text
        asked = [one for one in others if one is not asking and one.is_ready.is_set()]
        for one in asked:
            one.told.clear()
            one.writer.write(line(tell=True))
        telling = [asyncio.ensure_future(one.told.wait()) for one in asked]
        if telling:
            await asyncio.wait(telling, timeout=TOLD_SECONDS)
        for wait in telling:
            wait.cancel()
        silent = [one for one in asked if not one.told.is_set()]
        figures = Figures()
        figures.add(text)
        for one in asked:
            figures.add(one.figures, counted_only=one in silent)
        for dead in self._dead:
            figures.add(dead, counted_only=True)
        told = 1 + len(asked) - len(silent)
        asking.writer.write(line(collected=number, figures=figures.text(told=told, silent=len(silent))))

    def keep(self, ended: Process) -> None:
        """Keep what an ended worker told last."""
        kept = Figures()
        for text in (*self._dead, ended.figures):
            kept.add(text, counted_only=True)
        self._dead = [kept.text()]
