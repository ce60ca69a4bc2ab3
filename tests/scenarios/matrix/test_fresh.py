"""What upstream's faults look like while an answer is fresh: like nothing."""

from collections.abc import Callable

import pytest

from tests.scenarios.matrix.cells import CELLS
from tests.scenarios.matrix.conftest import Stage
from tests.scenarios.matrix.grid import PROPERTY
from tests.scenarios.matrix.params import cells
from tests.scenarios.matrix.rows import Row

STATE = "fresh"


@pytest.mark.parametrize("row", cells())
async def test_a_fault_is_not_noticed_while_the_answer_is_fresh(
    row: Row, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    record_property(PROPERTY, [row.number, STATE])
    async with stage(row) as scene:
        await CELLS[STATE](scene, row)
