"""The simulator most tests ask: frozen on a Wednesday morning."""

from collections.abc import AsyncIterator

import pytest

from tests.simulator.support import Asking, asking


@pytest.fixture
async def upstream() -> AsyncIterator[Asking]:
    async with asking() as question:
        yield question
