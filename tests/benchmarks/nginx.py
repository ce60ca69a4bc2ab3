"""nginx with proxy_cache, on the cores it is given, as a peer for hits."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep

from tests.benchmarks.client import Unanswered
from tests.benchmarks.machine import pinned
from tests.benchmarks.processes import Running, ending, free_port

SECONDS_TO_LISTEN = 5.0
BETWEEN_TRIES = 0.02

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; multi_accept on; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_temp_path {folder}/proxy;
    proxy_cache_path {folder}/cache keys_zone=bench:10m max_size=1g inactive=1h use_temp_path=off;
    open_file_cache max=1000 inactive=1h;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location / {{
            proxy_pass {origin};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_cache bench;
            proxy_cache_key $request_uri;
            proxy_cache_valid 200 1h;
            proxy_ignore_headers Cache-Control Expires Vary Set-Cookie;
        }}
    }}
}}
"""


def is_installed() -> bool:
    """Whether there is an nginx to compare with."""
    return shutil.which("nginx") is not None


@contextmanager
def nginx(origin: str, cores: frozenset[int]) -> Iterator[Running]:
    """It listens. Raises Unanswered where it does not start."""
    with tempfile.TemporaryDirectory() as folder, pinned(cores):
        Path(folder).chmod(0o755)  # its workers are another user
        port = free_port()
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(CONFIGURATION.format(folder=folder, port=port, origin=origin), encoding="ascii")
        command = [str(shutil.which("nginx")), "-p", folder, "-c", str(configuration)]
        began = perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        with ending(child):
            _wait_for(port)
            yield Running(f"http://127.0.0.1:{port}", child.pid, began)


def _wait_for(port: int) -> None:
    deadline = monotonic() + SECONDS_TO_LISTEN
    while monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            sleep(BETWEEN_TRIES)
        else:
            return
    raise Unanswered("nginx does not listen.")
