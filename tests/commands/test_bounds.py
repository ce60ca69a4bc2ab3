"""What bounds a running `serve`: the files its system allows."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from app.commands.serving import OTHER_FILES, limits_of
from app.settings import load
from tests.commands.running import started
from tests.commands.test_serving import NOWHERE, SERVES, TENANT
from tests.commands.test_signals import says

FILES = 256


@contextmanager
def files_allowed(most: int) -> Iterator[None]:
    """This process and those it starts may open so many."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("files", "concurrency", "connections"),
    [(1024, 8, 1024 - OTHER_FILES - 16), (20_000, 256, 20_000 - OTHER_FILES - 512), (FILES, 256, FILES // 2)],
)
def test_the_bound_of_all_connections_leaves_room_for_what_else_is_open(
    files: int, concurrency: int, connections: int
) -> None:
    settings = load({"upstream_concurrency": concurrency, "connections_per_address": 7}, environ={}, env_file=None)
    with files_allowed(files):
        limits = limits_of(settings)
    assert (limits.connections, limits.connections_per_peer) == (connections, 7)


@pytest.mark.threat("T49")
def test_more_connections_than_files_leave_those_alone_who_are_in(tmp_path: Path) -> None:
    with ExitStack() as crowd:
        with files_allowed(FILES):
            given = {**TENANT, "CXF_CONNECTIONS_PER_ADDRESS": "0", "CXF_UPSTREAM_URL": NOWHERE}
            facade = crowd.enter_context(started(tmp_path, "serve", "--port", "0", last=SERVES, **given))
        url = httpx.URL(facade.url(SERVES))
        kept = crowd.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=20))
        assert kept.get("/health/live").status_code == 200
        for _ in range(2 * FILES):
            crowd.enter_context(socket.create_connection((url.host, url.port or 0)))
        for _ in range(10):
            assert kept.get("/health/live").status_code == 200
        says(facade, "too-many-connections")
        assert "Traceback" not in facade.errors.read_text()
        assert "out of system resource" not in facade.errors.read_text()
