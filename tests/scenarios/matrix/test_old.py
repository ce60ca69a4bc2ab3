"""What upstream's faults look like once what was stored is too old."""

from collections.abc import Callable

import pytest

from tests.scenarios.matrix.cells import CELLS
from tests.scenarios.matrix.conftest import Stage
from tests.scenarios.matrix.grid import PROPERTY
from tests.scenarios.matrix.params import cells
from tests.scenarios.matrix.rows import Row

STATE = "old"


@pytest.mark.parametrize("row", cells())
async def test_what_is_too_old_covers_no_fault(
    row: Row, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    record_property(PROPERTY, [row.number, STATE])
    async with stage(row) as scene:
        await CELLS[STATE](scene, row)
