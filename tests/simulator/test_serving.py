"""The servers that tests run on."""

import contextlib
import threading
import urllib.request
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from app.simulator import create_simulator
from tests.support.serving import serve, serve_in_thread
from tests.support.simulator import QUIET


def test_a_thread_serves_clients_that_block_and_ends() -> None:
    with serve_in_thread(create_simulator(QUIET)) as url, urllib.request.urlopen(f"{url}/__sim/state") as answer:
        assert answer.headers["x-simulated"] == "cxfacade"
    assert "serve_in_thread" not in {thread.name for thread in threading.enumerate()}


async def test_two_applications_are_served_side_by_side() -> None:
    async with serve(create_simulator(QUIET)) as one, serve(create_simulator(QUIET)) as other:
        assert one != other


@contextlib.asynccontextmanager
async def broken(app: Starlette) -> AsyncIterator[None]:
    if app.routes == []:
        raise RuntimeError("invented failure")
    yield


async def test_an_application_that_fails_to_start_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        async with serve(Starlette(lifespan=broken)):
            pass


def test_an_application_that_fails_to_start_is_an_error_in_a_thread_too() -> None:
    with pytest.raises(RuntimeError, match="did not start"), serve_in_thread(Starlette(lifespan=broken)):
        pass
