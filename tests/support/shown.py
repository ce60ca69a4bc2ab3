"""What a document shows is run as it stands, against a running demo."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEFT_OUT = "…"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Demo:
    """A running `cxfacade demo`: where a document says 8080 and 8090, these are meant."""

    url: str
    upstream_url: str

    def at_home(self, text: str) -> str:
        """A document's text with the addresses of this demo."""
        host = self.url.removeprefix("http://")
        return text.replace("localhost:8080", host).replace("http://127.0.0.1:8090", self.upstream_url)

    def run(self, *command: str, **named: str) -> str:
        """Standard output of a command that succeeds."""
        environ = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"), **named}
        done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=50, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def prints(self, command: str, output: str, **named: str) -> None:
        """The command prints what the document shows below it, whatever stands where something was left out."""
        printed = self.run("bash", "-c", self.at_home(command), **named).replace("\r\n", "\n")
        pattern = ".*".join(re.escape(part) for part in output.strip().split(LEFT_OUT))
        assert re.fullmatch(f"{pattern}\n?", f"{printed.strip()}\n", re.DOTALL), printed


def blocks(language: str, document: str) -> list[str]:
    """The code blocks of a document in one language."""
    return [text for fenced, text in FENCE.findall(document) if fenced == language]


def consoles(document: str) -> list[tuple[str, str]]:
    """Every `$ command` shown, with the output shown below it."""
    shown = []
    for block in blocks("console", document):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            shown.append((command, output))
    return shown


@contextmanager
def running_demo(*flags: str) -> Iterator[Demo]:
    """`cxfacade demo` on a free port."""
    command = [sys.executable, "-m", "app", "demo", "--port", "0", "--latency", "none", *flags]
    environ = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        try:
            assert running.stdout is not None
            told = _until_told(running.stdout)
            port = re.search(r"localhost:(\d+)/", told)
            upstream = re.search(r"http://127\.0\.0\.1:\d+(?=/__sim)", told)
            assert port, told
            assert upstream, told
            yield Demo(f"http://localhost:{port[1]}", upstream[0])
        finally:
            running.terminate()


def _until_told(stdout: Iterator[str]) -> str:
    """What the demo says, up to the line that it says last."""
    told = ""
    for line in stdout:
        told += line
        if "Ctrl-C" in line:
            break
    return told
