"""What upstream's faults look like with nothing stored."""

from collections.abc import Callable

import pytest

from tests.scenarios.matrix.cells import CELLS
from tests.scenarios.matrix.conftest import Stage
from tests.scenarios.matrix.grid import PROPERTY
from tests.scenarios.matrix.params import cells
from tests.scenarios.matrix.rows import Row

STATE = "empty"


@pytest.mark.parametrize("row", cells())
async def test_with_nothing_stored_a_fault_is_told_as_its_own(
    row: Row, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    record_property(PROPERTY, [row.number, STATE])
    async with stage(row) as scene:
        await CELLS[STATE](scene, row)
