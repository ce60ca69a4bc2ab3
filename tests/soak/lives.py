"""Rows of beginnings and ends: starts, restarts, signals, outages."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter, sleep

from tests.benchmarks.client import Connection
from tests.benchmarks.row import Measured
from tests.soak.generator import Generator, Load
from tests.soak.stage import Stage, do, ending, statuses, until, url_of, wait_until_ready
from tests.soak.steady import HEALTH, WARM, new, warmed
from tests.soak.upstream import FIRST_PASSWORD

RESTARTS = 12
NOWHERE = "http://127.0.0.1:9"
MOST_SECONDS_TO_END = 30
OUTAGE_SECONDS = 3


def start(stage: Stage) -> Measured:
    """Seconds until a new process answers, with upstream down."""
    began = perf_counter()
    with stage.facade(upstream_url=NOWHERE) as running:
        answers, _ = do(statuses(running.url, [HEALTH, WARM[0]]))
        seconds = perf_counter() - began
    note = f"health {answers[0]}, data {answers[1]}"
    return Measured(seconds if answers == [200, 503] else float("inf"), note)


def rolling_restart(stage: Stage) -> Measured:
    """Requests that failed while a process took the place of another, twelve times."""
    seconds = max(2.5, stage.seconds(55) / RESTARTS)
    with stage.listening() as listener, ExitStack() as stack:
        first = _begun(stage, listener, stack)
        do(statuses(url_of(listener), WARM))

        async def renewing() -> None:
            serving = first
            for _ in range(RESTARTS):
                await asyncio.sleep(seconds / 2)
                following = await asyncio.to_thread(_begun, stage, listener, stack)
                serving.terminate()
                await asyncio.to_thread(serving.wait, MOST_SECONDS_TO_END)
                serving = following

        async def under_load() -> tuple[Load, Load]:
            renewed = asyncio.create_task(renewing())
            fresh, kept = (Generator(lambda: url_of(listener), keeps=keeps) for keeps in (False, True))
            loads = [Load(), Load()]
            while not renewed.done():
                both = await asyncio.gather(fresh.run(WARM, 300, 2), kept.run(WARM, 100, 2))
                loads = [load + more for load, more in zip(loads, both, strict=True)]
            await renewed
            return loads[0], loads[1]

        new_ones, kept_ones = do(under_load())
    failed = new_ones.failures.total() + kept_ones.failures.total()
    return Measured(failed, f"new connections: {new_ones.words()}; kept ones: {kept_ones.words()}")


def sigkill(stage: Stage) -> Measured:
    """Seconds from the kill until the next answer; the socket outlives the process, a supervisor starts another."""
    with stage.listening() as listener, ExitStack() as stack:
        first = _begun(stage, listener, stack)
        do(statuses(url_of(listener), WARM))
        began = perf_counter()
        first.kill()
        first.wait()
        stack.enter_context(ending(stage.heir(listener)))
        answers, _ = do(statuses(url_of(listener), [HEALTH] * 20))
        seconds = perf_counter() - began
    note = f"{answers.count(200)} of 20 connections made meanwhile were answered"
    return Measured(seconds if answers == [200] * 20 else float("inf"), note)


def _begun(stage: Stage, listener: socket.socket, stack: ExitStack) -> subprocess.Popen[str]:
    heir = stage.heir(listener)
    stack.enter_context(ending(heir))
    wait_until_ready(heir)
    return heir


def rotation(stage: Stage) -> Measured:
    """Requests that failed while the secret was changed twice under load."""
    secret = stage.folder / "password"
    with _secret(stage, FIRST_PASSWORD), stage.facade(password=None, password_file=secret, auth="token") as running:
        warmed(running)

        async def rotated() -> Load:
            driving = asyncio.create_task(
                Generator(lambda: running.url).run([*WARM[:10], *new(500)], 100, stage.seconds(10))
            )
            for number in range(2):
                await asyncio.sleep(stage.seconds(10) / 3)
                password = f"soak-not-a-secret-{number}"
                await asyncio.to_thread(stage.control, password=password)
                secret.write_text(password, encoding="utf-8")
                signalled(running.pid, signal.SIGHUP)
            return await driving

        stage.control(reset=1)
        load = do(rotated())
        logins = stage.control()["logins"]
    is_taken = logins >= 2
    return Measured(load.failures.total() + (not is_taken), f"{logins} logins; {load.words()}")


@contextmanager
def _secret(stage: Stage, password: str) -> Iterator[None]:
    path = stage.folder / "password"
    path.touch(0o600)
    path.write_text(password, encoding="utf-8")
    try:
        yield
    finally:
        path.unlink()


def signalled(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process of ours."""
    os.kill(pid, number)


def sigterm(stage: Stage) -> Measured:
    """Seconds from SIGTERM to the end, with clients who do not read what they asked for."""
    large = "/interactions?attr=rows-3000-large&limit=3000"
    with stage.facade() as running, ExitStack() as stack:
        do(statuses(running.url, [large]))
        port = int(running.url.rpartition(":")[2])
        for _ in range(20):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect(("127.0.0.1", port))
            client.send(f"GET {large} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        sleep(0.5)
        began = perf_counter()
        signalled(running.pid, signal.SIGTERM)
        while _is_running(running.pid) and perf_counter() - began < MOST_SECONDS_TO_END:
            sleep(0.01)
        seconds = perf_counter() - began
    return Measured(seconds, "20 clients that read nothing of 3,000 rows")


def _is_running(pid: int) -> bool:
    """Whether a child has not ended; one that has, and was not waited for, is a zombie."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"


def recovery(stage: Stage) -> Measured:
    """Seconds from the end of a short outage to the first fresh answer."""
    with stage.facade(fresh_open_seconds=1, fresh_max_seconds=1) as running:
        warmed(running)
        stage.control(faults=1)
        load = do(Generator(lambda: running.url).run([*WARM, *new(64)], 30, OUTAGE_SECONDS))
        stage.control(faults=0)

        async def is_fresh() -> bool:
            connection = await Connection.to(running.url)
            status = (await connection.get(new(1)[0])).status
            connection._writer.close()
            return status == 200

        first = do(until(is_fresh, 70))
        warm = do(until(lambda: _are_fresh(running.url), 70))
    note = f"all {len(WARM)} warm keys fresh after {first + warm:.1f} s (target 30); during the outage {load.words()}"
    return Measured(first, note)


async def _are_fresh(url: str) -> bool:
    connection = await Connection.to(url)
    told = [dict((await connection.get(target)).headers).get("cache-status", "") for target in WARM]
    connection._writer.close()
    return not any("ttl=-" in one and "stale-if-error" in one for one in told)
