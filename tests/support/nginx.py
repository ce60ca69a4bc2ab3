"""A real nginx for tests: the documented examples themselves, TLS and prefix included, with other ports and files."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.shown import ROOT

EXAMPLE = ROOT / "docs/operating/nginx.conf"
IN_TURN = ROOT / "docs/operating/scale.conf"
PREFIX = "/cx"
LISTENS = " OS: "  # in the first line it says once its sockets listen
LOOPBACK = "127.0.0.1"
AROUND = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include example.conf;
}
"""


Replaced = Sequence[tuple[str, str]]


def example(path: Path, replaced: Replaced) -> str:
    """A documented example with parts of it replaced, each of which is there once."""
    text = path.read_text(encoding="utf-8")
    for documented, here in replaced:
        assert text.count(documented) == 1, documented
        text = text.replace(documented, here)
    return text


@contextmanager
def running_nginx(folder: Path, facade_port: int, certificate: Path) -> Iterator[str]:
    """The URL of a façade behind nginx, without a slash at its end; the file has the certificate and its key."""

    def configure(port: int) -> str:
        replaced = (
            ("listen 443 ssl;", f"listen {LOOPBACK}:{port} ssl;"),
            ("    listen [::]:443 ssl;\n", ""),
            ("server_name reports.example;", f"server_name {LOOPBACK};"),
            ("ssl_certificate /etc/ssl/reports.example.pem;", f"ssl_certificate {certificate};"),
            ("ssl_certificate_key /etc/ssl/reports.example.key;", f"ssl_certificate_key {certificate};"),
            ("server 127.0.0.1:8080;", f"server {LOOPBACK}:{facade_port};"),
        )
        (folder / "example.conf").write_text(example(EXAMPLE, replaced), encoding="utf-8")
        return AROUND

    with _running(folder, configure) as port:
        yield f"https://{LOOPBACK}:{port}{PREFIX}"


@contextmanager
def running_in_turn(folder: Path, facade_ports: tuple[int, int]) -> Iterator[str]:
    """The URL of two façades that take turns behind nginx, without a slash at its end."""
    one, two = facade_ports

    def configure(port: int) -> str:
        replaced = (
            ("listen 8083;", f"listen {LOOPBACK}:{port};"),
            ("server 127.0.0.1:8081;", f"server {LOOPBACK}:{one};"),
            ("server 127.0.0.1:8082;", f"server {LOOPBACK}:{two};"),
            ("daemon off;\n", "daemon off;\nmaster_process off;\n"),
        )
        return example(IN_TURN, replaced).replace("/tmp/", f"{folder}/")

    with _running(folder, configure) as port:
        yield f"http://{LOOPBACK}:{port}"


@contextmanager
def _running(folder: Path, configure: Callable[[int], str]) -> Iterator[int]:
    """The port at which nginx listens, with the configuration made for it; without nginx, skip, or fail in CI.

    The port is held by a socket that does not listen, until it has it.
    """
    program = shutil.which("nginx") or _missing()
    with socket.socket() as holding:
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holding.bind((LOOPBACK, 0))
        port = holding.getsockname()[1]
        (folder / "nginx.conf").write_text(configure(port), encoding="utf-8")
        command = [program, "-p", str(folder), "-c", "nginx.conf"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if LISTENS in line:
                    break
            try:
                assert process.poll() is None, said
                yield port
            finally:
                process.terminate()


def _missing() -> NoReturn:
    reason = "no nginx on this machine: the façade is not tried behind it"
    if os.environ.get("REQUIRE_NGINX") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
