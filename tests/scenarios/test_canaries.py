"""The watch on secrets works: whatever leaks one, by whichever way, is found and fails the session."""

import gzip
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import zstandard
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.support.canary import CANARIES, PASSWORD, WATCH, Watch, Watched
from tests.support.facade import Facade, running_facade
from tests.support.serving import serve
from tests.support.simulator import Simulator

ROOT = Path(__file__).parents[2]
PLANTED = """
import logging
import pytest
from tests.support.canary import PASSWORD

async def test_logs(facade):
    logging.getLogger("any").debug(PASSWORD)

async def test_prints(facade):
    print(PASSWORD)

async def test_keeps_it(facade):
    await facade.get("/whoami")

@pytest.fixture
def late():
    yield
    print(PASSWORD)

def test_leaves_it_behind(late):
    pass
"""
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "zstd": lambda body: zstandard.ZstdCompressor().compress(body),
}
PASTED = (
    "/interactions?attr={}&zzz=1",
    "/interactions?zzz={}",
    "/interactions?sort={}",
    "/interactions?password={}",
    "/interactions/{}",
    "/problems/{}",
    "/{}",
)


@pytest.mark.parametrize("name", CANARIES)
@pytest.mark.parametrize(
    "leak",
    [
        lambda logger, secret: logger.debug("told: %s", secret),
        lambda logger, secret: logger.info("nothing", extra={"more": {"of": [secret]}}),
        lambda logger, secret: logger.error("failed", exc_info=ValueError(secret)),
    ],
    ids=["argument", "extra", "exception"],
)
def test_a_log_record_of_any_logger_is_looked_through(name: str, leak: Callable[[logging.Logger, str], None]) -> None:
    logger = logging.getLogger("planted.keeps.to.itself")
    logger.propagate = False
    watch = Watch()
    with watch.hearing():
        leak(logger, CANARIES[name])
    assert set(watch.take()) == {f"the {name} in a record of the logger planted.keeps.to.itself"}


@pytest.mark.threat("T07")
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
async def test_headers_and_bodies_are_looked_through_whatever_their_coding(coding: str) -> None:
    coded = CODINGS[coding]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {"x-planted": PASSWORD} if scope["path"] == "/head" else {"content-encoding": coding}
            body = PASSWORD.encode() if scope["path"] == "/body" else b"plain"
            await PlainTextResponse(coded(body), headers=headers)(scope, receive, send)
        else:
            await quiet_lifespan(receive, send)

    watch = Watch()
    async with serve(Watched(app, watch)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for path in ("/nothing", "/body", "/head"):
            async with client.stream("GET", path):
                pass
    leaks = ["the password in the body of an answer to /body", "the password in the headers of an answer to /head"]
    assert watch.take() == leaks


async def quiet_lifespan(receive: Receive, send: Send) -> None:
    for word in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{word}.complete"})


@pytest.mark.threat("T07")
def test_a_planted_leak_fails_its_test_and_the_session(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED)
    options = ["-q", "-rA", "--tb=line", "-p", "no:cacheprovider", "-p", "tests.conftest", "--rootdir", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), *options, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    run = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50
    )
    assert run.returncode == 1, run.stdout + run.stderr
    for name, where in (("logs", "a record of the logger any"), ("prints", "Captured stdout call")):
        assert f"ERROR test_planted.py::test_{name} - AssertionError: leaked: ['the password in {where}']" in run.stdout
    assert "ERROR test_planted.py::test_keeps_it" not in run.stdout
    assert "PASSED test_planted.py::test_keeps_it" in run.stdout
    assert "leaked after its test: ['the password in Captured stdout teardown']" in run.stdout


async def test_the_shared_facade_holds_the_canaries_and_is_watched(simulator: Simulator) -> None:
    assert simulator.options.password == PASSWORD
    before = WATCH.looked_at
    async with running_facade(simulator, auth="token") as facade:
        await facade.get("/interactions", ("attr", "1234567"))
        (token,) = simulator.state.credentials._expiries
    assert WATCH.looked_at > before + 5
    assert token.startswith(CANARIES["token"])


@pytest.mark.threat("T07")
async def test_what_is_pasted_into_a_url_is_neither_logged_nor_repeated(
    facade: Facade, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody should send one, but people paste; FAULTS T07 wants it out of logs and T57 out of errors."""
    with caplog.at_level(logging.DEBUG):
        for path in PASTED:
            answer = await facade.get(path.format("pasted-8Wd3"), status=None)
            assert answer.status_code in (400, 404)
            assert "pasted-8Wd3" not in answer.text.replace(answer.json()["instance"], "")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("cxfacade")]
    assert 4 <= len(ours) <= len(PASTED)  # refusals of one kind share a line a second
    assert not [line for line in ours if "pasted-8Wd3" in line]
