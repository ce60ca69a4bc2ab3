"""What a façade does behind its clients' backs, for tests to wait for."""

import asyncio

from tests.support.facade import Facade


async def completed(facade: Facade) -> None:
    """Wait until no fetch is under way any more, and what they brought is stored."""
    while flights := list(facade.services.queries.flights._under_way.values()):
        await asyncio.wait(flights)
