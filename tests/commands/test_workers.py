"""`serve --workers 2`: two processes that serve one socket answer as one, whichever is asked."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from app.http.responses import content_tag
from app.simulator import create_simulator
from tests.commands.running import Running, get, ran, started
from tests.commands.test_serving import NOWHERE, SERVES, TENANT, listens_no_more
from tests.commands.test_signals import HANG_SECONDS, load, says
from tests.support.serving import serve_in_thread
from tests.support.simulator import QUIET

GIVEN = {**TENANT, "CXF_ANONYMOUS_SCOPES": "read,metrics:read,cache:purge", "CXF_WORKERS": "2"}


class Two:
    """A supervisor with two workers."""

    def __init__(self, program: Running) -> None:
        self.program = program
        self.url = program.url(SERVES)

    def workers(self) -> list[int]:
        """The numbers of its processes, the oldest first."""
        pid = self.program.process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @contextmanager
    def alone(self, worker: int) -> Iterator[None]:
        """While the others stand still, this worker answers whoever connects."""
        others = [one for one in self.workers() if one != worker]
        for one in others:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in others:
                os.kill(one, signal.SIGCONT)

    def asked(self, worker: int, path: str) -> httpx.Response:
        """The answer of one worker."""
        with self.alone(worker):
            return get(f"{self.url}{path}")

    def figures(self, words: str) -> str:
        """The metrics once they say this: a worker that is late with its own is left out."""
        until = time.monotonic() + HANG_SECONDS
        while words not in (text := get(f"{self.url}/metrics").text):
            assert time.monotonic() < until, text
        return text


def figure(text: str, name: str) -> float:
    return float(next(line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name)))


ASKED_WHO = 'cxfacade_requests_total{route="/whoami",status="200"}'
TOLD, SILENT = 'cxfacade_workers{state="told"}', 'cxfacade_workers{state="silent"}'
LIVE = 'cxfacade_requests_total{route="/health/live",status="200"}'


def both_answer_and_a_pseudonym_is_the_same_at_both(two: Two) -> None:
    customers = [two.asked(one, "/interactions?fields=interaction_id,customer_key&limit=20") for one in two.workers()]
    assert len(customers) == 2
    assert customers[0].json()["items"] == customers[1].json()["items"]
    assert any(row["customer_key"] for row in customers[0].json()["items"])


def sighup_reaches_both(two: Two) -> None:
    two.program.process.send_signal(signal.SIGHUP)
    says(two.program, "The upstream credentials were read again.", times=2)


def a_killed_worker_takes_nobody_with_it_but_its_own_clients(two: Two) -> None:
    before = two.workers()
    killed, spared = before
    assert two.asked(killed, "/whoami").status_code == 200
    counted = figure(two.figures(f"{TOLD} 2.0"), ASKED_WHO)
    with ExitStack() as stack:
        kept = []
        for worker in (spared, killed):
            client = stack.enter_context(httpx.Client(base_url=two.url, trust_env=False, timeout=20))
            with two.alone(worker):
                assert client.get("/health/live").status_code == 200
            kept.append(client)
        answered = stack.enter_context(load(f"{two.url}/health/live"))
        os.kill(killed, signal.SIGKILL)
        says(two.program, "worker 1 ended by itself, with code -9; another takes its place")
        assert kept[0].get("/health/live").status_code == 200
        assert figure(two.figures(TOLD), ASKED_WHO) == counted, "what the dead has counted counts"
        while len(two.workers()) < 2:
            assert get(f"{two.url}/health/live").status_code == 200
    assert len([one for one in answered if one != 200]) <= 1, "one request at a time was under way"
    assert {*two.workers()} & {*before} == {spared}


def workers_are_replaced_and_nobody_notices(two: Two) -> None:
    before = {*two.workers()}
    with load(f"{two.url}/interactions?attr=valueOne") as answered:
        two.program.process.send_signal(signal.SIGUSR2)
        says(two.program, "is replaced by worker", times=2)
        while before & {*two.workers()}:
            assert get(f"{two.url}/health/live").status_code == 200
    assert {*answered} == {200}
    assert len(two.workers()) == 2


def sigusr2_to_a_worker_itself_ends_nothing(two: Two) -> None:
    """As `systemctl kill` sends it to all processes of a service."""
    before = two.workers()
    for worker in before:
        os.kill(worker, signal.SIGUSR2)
        assert two.asked(worker, "/health/live").status_code == 200
    assert two.workers() == before


def a_walk_by_turns_shows_each_row_once_under_one_validator(two: Two) -> None:
    path, tags, ids = "/interactions?from=2026-11-17&limit=100", [], []
    while path:
        first, second = (two.asked(one, path) for one in two.workers())
        tags.append([content_tag(one.headers["etag"]) for one in (first, second)])
        ids += [row["interaction_id"] for row in first.json()["items"]]
        following = second.json()["next"]
        path = httpx.URL(following).raw_path.decode() if following else ""
    assert len(tags) > 2
    assert all(first == second for first, second in tags)
    assert len(ids) == len({*ids}) == first.json()["meta"]["total"]


def a_purge_at_one_is_a_purge_at_both(two: Two) -> None:
    first, second = two.workers()
    question = "/interactions?attr=valueOne"
    assert [two.asked(one, question).status_code for one in (first, second)] == [200, 200]
    assert "hit" in two.asked(second, question).headers["cache-status"]
    with two.alone(first):
        order = httpx.post(
            f"{two.url}/cache/purge", json={"all": True}, headers={"X-Requested-With": "test"}, trust_env=False
        )
    assert order.status_code == 200
    until = time.monotonic() + HANG_SECONDS
    while "hit" in two.asked(second, question).headers["cache-status"]:
        assert time.monotonic() < until


def figures_are_of_both_though_one_stands_still(two: Two) -> None:
    first, second = two.workers()
    before = figure(two.figures(f"{TOLD} 2.0"), LIVE)
    for worker in (first, second):
        assert two.asked(worker, "/health/live").status_code == 200
    with two.alone(first):
        text = two.figures(f"{SILENT} 1.0")
    assert figure(text, LIVE) == before + 1
    text = two.figures(f"{TOLD} 2.0")
    assert figure(text, LIVE) == before + 2
    assert figure(text, "cxfacade_cache_bound_bytes") == 268_435_456
    assert figure(text, "cxfacade_upstream_slots") == 8


def a_signal_ends_all_and_the_socket(two: Two) -> None:
    workers = two.workers()
    two.program.process.send_signal(signal.SIGINT)
    listens_no_more(two.url)
    assert two.program.process.wait(HANG_SECONDS) == 0
    assert not any(Path(f"/proc/{one}").exists() for one in workers)
    assert "Traceback" not in two.program.errors.read_text()


STEPS = (
    both_answer_and_a_pseudonym_is_the_same_at_both,
    a_walk_by_turns_shows_each_row_once_under_one_validator,
    a_purge_at_one_is_a_purge_at_both,
    sighup_reaches_both,
    sigusr2_to_a_worker_itself_ends_nothing,
    a_killed_worker_takes_nobody_with_it_but_its_own_clients,
    workers_are_replaced_and_nobody_notices,
    figures_are_of_both_though_one_stands_still,
    a_signal_ends_all_and_the_socket,
)


def test_two_workers_are_as_one(tmp_path: Path) -> None:
    """All of it with the same two: to start a worker takes a second."""
    with serve_in_thread(create_simulator(QUIET)) as upstream:
        given = {**GIVEN, "CXF_UPSTREAM_URL": upstream}
        with started(tmp_path, "serve", "--port", "0", last=SERVES, **given) as program:
            for step in STEPS:
                step(Two(program))


@pytest.mark.parametrize(
    ("environ", "code", "words"),
    [
        ({"CXF_WORKERS": "9"}, 2, "CXF_WORKERS must be at most CXF_UPSTREAM_CONCURRENCY"),
        ({"CXF_HOST": "0.0.0.0"}, 2, "CXF_ALLOW_ANONYMOUS"),
        ({"CXF_REDIS_URL": "redis://x.invalid"}, 2, "CXF_REDIS_URL needs CXF_TIER_SECRET"),
    ],
)
def test_a_bad_setting_is_one_line(environ: dict[str, str], code: int, words: str, tmp_path: Path) -> None:
    refused = ran(tmp_path, "serve", "--port", "0", "--upstream-url", NOWHERE, **{**GIVEN, **environ})
    lines = [line for line in refused.stderr.splitlines() if line.startswith("cxfacade: ")]
    assert (refused.returncode, len(lines)) == (code, 1)
    assert words in lines[0]
