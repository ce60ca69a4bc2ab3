"""Two processes that share a tier, of which the server is killed, frozen and emptied: the same invariants for both."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, ClassVar, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from redis import Redis

from app.cache.store import MemoryStore
from app.clock import SYSTEM_CLOCK
from app.holdings.answering import Answered
from app.holdings.holdings import Holdings
from app.tier.circuits import TierUnavailable
from app.upstream.client import UpstreamClient
from tests.holdings.support import SCHEDULE, Place, ids_of
from tests.holdings.test_machine import Machine
from tests.holdings.test_tier import Processes, store_of
from tests.support.tier import TierServer, running_tier

EXAMPLES, STEPS = 25, 25


class Sharing(Machine):
    """The rules of one process, at either of two, and what happens to the tier; one loop, as connections are of one."""

    server: ClassVar[TierServer]
    taken: ClassVar[list[str]] = []
    is_well = True

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.closing = AsyncExitStack()

    def run(self, work: Coroutine[Any, Any, object]) -> object:
        """In the loop of this life."""
        return self.runner.run(work)

    def teardown(self) -> None:
        """End, and leave the server as it was."""
        self.mended()
        self.run(self.closing.aclose())
        self.runner.close()

    @initialize(rows=st.integers(0, 400), cache_bytes=st.sampled_from([150_000, 50_000_000]), both_hold=st.booleans())
    def begin(self, rows: int, cache_bytes: int, *, both_hold: bool) -> None:
        super().begin(rows, cache_bytes)
        self.flush()
        store, client = (
            MemoryStore(cache_bytes, lambda: self.at.clock.monotonic),
            cast("UpstreamClient", self.at.upstream),
        )
        holdings = Holdings(client, store, self.at.clock.clock, SCHEDULE, b"rules")
        self.elsewhere = Place(self.at.upstream, self.at.clock, store, holdings)
        self.run(self._share())
        if both_hold:
            self.ask_both(has_attribute=False)

    async def _share(self) -> None:
        processes = Processes(self.server, self.closing, SYSTEM_CLOCK)
        for at in (self.at, self.elsewhere):
            processes.share(at, 0.0)
            assert at.holdings.tier
            at.holdings.tier.ended = self.taken.append

    @rule()
    def turn(self) -> None:
        """From now on the other process is asked."""
        self.at, self.elsewhere = self.elsewhere, self.at

    @rule()
    def turn_again(self) -> None:
        """The same: that it is there twice lets it come twice as often."""
        self.turn()

    @rule(has_attribute=st.booleans())
    def ask_both(self, *, has_attribute: bool) -> None:
        """What one has read at this moment is there for the other."""
        self.at.clock.advance(0.001)
        asked = {"attribute_values": ("gold",)} if has_attribute else {}
        for _ in range(2):
            answered = self.run(self.at.reading(1_000_000, fresh_seconds=0.0005, **asked))
            if isinstance(answered, Answered) and answered.composition.compared_at == self.at.clock.monotonic:
                assert not answered.composition.complete or ids_of(answered) == self.at.expected(**asked)
            self.turn()

    @precondition(lambda self: self.is_well)
    @rule()
    def kill(self) -> None:
        self.is_well = False
        self.server.kill()

    @precondition(lambda self: self.is_well)
    @rule()
    def freeze(self) -> None:
        self.is_well = False
        self.server.freeze()

    @precondition(lambda self: self.is_well)
    @rule()
    def flush(self) -> None:
        with Redis(unix_socket_path=str(self.server.socket)) as other:
            other.flushall()

    @precondition(lambda self: not self.is_well)
    @rule()
    def mend(self) -> None:
        """The server is begun anew, and both use it again."""
        self.mended()
        self.run(self._used())

    def mended(self) -> None:
        """See above, but for its use."""
        if not self.is_well:
            self.server.kill()
            self.server.begin()
            self.is_well = True

    async def _used(self) -> None:
        for at in (self.at, self.elsewhere):
            for side in (store_of(at).reads, store_of(at).writes):
                if side._recovery:
                    await asyncio.wait([side._recovery])

    @rule()
    def purge(self) -> None:
        """What is purged at one is purged at the other, as soon as both know of it."""
        self.run(self._purge())

    async def _purge(self) -> None:
        async with store_of(self.at).epoch.purging():
            self.at.holdings.purge()
        with suppress(TierUnavailable):
            await store_of(self.elsewhere).epoch.look()

    async def _ask(self, rows: int, asked: dict[str, Any]) -> object:
        before = self.adds, self.erases
        answered = await super()._ask(rows, asked)
        self.adds, self.erases = before  # the other has not compared
        return answered

    @rule()
    def compare_all(self) -> None:
        """At both."""
        before, were_whole = (self.adds, self.erases), list[bool]()
        for _ in range(2):
            self.adds = True
            super().compare_all()
            were_whole.append(not self.adds)
            self.turn()
        self.adds, self.erases = (False, False) if all(were_whole) else before


def test_the_invariants_hold_at_both_after_every_step() -> None:
    with running_tier() as server:
        Sharing.server = server
        run_state_machine_as_test(
            Sharing, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
        )
    assert "tier" in Sharing.taken
