"""What all tests share: a simulator, a façade in front of it, a shared tier; and that no canary ever gets out."""

import gc
from collections.abc import AsyncIterator, Callable, Generator, Iterator

import pytest
from hypothesis import settings
from redis import Redis

from tests.scenarios.matrix import grid
from tests.support import seeds
from tests.support.canary import WATCH
from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.simulator import ANCHOR, Simulator, running_simulator
from tests.support.tier import TierServer, running_tier

LONGEST = (
    "tests/test_contributing.py",
    "tests/test_typescript.py",
    "tests/benchmarks/test_rows.py",
    "tests/fuzz/",
    "tests/scenarios/test_isolation.py",
    "tests/scenarios/test_state_machine.py",
    "tests/scenarios/matrix/",
    "tests/explorer/",
    "tests/commands/",
    "tests/test_readme.py",
    "tests/http/test_pages.py",
    "tests/upstream/test_shifts.py",
)
"""What takes longest begins first: otherwise one worker has it left when the others are done."""

YOUNG = 20_000  # objects, more than were freed, after which the collector looks at the youngest

settings.register_profile(
    "cxfacade",
    deadline=None,  # how long an example takes says nothing on a busy machine
    max_examples=50,  # others in each run
)
settings.load_profile("cxfacade")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests while garbage is not: all of it lasts, and looking through it took a quarter of the time.

    Then garbage is looked for less often than by default, which took a fifteenth of the time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first; all else stays in its order."""
    items.sort(key=lambda item: [not item.nodeid.startswith(one) for one in LONGEST])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look through what a test printed, as its report holds it; logs are heard where they are written."""
    report = yield
    for title, printed in report.sections:
        if title in (f"Captured stdout {report.when}", f"Captured stderr {report.when}"):
            WATCH.look(printed, title)
    return report


@pytest.fixture(autouse=True)
def no_canary_leaks() -> Iterator[None]:
    """Fail the test during which a secret of the façade was seen outside it; set up first, so torn down last."""
    yield
    leaks = WATCH.take()
    assert not leaks, f"leaked: {sorted(set(leaks))}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What was seen after the last test, or in its report, fails the session."""
    if leaks := WATCH.take():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        session.config.get_terminal_writer().line(f"\nleaked after its test: {sorted(set(leaks))}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the fault matrix, where it was run, and the seeds of what was left to chance."""
    grid.summarise(terminalreporter)
    seeds.summarise(terminalreporter)


@pytest.fixture
def seed(record_property: Callable[[str, object], None]) -> int:
    """The seed of a test that leaves something to chance; told at the end of the run."""
    number = seeds.chosen()
    record_property(seeds.PROPERTY, number)
    return number


@pytest.fixture
def clock() -> HandClock:
    """The façade's clock, turned by hand; it begins at the moment the simulator's stands at."""
    return HandClock(wall=ANCHOR)


@pytest.fixture
def interactions() -> int:
    """How many interactions upstream has; where a few will do, each façade has less to read."""
    return TENANT.interactions


@pytest.fixture
async def simulator(interactions: int) -> AsyncIterator[Simulator]:
    """An upstream with canary credentials, its clock frozen on a Wednesday morning; it must see no forbidden call."""
    async with running_simulator(TENANT, interactions=interactions) as running:
        yield running
        assert running.violations == 0


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock) -> AsyncIterator[Facade]:
    """A façade in front of `simulator`, on `clock`, with no setting beyond what it needs."""
    async with running_facade(simulator, clock=clock.clock) as running:
        yield running


@pytest.fixture(scope="module")
def tier_server() -> Iterator[TierServer]:
    """A server of the shared tier, for all tests of a module."""
    with running_tier() as running:
        yield running


@pytest.fixture
def stored(tier_server: TierServer) -> Iterator[Redis]:
    """A client of `tier_server` that has emptied it."""
    with Redis(unix_socket_path=str(tier_server.socket)) as client:
        client.flushall()
        yield client
