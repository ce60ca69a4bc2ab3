"""Load on one server from the other cores, by wrk where installed; each client asks again once it is answered."""

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

from tests.benchmarks.client import Connection, Unanswered
from tests.benchmarks.figures import paired_ratio
from tests.benchmarks.processes import Running

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

    server: Running
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    count: int = 1

    @property
    def url(self) -> str:
        """Where the server listens."""
        return self.server.url

    def targets(self) -> list[str]:
        """Each target once."""
        return [self.target.replace(NUMBER, str(number)) for number in range(1, self.count + 1)]


class Rate(NamedTuple):
    """What a server did in a round: requests for each second it worked, and for each second that passed."""

    a_cpu_second: float
    a_second: float


class Compared(NamedTuple):
    """Both contestants' rounds."""

    ours: list[Rate]
    theirs: list[Rate]

    @property
    def ratio(self) -> float:
        """Of the work a request is."""
        return paired_ratio([one.a_cpu_second for one in self.ours], [one.a_cpu_second for one in self.theirs])

    @property
    def ratio_by_the_clock(self) -> float:
        """Of what was seen from outside, whatever else the machine did."""
        return paired_ratio([one.a_second for one in self.ours], [one.a_second for one in self.theirs])


def hammer(question: Question, seconds: int, clients: int = CLIENTS) -> Rate:
    """Closed loop. Raises Unanswered where some answer is no success, or none came."""
    wrk, worked, began = shutil.which("wrk"), question.server.cpu_seconds(), perf_counter()
    if wrk:
        answered, passed = _by_wrk(wrk, question, seconds, clients)
    else:
        answered = asyncio.run(_by_asyncio(question, seconds, clients))
        passed = perf_counter() - began
    return Rate(answered / (question.server.cpu_seconds() - worked), answered / passed)


def compared(ours: Question, peer: Question, seconds: int, rounds: int, clients: int = CLIENTS) -> Compared:
    """Both in turn, A B A B …, so that a slow moment of the machine falls on both alike."""
    given = [(hammer(ours, seconds, clients), hammer(peer, seconds, clients)) for _ in range(rounds)]
    return Compared([one for one, _ in given], [other for _, other in given])


def _by_wrk(wrk: str, question: Question, seconds: int, clients: int) -> tuple[int, float]:
    """How many were answered, and in how many seconds."""
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
    answered, rate = re.search(r"(\d+) requests in", told), re.search(r"Requests/sec:\s+([\d.]+)", told)
    if answered is None or rate is None or not float(rate[1]) or re.search("Non-2xx|Socket errors", told):
        raise Unanswered("; ".join(" ".join(words.split()) for words in told.splitlines()))
    return int(answered[1]), int(answered[1]) / float(rate[1])


async def _by_asyncio(question: Question, seconds: int, clients: int) -> int:
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
    return answered


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
