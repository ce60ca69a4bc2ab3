"""The composition root: what an application is made of, and that two share nothing."""

import asyncio
import gc
import logging
import subprocess
import sys
from typing import Any

import pytest
from fastapi import FastAPI

from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.commands.servers import YOUNG, freeze_startup_objects
from app.errors import SettingsError
from app.http.guard import Guard
from app.main import create_app, pseudonym_secret, sweep
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.facade import Facade, facade_settings, running_facade

NOWHERE = "http://127.0.0.1:9"
CANARY = "canary-6e21-invented"
NOT_NEEDED = {"httpx._main", "rich", "pygments", "pydantic.v1", "app.simulator", "pandas", "pyarrow", "cryptography"}
IMPORTED = "import sys, app.cli, app.commands.servers; print(*(name for name, it in sys.modules.items() if it))"
LOOKED_THROUGH = """
import gc, sys
from app.__main__ import main
rounds = []
gc.callbacks.append(lambda phase, _: rounds.append(phase))
sys.argv[1:] = ["openapi"]
try:
    main()
finally:
    print("collected", len(rounds), file=sys.stderr)
"""


def fresh(code: str) -> subprocess.CompletedProcess[str]:
    """What a new interpreter says to this."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_a_start_imports_nothing_heavy_that_serving_does_not_need() -> None:
    imported = set(fresh(IMPORTED).stdout.split())
    assert {"app.main", "httpx", "pydantic", "uvicorn"} <= imported
    assert not imported & NOT_NEEDED


def test_the_collector_waits_until_what_stands_at_the_start_is_settled() -> None:
    assert "collected 0" in fresh(LOOKED_THROUGH).stderr
    before = gc.get_threshold()
    gc.disable()
    try:
        freeze_startup_objects()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() == (YOUNG, *before[1:])
    finally:
        gc.enable()
        gc.set_threshold(*before)
        gc.unfreeze()


def test_two_applications_share_nothing(clock: HandClock) -> None:
    one, other = (create_app(facade_settings(NOWHERE), clock=clock.clock) for _ in range(2))
    assert one.replays is not other.replays
    assert one.replays.store is not other.replays.store
    layers: list[Any] = [*one.user_middleware, *other.user_middleware]
    ours, others = (layer.kwargs["finished"] for layer in layers if layer.cls is Guard)
    assert ours != others


async def test_a_repeat_never_reaches_the_framework_of_a_running_facade(
    facade: Facade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over real connections: whole, by its tag, in part, its head, and again after all of that."""
    identity = {"Accept-Encoding": "identity"}
    attr = ("attr", "1234567")
    first = await facade.get("/interactions", attr, headers=identity)
    for more, status in (({"If-None-Match": first.headers["etag"]}, 304), ({"Range": "bytes=1-9"}, 206)):
        await facade.get("/interactions", attr, status=status, headers={**identity, **more})
    await facade.client.head("/interactions", params=[attr], headers=identity)

    async def closed(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(FastAPI, "__call__", closed)
    for asked, status, content in (
        ({}, 200, first.content),
        ({"If-None-Match": first.headers["etag"]}, 304, b""),
        ({"Range": "bytes=1-9"}, 206, first.content[1:10]),
        ({}, 200, first.content),
    ):
        again = await facade.get("/interactions", attr, status=status, headers={**identity, **asked})
        assert again.headers["cache-status"] == "cxfacade; hit; ttl=15"
        assert again.content == content
    head = await facade.client.head("/interactions", params=[attr], headers=identity)
    assert (head.status_code, head.content) == (200, b"")
    assert value_of(facade.services.metrics, "answers", outcome="fresh") == 5 + 3


@pytest.mark.threat("T67")
def test_a_file_of_keys_that_cannot_be_used_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="CXF_CLIENT_KEYS_FILE names a file that does not exist"):
        create_app(facade_settings(NOWHERE, client_keys_file="/nowhere/keys.json"))


def test_a_secret_that_is_not_set_is_random_and_worth_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    settings = facade_settings(NOWHERE, pseudonym_secret=None)
    with caplog.at_level(logging.WARNING, logger="cxfacade"):
        assert pseudonym_secret(settings) != pseudonym_secret(settings)
        assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
        pseudonym_secret(settings.model_copy(update={"demo": True}))
        assert len(pseudonym_secret(facade_settings(NOWHERE))) >= 16
        assert len(caplog.records) == 2


async def test_a_facade_starts_and_answers_while_upstream_is_down(clock: HandClock) -> None:
    async with running_facade(NOWHERE, clock=clock.clock) as facade:
        assert (await facade.get("/health/ready")).json() == {"status": "ok"}


async def test_what_is_too_old_is_dropped_while_nobody_asks(clock: HandClock) -> None:
    store = MemoryStore(1_000_000, clock.clock.monotonic)
    store.put(b"old", Stored(b"", 0, clock.monotonic, fresh_for=5, stale_for=5))
    sweeping = asyncio.create_task(sweep(store, clock.clock))
    for _ in range(11):
        await clock.asleep()
        assert len(store) == 1
        clock.advance(1)
    await clock.asleep()
    sweeping.cancel()
    assert len(store) == 0
