"""Whatever is asked, breaks, recovers, leaves, expires or is forgotten, in whatever order: I1 to I13 hold."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from app.errors import UpstreamError
from app.main import PURGE_SECONDS
from tests.scenarios.machine.account import Account, code
from tests.scenarios.machine.upstream import FAULTS
from tests.scenarios.machine.world import MASKED, WHO, begun

LISTS = ("north", "big-east", "big-west", "big-far")
ITEMS = {"0001": "00000000-0000-4000-8000-000000000001"}
VALUES = (*LISTS, *ITEMS)
SUMMARY = "/summary"
ENDINGS = ("", ".csv", ".ndjson", SUMMARY)
DIRECTIVES = (*[""] * 8, "max-age=0", "max-age=20", "only-if-cached", "no-cache")
SPANS = (0.5, 2, 5, 9, 11, 16, 16, 25, 40, 61, 320)  # about every bound there is, on both sides
WALL_STEPS = (-86_400, -3_600, -1, 3_600, 86_400)
STEP = 5
MOST_STEPS_TO_RECOVER = 200  # the longest gate is closed for 900 seconds (FAULTS 1.2)

EXAMPLES, STEPS = 100, 30

asking = st.tuples(st.sampled_from(sorted(WHO)), st.sampled_from(ENDINGS), st.sampled_from(DIRECTIVES))


class Machine(RuleBasedStateMachine):
    """Each rule does one thing and waits until nothing moves; then everything that must hold is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.world = self.runner.run(begun(self.stack))
        self.account = Account(self.world)
        self.passwords = 0

    def teardown(self) -> None:
        """Let everybody be answered, and end."""
        self.world.upstream.release()
        self.runner.run(self.world.settle())
        self.runner.run(self.stack.aclose())
        self.runner.close()

    @rule(value=st.sampled_from(VALUES), crowd=st.lists(asking, min_size=1, max_size=4))
    def request(self, value: str, crowd: list[tuple[str, str, str]]) -> None:
        """Some ask the same at once, each as they may see it."""
        self.runner.run(self._request(value, crowd))

    async def _request(self, value: str, crowd: list[tuple[str, str, str]]) -> None:
        for who, ending, directive in crowd:
            target, key = _target(value, ending, is_clear=who == "clear"), WHO[who]
            fields = [(b"cache-control", directive.encode())] if directive else []
            task = self.world.launch(target, *([key.field] if key else []), *fields)
            self.account.note(value, task, is_clear=who == "clear", view=f"{who} {target}")
        await self.world.settle()
        self.account.check()

    @rule(value=st.sampled_from(LISTS), one=asking)
    def request_a_list(self, value: str, one: tuple[str, str, str]) -> None:
        """One asks; that the same rule is there thrice lets it come thrice as often."""
        self.request(value, [one])

    @rule(
        value=st.sampled_from(VALUES),
        other=st.sampled_from(VALUES),
        fault=st.sampled_from([None, *["403"] * 4, *sorted(FAULTS)]),  # what is denied has the strictest rule
        seconds=st.sampled_from((0.5, 16, 16, 40, 320)),
        one=asking,
    )
    def request_through_a_fault(
        self, value: str, other: str, fault: str | None, seconds: float, one: tuple[str, str, str]
    ) -> None:
        """The same question before and after something goes wrong with upstream, as another question finds out."""
        self.request(value, [one])
        self.world.upstream.fault = fault
        self.advance(seconds)
        self.request(other, [one])
        self.request(value, [one, one])

    @rule(value=st.sampled_from(VALUES))
    def pry(self, value: str) -> None:
        """Who may not see customers is refused, whatever is stored; upstream is not asked."""
        number = self.world.upstream.number
        task = self._launched(_target(value, "", is_clear=True), MASKED.field)
        assert (task.result().status, code(task.result())) == (403, "forbidden")
        assert self.world.upstream.number == number

    @rule(seconds=st.sampled_from(SPANS))
    def advance(self, seconds: float) -> None:
        """Time passes; while somebody waits, in steps, so that who loses patience goes before the others."""
        while seconds > 0:
            step = min(seconds, STEP) if self.account.waiting else seconds
            self.world.clock.advance(step)
            seconds -= step
            self._settle()

    @rule(seconds=st.sampled_from(WALL_STEPS))
    def step_the_wall_clock(self, seconds: float) -> None:
        """Somebody sets the machine's time."""
        self.world.clock.step(wall=seconds)

    @rule(fault=st.sampled_from(sorted(FAULTS)))
    def fail(self, fault: str) -> None:
        """Upstream's answers are wrong from now on."""
        self.world.upstream.fault = fault

    @rule()
    def mend(self) -> None:
        """Upstream's answers are right from now on."""
        self.world.upstream.fault = None

    @precondition(lambda self: not self.world.upstream.is_holding)
    @rule()
    def hold(self) -> None:
        """Upstream takes its time."""
        self.world.upstream.hold()

    @precondition(lambda self: self.world.upstream.is_holding)
    @rule()
    def release(self) -> None:
        """What was held back is answered."""
        self.world.upstream.release()
        self._settle()

    @precondition(lambda self: self.account.waiting)
    @rule(chance=st.integers(0, 99))
    def cancel(self, chance: int) -> None:
        """One who waits is taken away."""
        self.account.waiting[chance % len(self.account.waiting)].task.cancel()
        self._settle()

    @rule()
    def expire_tokens(self) -> None:
        """Upstream has forgotten every token."""
        self.world.upstream.expire_tokens()

    @precondition(lambda self: not self.world.upstream.is_holding)
    @rule(is_known=st.booleans())
    def rotate(self, is_known: bool) -> None:
        """The secret is changed, here and at upstream, or here alone: then all goes on with the old one."""
        self.passwords += 1
        old, new = self.world.password, f"invented-password-{self.passwords}"
        upstream = self.world.upstream
        upstream.passwords = {old, new} if is_known else {old}
        try:
            self.runner.run(self.world.rotate(new))
        except UpstreamError:
            assert not is_known or upstream.fault or self._is_held()
        else:
            assert is_known
        upstream.passwords = {self.world.password}
        self._settle()

    @precondition(lambda self: self.account.waiting)
    @rule(chance=st.integers(0, 99), one=asking)
    def join(self, chance: int, one: tuple[str, str, str]) -> None:
        """One more asks what is being fetched."""
        self.request(self.account.waiting[chance % len(self.account.waiting)].value, [one])

    @precondition(lambda self: self.account.waiting)
    @rule(chance=st.integers(0, 99), is_all=st.booleans(), one=asking)
    def purge_under_way(self, chance: int, is_all: bool, one: tuple[str, str, str]) -> None:
        """What is being fetched is forgotten before it arrives; who asks then is not told it."""
        value = self.account.waiting[chance % len(self.account.waiting)].value
        self.purge(None if is_all else value)
        self.request(value, [one])

    @rule(value=st.sampled_from([None, *VALUES]))
    def purge(self, value: str | None) -> None:
        """Somebody has everything, the answers to one question, or one interaction forgotten."""
        self.world.clock.advance(PURGE_SECONDS)
        self._settle()
        answer = self.runner.run(self.world.purge(json.dumps(_order(value)).encode()))
        assert answer.status == 200, answer
        self.account.note_purge(*(VALUES if value is None else [value]))
        self._settle()

    @rule(value=st.sampled_from(VALUES))
    def recover(self, value: str) -> None:
        """All is well again; I12: once nothing holds calls back, the second request, if not the first, is fresh."""
        upstream = self.world.upstream
        upstream.fault = None
        upstream.release()
        self._settle()
        self.advance(61)  # no failure is remembered for longer
        for _ in range(MOST_STEPS_TO_RECOVER):
            if not self._is_held():
                break
            self.advance(STEP)
        number = upstream.number
        answers = [self._launched(_target(value, "", is_clear=False)).result() for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200], f"I12: {answers}"
        assert f"answer {number + 1} to {value}".encode() in answers[1].body, f"I12: {answers}"

    @invariant()
    def all_holds(self) -> None:
        """See the account."""
        self.account.check()

    def _settle(self) -> None:
        self.runner.run(self.world.settle())
        self.account.check()

    def _launched(self, target: str, *fields: tuple[bytes, bytes]) -> asyncio.Task[Any]:
        async def launched() -> asyncio.Task[Any]:
            task = self.world.launch(target, *fields)
            await self.world.settle()
            return task

        return self.runner.run(launched())

    def _is_held(self) -> bool:
        client = self.world.client
        return client.refuses_lists() or client.refuses_items() or client._session.auth_gate_seconds() > 0


def _target(value: str, ending: str, *, is_clear: bool) -> str:
    pii = "pii=clear&" if is_clear else ""
    if value in ITEMS:
        return f"/interactions/{ITEMS[value]}?{pii}fields=interaction_id,flow_name,customer"
    if ending == SUMMARY:
        shown = "flow_name,customer" if is_clear else "flow_name"
        return f"/interactions{ending}?attr={value}&{pii}by={shown}&measures=interaction_count"
    return f"/interactions{ending}?attr={value}&{pii}fields=interaction_id,flow_name,customer"


def _order(value: str | None) -> dict[str, Any]:
    if value is None:
        return {"all": True}
    return {"interaction_id": ITEMS[value]} if value in ITEMS else {"query": f"attr={value}"}


def test_the_invariants_hold_after_every_step(seed: int) -> None:
    run_state_machine_as_test(
        seeded(seed)(Machine),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),  # to shrink an example takes minutes: add Phase.shrink for that
        ),
    )
