"""The servers of one run: each started when a row first needs it, all ended at its end."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks.budget import Budget
from tests.benchmarks.client import Unanswered, fetched
from tests.benchmarks.load import Question
from tests.benchmarks.machine import Cores
from tests.benchmarks.nginx import nginx
from tests.benchmarks.processes import ROOT, Running, process
from tests.benchmarks.records import TENANT_ID
from tests.benchmarks.upstream import COUNT

SERVE = ("app", "serve", "--port", "0", "--log-level", "warning")  # a peer writes no access log either
DAY = 86_400
HIT = "/interactions?attr=rows-1-hit"


class Scene:
    """What the rows measure on."""

    def __init__(self, budget: Budget, cores: Cores, stack: ExitStack) -> None:
        self.budget = budget
        self.cores = cores
        self._stack = stack
        self._numbers = count()

    @cached_property
    def upstream(self) -> Running:
        """The canned upstream, beside the load."""
        command = ["tests.benchmarks.upstream", str(self.budget.records)]
        return self._stack.enter_context(process(command, self.cores.load, {}))

    @cached_property
    def facade(self) -> Running:
        """The façade as operators start it."""
        return self._stack.enter_context(self.another_facade())

    def another_facade(self, *command: str, folder: Path = ROOT, **settings: Any) -> AbstractContextManager[Running]:
        """A façade to be entered, of the tree in `folder`; `settings` in small letters, without prefix."""
        return process(command or SERVE, self.cores.server, self.environ(**settings), folder)

    def environ(self, **settings: Any) -> dict[str, str]:
        """The environment of a façade with these settings."""
        return _environ({**settings, "upstream_url": settings.get("upstream_url") or self.upstream.url})

    def hit(self, target: str = HIT, **headers: str) -> Question:
        """The façade asked for what it has stored. Raises Unanswered where it has not."""
        question = Question(self.facade, target, headers)
        asyncio.run(fetched(question.url, target, headers))
        asyncio.run(see_hit(question))
        return question

    @contextmanager
    def peer(self, kind: str, hit: Question) -> Iterator[Question]:
        """The same answer from a peer: `bare` or `route`."""
        told = [part for named in hit.headers.items() for part in named]
        command = ["tests.benchmarks.peers", kind, hit.url, hit.target, *told]
        with process(command, self.cores.server, {}) as running:
            yield Question(running, hit.target, hit.headers)

    @contextmanager
    def nginx(self, hit: Question) -> Iterator[Question]:
        """The same answer from nginx's cache."""
        with self.peer("bare", hit) as origin, nginx(origin.url, self.cores.server) as running:
            asyncio.run(fetched(running.url, hit.target, hit.headers))
            yield Question(running, hit.target, hit.headers)

    def new(self, rows: int, kind: str = "rows") -> str:
        """An attribute value nobody has asked for, with so many rows."""
        return f"{kind}-{rows}-{next(self._numbers)}"

    def upstream_calls(self) -> int:
        """How many lists the upstream has been asked for."""
        return int(asyncio.run(fetched(self.upstream.url, COUNT)).body)


async def see_hit(question: Question) -> None:
    """Ask once. Raises Unanswered where the first of its targets is no hit."""
    status = dict((await fetched(question.url, question.targets()[0], question.headers)).headers).get(
        "cache-status", ""
    )
    if "; hit;" not in status:
        raise Unanswered(f"No hit: {status}")


def _environ(settings: dict[str, Any]) -> dict[str, str]:
    known = {
        "tenant_id": TENANT_ID,
        "username": "bench",
        "password": "bench-not-a-secret",
        "pseudonym_secret": "bench-pseudonym-not-a-secret",
        "log_level": "warning",
        "fresh_open_seconds": DAY,  # else an answer of an open range is a miss every fifteen seconds
        **settings,
    }
    return {f"CXF_{name.upper()}": str(value) for name, value in known.items()}
