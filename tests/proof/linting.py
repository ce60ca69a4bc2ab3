"""Two linters of other people: what redbot finds by asking, and httplint in one answer read from a socket."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import thor
import thor.loop
from httplint import HttpResponseLinter, Note, levels
from redbot.resource import HttpResource  # type: ignore[import-untyped]  # redbot has no types
from redbot.resource.fetch import RedFetcher, RedHttpClient  # type: ignore[import-untyped]  # likewise

AGENT = {"user-agent": "cxfacade-proof"}
FAULTY = (levels.WARN, levels.BAD)
PATIENCE = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    target: str
    method: str = "GET"
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Findings:
    """An answer's status and fields, by lower-case names, and what a linter warns of or calls bad.

    `notes` are the words of each note by its name, `praised` the names of what it found good.
    """

    status: int
    fields: Mapping[str, str]
    notes: Mapping[str, str]
    praised: frozenset[str]


Linter = Callable[[str, Asked], Findings]


def httplint(url: str, asked: Asked) -> Findings:
    """What httplint finds in the answer, as it came over the wire."""
    version, status, phrase, fields, body = exchange(url, asked)
    linter = HttpResponseLinter()
    linter.is_head_response = asked.method == "HEAD"
    linter.base_uri = url + asked.target
    linter.process_response_topline(version, status, phrase)
    linter.process_headers(fields)
    linter.feed_content(body)
    linter.finish_content(True)
    return _findings(linter, linter.notes)


def exchange(url: str, asked: Asked) -> tuple[bytes, bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    """Version, status, phrase, fields and body of an answer, all in bytes, on a connection of its own."""
    there = urlsplit(url)
    length = {"content-length": str(len(asked.body))} if asked.body else {}
    fields = {"host": there.netloc, "connection": "close", **AGENT, **length, **asked.fields}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection((there.hostname, there.port), timeout=PATIENCE) as connection:
        connection.sendall(f"{asked.method} {asked.target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + asked.body)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    top, _, body = received.partition(b"\r\n\r\n")
    first, *lines = top.split(b"\r\n")
    protocol, status, phrase = first.split(b" ", 2)
    parted = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    body = joined_chunks(body) if (b"transfer-encoding", b"chunked") in parted else body
    return protocol.removeprefix(b"HTTP/"), status, phrase, parted, body


def joined_chunks(body: bytes) -> bytes:
    """The content of a chunked body (RFC 9112 §7.1). Raises ValueError where it has no last chunk."""
    content = bytearray()
    while body:
        size, _, rest = body.partition(b"\r\n")
        content += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
        if size == b"0":
            return bytes(content)
    if content:
        raise ValueError("The last chunk is missing.")
    return b""  # to HEAD


class Red:
    """REDbot, which asks once and then again for codings, ranges and validation; its loop runs in a thread."""

    def __init__(self) -> None:
        config = ConfigParser()
        config.read_dict({"redbot": {"enable_local_access": "True"}})
        self._config = config["redbot"]

    def __call__(self, url: str, asked: Asked) -> Findings:
        """What redbot finds in its answers; each note once."""
        done = threading.Event()
        found: list[HttpResource] = []

        def start() -> None:
            resource = HttpResource(self._config)
            found.append(resource)
            resource.once("check_done", done.set)
            resource.set_request(url + asked.target, asked.method, list(asked.fields.items()), asked.body)
            resource.check()

        thor.loop._loop.run_in_loop(start)
        assert done.wait(PATIENCE), f"redbot does not finish {asked}"
        (resource,) = found
        answers = [resource, *(check for check in resource.subreqs.values() if check.fetch_started)]
        errors = [answer.fetch_error for answer in answers if answer.fetch_error]
        assert not errors, errors
        return _findings(resource.response, [note for answer in answers for note in answer.response.notes])


@contextmanager
def running_red() -> Iterator[Red]:
    """Redbot with its loop running; that loop is the process's only one and is stopped with it."""
    loop = thor.loop._loop
    loop.precision = 0.002  # seconds that a check waits to be taken up
    RedFetcher.client = RedHttpClient()  # closes its connections at the first stop of the loop
    thread = threading.Thread(target=thor.run, name="redbot")
    thread.start()
    try:
        yield Red()
    finally:
        loop.run_in_loop(thor.stop)
        thread.join(PATIENCE)


def _findings(answer: HttpResponseLinter, notes: Iterable[Note]) -> Findings:
    every = list(_all(notes))
    assert answer.status_code is not None
    return Findings(
        answer.status_code,
        {name.lower(): value.strip() for name, value in answer.headers.text},
        {type(note).__name__: str(note) for note in every if note.level in FAULTY},
        frozenset(type(note).__name__ for note in every if note.level is levels.GOOD),
    )


def _all(notes: Iterable[Note]) -> Iterator[Note]:
    for note in notes:
        yield note
        yield from _all(note.subnotes)
