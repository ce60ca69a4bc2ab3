"""Load on one server from the other cores, by wrk where installed; each client asks again once it is answered."""

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter

from tests.benchmarks.client import Connection, Unanswered

CLIENTS = 32
SECONDS_TO_ANSWER = 15
STRIDE = 7919  # a prime: all numbers come, and a short round is spread over them
NUMBER = "{}"

SCRIPT = """
local number = 0
request = function()
  number = (number + {stride}) % {count}
  return wrk.format("GET", "{before}" .. number + 1 .. "{after}")
end
"""


@dataclass(frozen=True)
class Question:
    """What is asked again and again; a `{}` in the target stands for each of 1 … `count`."""

    url: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    count: int = 1

    def targets(self) -> list[str]:
        """Each target once."""
        return [self.target.replace(NUMBER, str(number)) for number in range(1, self.count + 1)]


def hammer(question: Question, seconds: int, clients: int = CLIENTS) -> float:
    """Requests a second, closed loop. Raises Unanswered where some answer is no success."""
    wrk = shutil.which("wrk")
    return _by_wrk(wrk, question, seconds, clients) if wrk else asyncio.run(_by_asyncio(question, seconds, clients))


def interleaved(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each gave in each round: A B A B …, so that a slow moment of the machine falls on all alike."""
    given: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            given[name].append(measure())
    return given


def compared(
    ours: Question, peer: Question, budget_seconds: int, rounds: int, clients: int = CLIENTS
) -> tuple[list[float], list[float]]:
    """Requests a second of both, round by round."""
    contestants = {
        "ours": lambda: hammer(ours, budget_seconds, clients),
        "peer": lambda: hammer(peer, budget_seconds, clients),
    }
    given = interleaved(contestants, rounds)
    return given["ours"], given["peer"]


def _by_wrk(wrk: str, question: Question, seconds: int, clients: int) -> float:
    command = [wrk, "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s"]
    command += ["--timeout", f"{SECONDS_TO_ANSWER}s"]
    for name, value in question.headers.items():
        command += ["--header", f"{name}: {value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if NUMBER in question.target:
            before, after = question.target.split(NUMBER)
            script.write(SCRIPT.format(count=question.count, stride=STRIDE, before=before, after=after))
            script.flush()
            command += ["--script", script.name]
        told = subprocess.run(
            [*command, question.url + question.target],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 2 * SECONDS_TO_ANSWER,
        ).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if found is None or not float(found[1]) or re.search("Non-2xx|Socket errors", told):
        raise Unanswered("; ".join(" ".join(words.split()) for words in told.splitlines()))
    return float(found[1])


async def _by_asyncio(question: Question, seconds: int, clients: int) -> float:
    targets, began = question.targets(), perf_counter()
    answered = 0

    async def client(number: int) -> None:
        nonlocal answered
        connection = await Connection.to(question.url)
        while perf_counter() - began < seconds:
            await connection.good(targets[(number + answered) % len(targets)], question.headers)
            answered += 1
        await connection.close()

    await asyncio.gather(*map(client, range(clients)))
    return answered / (perf_counter() - began)


async def ask_all(url: str, targets: list[str], seconds: float, clients: int = 8) -> int:
    """Ask each target once, by some clients at a time, for so long at most; how many were answered."""
    waiting, deadline = iter(targets), perf_counter() + seconds
    answered = 0

    async def client() -> None:
        nonlocal answered
        connection = await Connection.to(url)
        for target in waiting:
            await connection.good(target)
            answered += 1
            if perf_counter() > deadline:
                break
        await connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return answered
