"""Whatever status upstream answers with, clients see one of ours."""

from collections.abc import Iterable, Iterator

import pytest

from tests.scenarios.matrix.answers import PAGE
from tests.scenarios.matrix.expected import STATUSES, lawful
from tests.scenarios.matrix.rows import BASIC, ITEM, TOKEN
from tests.scenarios.matrix.scene import Fault, Scene, staged
from tests.scenarios.matrix.setting import VALUE, Setting
from tests.support.raw import Exchange, http

BODILESS = (204, 205, 304)
LONGEST_GATE, THROTTLED_SECONDS = 901, 5


FINAL = range(200, 600)  # RFC 9110 §15
OF_A_LOGIN = (*range(200, 207), *range(300, 309), *range(400, 430), *range(500, 512), 599)


class EveryStatus:
    """Answers with a status after the other, each as long as the test wants."""

    def __init__(self, statuses: Iterable[int]) -> None:
        self.now = 0
        self.statuses = statuses

    def walk(self) -> Iterator[int]:
        """One after the other."""
        for status in self.statuses:
            self.now = status
            yield status

    async def strike(self, exchange: Exchange, scene: Scene) -> None:
        """The status whose turn it is."""
        await exchange.write(http(b"" if self.now in BODILESS else PAGE, self.now))

    async def play(self, scene: Scene) -> None:
        """Let the pause pass that a 429 means where it names none."""
        await scene.clock.asleep_for(THROTTLED_SECONDS, len(scene.clock.asked))
        scene.clock.advance(THROTTLED_SECONDS)


@pytest.mark.parametrize(
    ("setting", "only_logins", "all_of_them"),
    [(BASIC, False, FINAL), (ITEM, False, FINAL), (TOKEN, True, OF_A_LOGIN)],
    ids=["of the list", "of one interaction", "of a login"],
)
async def test_every_status_of_upstreams_becomes_one_of_ours(
    setting: Setting, only_logins: bool, all_of_them: Iterable[int]
) -> None:
    statuses = EveryStatus(all_of_them)
    async with staged(Fault(statuses.strike, play=statuses.play), setting, only_logins=only_logins) as scene:
        await scene.break_upstream()
        for status in statuses.walk():
            scene.desk.granted.clear()
            scene.outlive(LONGEST_GATE)
            answer = await scene.ask(f"{VALUE}-{status}")
            assert answer.status_code in STATUSES, status
            lawful(answer, scene)
