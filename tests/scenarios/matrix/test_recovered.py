"""What follows when a fault is over."""

from collections.abc import Callable

import pytest

from tests.scenarios.matrix.cells import CELLS
from tests.scenarios.matrix.conftest import Stage
from tests.scenarios.matrix.grid import PROPERTY
from tests.scenarios.matrix.params import cells
from tests.scenarios.matrix.rows import Row

STATE = "recovered"


@pytest.mark.parametrize("row", cells())
async def test_once_a_fault_is_over_the_next_answer_is_right(
    row: Row, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    record_property(PROPERTY, [row.number, STATE])
    async with stage(row) as scene:
        await CELLS[STATE](scene, row)
