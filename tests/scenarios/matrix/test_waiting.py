"""What upstream's faults look like to a client who waits for the refresh of what is stored."""

from collections.abc import Callable

import pytest

from tests.scenarios.matrix.cells import CELLS
from tests.scenarios.matrix.conftest import Stage
from tests.scenarios.matrix.grid import PROPERTY
from tests.scenarios.matrix.params import cells
from tests.scenarios.matrix.rows import Row

STATE = "waiting"


@pytest.mark.parametrize("row", cells())
async def test_who_waits_for_a_refresh_is_told_what_is_stored_where_that_may_cover_its_fault(
    row: Row, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    record_property(PROPERTY, [row.number, STATE])
    async with stage(row) as scene:
        await CELLS[STATE](scene, row)
