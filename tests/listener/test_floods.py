"""A flood of 100 MB, of whatever kind, leaves nothing in the memory of a real process."""

import re
import socket
from pathlib import Path

import httpx
import pytest

from tests.commands.running import get, started
from tests.commands.test_serving import NOWHERE, SERVES, TENANT
from tests.listener.requests import HOST, post
from tests.listener.requests import get as a_get

MIB = 1024 * 1024
MOST_KEPT = 5 * MIB
LETTERS = b"a" * MIB
FLOODS = [
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: ", LETTERS, 431),
    (b"GET / HTTP/1.1\r\n" + HOST, b"a: b\r\n" * (MIB // 6), 431),
    (b"GET /", LETTERS, 414),
    (post(b"Content-Length: 104857600\r\n"), LETTERS, 413),
    (post(b"Transfer-Encoding: chunked\r\n"), b"100000\r\n" + LETTERS + b"\r\n", 413),
    (b"", a_get(b"/health/live") * (MIB // 50), 200),
]


def most_resident_bytes(process_id: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process_id}/status").read_text())
    assert found
    return int(found[1]) * 1024


def flooded(url: httpx.URL, head: bytes, part: bytes) -> int:
    """Send 100 parts, or as many as are taken; the status of the answer that came first."""
    with socket.create_connection((url.host, url.port or 0), 30) as client:
        try:
            client.sendall(head)
            for _ in range(100):
                client.sendall(part)
        except ConnectionError:
            pass  # it was cut: what was answered before is still here
        return int(client.recv(12).removeprefix(b"HTTP/1.1 "))


@pytest.mark.threat("T42")
def test_a_flood_is_refused_and_nothing_of_it_kept(tmp_path: Path) -> None:
    with started(tmp_path, "serve", "--port", "0", "--upstream-url", NOWHERE, last=SERVES, **TENANT) as facade:
        url = httpx.URL(facade.url(SERVES))
        for head, part, status in [(head, part[:100], status) for head, part, status in FLOODS]:
            assert flooded(url, head, part * 500) == status
        before = most_resident_bytes(facade.process.pid)
        for head, part, status in FLOODS:
            assert flooded(url, head, part) == status
        assert get(f"{url}/health/live").status_code == 200
        assert most_resident_bytes(facade.process.pid) - before <= MOST_KEPT
