"""Raw requests changed at random: the table of the listener's tests, with bytes flipped, cut, repeated and spliced."""

from collections.abc import Callable, Iterator
from random import Random

from tests.listener.requests import CASES, CHUNKED, HOST, get, post

LONGEST_BASE = 4_096  # a larger one shows nothing more, and takes its time
MOST_CHANGES = 4
MOST_REPEATED = 200

OWN = (
    get(b"/interactions?attr=1234567&limit=2"),
    get(b"/interactions.csv?attr=1&fields=interaction_id,flow_name&csv=excel"),
    get(b"/interactions?sort=-started_at&from=-1d&to=now&pii=clear", HOST + b"Accept: text/csv;q=0.5, */*;q=0.1\r\n"),
    get(b"/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17?include=notes"),
    get(b"/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17/timeline", HOST + b'If-None-Match: "x", W/"y"\r\n'),
    get(b"/interactions", HOST + b"Cache-Control: max-age=0, only-if-cached\r\nRange: bytes=0-10,20-\r\n"),
    get(b"/cache/explain?attr=1", HOST + b"Authorization: Bearer cxf_nobody_invented\r\n"),
    get(b"/problems/upstream-reset", HOST + b"Accept: text/html\r\nX-Request-ID: abc\r\n"),
    get(b"/schema", HOST + b"Origin: https://a.example\r\nAccept-Encoding: gzip, zstd;q=0\r\n"),
    *(get(b"/schema").replace(b"GET", method) for method in (b"DELETE", b"PUT", b"PATCH", b"OPTIONS")),
    get(b"/interactions/?attr=1234567"),
    get(b"/interactions?attr_pair=accountNumber=1&attr%5B%5D=2&fields=a:direction"),
    post(CHUNKED, b'c\r\n{"all":true}\r\n0\r\n\r\n').replace(b"/length", b"/cache/purge"),
)
BASES = (*(case.sent for case in CASES if case.sent and len(case.sent) <= LONGEST_BASE), *OWN)
WORDS = (
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"%00", b"%2e%2e/", b"%ff"),
    *(b"GET ", b"HEAD ", b"POST ", b"OPTIONS ", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"Host: localhost\r\n", b"Host: "),
    *(b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
    *(b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"-1", b"attr=", b"&", b"=", b"?", b"/", b"..", b"#", b'"', b"\xff"),
    *(b"\x1b[2J", "\u2028".encode()),
)

Change = Callable[[bytearray, Random], None]


def _place(sent: bytearray, random: Random) -> int:
    return random.randrange(len(sent) + 1)


def _span(sent: bytearray, random: Random) -> slice:
    start = _place(sent, random)
    return slice(start, start + random.randint(1, 40))


def flip(sent: bytearray, random: Random) -> None:
    """One bit."""
    if sent:
        sent[random.randrange(len(sent))] ^= 1 << random.randrange(8)


def replace(sent: bytearray, random: Random) -> None:
    """One byte, by any."""
    if sent:
        sent[random.randrange(len(sent))] = random.randrange(256)


def insert(sent: bytearray, random: Random) -> None:
    """A word that means something to a parser."""
    place = _place(sent, random)
    sent[place:place] = random.choice(WORDS)


def drop(sent: bytearray, random: Random) -> None:
    """Some bytes."""
    del sent[_span(sent, random)]


def repeat(sent: bytearray, random: Random) -> None:
    """Some bytes, many times over."""
    span = _span(sent, random)
    sent[span] = sent[span] * random.randint(2, MOST_REPEATED)


def move(sent: bytearray, random: Random) -> None:
    """Some bytes, elsewhere."""
    span = _span(sent, random)
    moved = sent[span]
    del sent[span]
    place = _place(sent, random)
    sent[place:place] = moved


def cut(sent: bytearray, random: Random) -> None:
    """All that follows."""
    del sent[_place(sent, random) :]


def splice(sent: bytearray, random: Random) -> None:
    """The end of another request."""
    other = random.choice(BASES)
    sent[_place(sent, random) :] = other[random.randrange(len(other)) :]


CHANGES: tuple[Change, ...] = (flip, replace, insert, insert, drop, repeat, move, cut, splice)


def mutated(random: Random) -> Iterator[list[bytes]]:
    """For ever, a changed request in one to three segments."""
    while True:
        sent = bytearray(random.choice(BASES))
        for _ in range(random.randint(1, MOST_CHANGES)):
            random.choice(CHANGES)(sent, random)
        places = sorted(_place(sent, random) for _ in range(random.randrange(3)))
        ends = [*places, len(sent)]
        yield [bytes(sent[start:end]) for start, end in zip([0, *places], ends, strict=True) if start < end]
