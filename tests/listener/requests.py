"""Raw requests and what the listener, with the checks behind it, makes of each; also the seed of the fuzz.

The application is the one of `place.py`: `/` takes GET and HEAD, `/length` takes POST.
"""

from typing import NamedTuple


class Outcome(NamedTuple):
    """`status` None: the connection ends without an answer. `code` is the slug of a problem."""

    status: int | None
    code: str = ""
    closes: bool = False


class Case(NamedTuple):
    """`threats` are those of FAULTS 8."""

    name: str
    sent: bytes
    outcome: Outcome
    threats: tuple[str, ...] = ()


HOST = b"Host: localhost\r\n"
KIB = 1024
FINE = Outcome(200)
LAST = Outcome(200, closes=True)
CUT = Outcome(None, closes=True)


def bad(code: str, status: int = 400) -> Outcome:
    """A refusal of the listener, after which the connection ends."""
    return Outcome(status, code, closes=True)


def wrong(code: str, status: int = 400) -> Outcome:
    """A refusal by the checks behind it: the request was well formed, the connection stays."""
    return Outcome(status, code)


def get(target: bytes = b"/", headers: bytes = HOST, version: bytes = b"HTTP/1.1") -> bytes:
    """A GET with these header lines."""
    return b"GET " + target + b" " + version + b"\r\n" + headers + b"\r\n"


def post(headers: bytes, body: bytes = b"") -> bytes:
    """A POST to `/length`."""
    return b"POST /length HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


MALFORMED, BAD_TARGET, BAD_HOST = bad("bad-request"), bad("bad-target"), wrong("bad-host")
CHUNKED = b"Transfer-Encoding: chunked\r\n"

# fmt: off
CASES = (
    Case("a plain GET", get(), FINE),
    Case("a HEAD", get().replace(b"GET", b"HEAD"), FINE),
    Case("a query", get(b"/?attr=1&attr=2"), FINE),
    Case("the last of a connection", get(headers=HOST + b"Connection: close\r\n"), LAST),
    Case("HTTP/1.0", get(version=b"HTTP/1.0"), LAST),
    Case("HTTP/1.0 without a host", get(headers=b"", version=b"HTTP/1.0"), bad("bad-host"), threats=("T37",)),
    Case("empty lines first", b"\r\n\r\n" + get(), FINE),
    Case("a body by length", post(b"Content-Length: 3\r\n", b"abc"), FINE),
    Case("a body in chunks", post(CHUNKED, b"3\r\nabc\r\n0\r\n\r\n"), FINE),
    Case("a body in chunks with an extension", post(CHUNKED, b"3;x=y\r\nabc\r\n0\r\n\r\n"), FINE),
    Case("a trailer", post(CHUNKED, b"3\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n"), FINE),
    Case("a trailer that would be a host", post(CHUNKED, b"0\r\nHost: rebind.evil\r\n\r\n"), FINE),
    Case("a body as large as may be", post(b"Content-Length: 65536\r\n", b"a" * 64 * KIB), FINE),
    Case("a wish to upgrade", get(headers=HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), FINE),
    Case("a wish for HTTP/2", get(headers=HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), FINE),
    Case("a head just within its bound", get(headers=HOST + b"X: " + b"a" * 32_000 + b"\r\n"), FINE, threats=("T42",)),

    Case("no host", get(headers=b"Accept: */*\r\n"), BAD_HOST, threats=("T37",)),
    Case("two hosts", get(headers=HOST + HOST), BAD_HOST, threats=("T37",)),
    Case("two different hosts", get(headers=HOST + b"Host: rebind.evil\r\n"), BAD_HOST, threats=("T37",)),
    Case("an unknown host", get(headers=b"Host: rebind.evil\r\n"), BAD_HOST, threats=("T37",)),
    Case("an empty host", get(headers=b"Host:\r\n"), BAD_HOST, threats=("T37",)),
    Case("a host with a path", get(headers=b"Host: a/?x\r\n"), BAD_HOST, threats=("T37",)),
    Case("a host with a dot and a port", get(headers=b"hOST: LocalHost.:8080\r\n"), FINE, threats=("T37",)),

    Case("an absolute target", get(b"http://evil/p"), BAD_TARGET),
    Case("an absolute target of our own", get(b"http://localhost/"), BAD_TARGET),
    Case("a target in capitals", get(b"HTTP://EVIL/"), BAD_TARGET),
    Case("a target with a user", get(b"@evil"), BAD_TARGET),
    Case("a star", get(b"*").replace(b"GET", b"OPTIONS"), BAD_TARGET),
    Case("an authority", get(b"evil:443").replace(b"GET", b"CONNECT"), BAD_TARGET),
    Case("two slashes", get(b"//evil/p"), BAD_TARGET),
    Case("no slash", get(b"interactions"), BAD_TARGET),
    Case("a fragment", get(b"/#x"), BAD_TARGET),
    Case("a semicolon", get(b"/;a=1"), wrong("bad-target")),
    Case("an encoded slash", get(b"/%2fx"), wrong("bad-target")),
    Case("dot segments", get(b"/a/../b"), wrong("bad-target")),
    Case("encoded dot segments", get(b"/%2e%2E/x"), wrong("bad-target")),
    Case("a null in the target", get(b"/\0"), BAD_TARGET),
    Case("a letter beyond ASCII in the target", get("/ä".encode()), BAD_TARGET),
    Case("a letter beyond ASCII in the query", get("/?attr=Müller".encode()), BAD_TARGET),
    Case("a byte beyond ASCII in the query", get(b"/?attr=\x80"), BAD_TARGET),
    Case("a space in the target", get(b"/a b"), MALFORMED),
    Case("a backslash", get(b"/a\\b"), wrong("bad-target")),

    Case("a length and chunks", post(b"Content-Length: 3\r\n" + CHUNKED, b"0\r\n\r\n"), MALFORMED),
    Case("chunks and a length", post(CHUNKED + b"Content-Length: 3\r\n", b"0\r\n\r\n"), MALFORMED),
    Case("two lengths", post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"), MALFORMED),
    Case("a length with a sign", post(b"Content-Length: +3\r\n", b"abc"), MALFORMED),
    Case("a length below nought", post(b"Content-Length: -3\r\n", b"abc"), MALFORMED),
    Case("a length of a hundred digits", post(b"Content-Length: " + b"9" * 100 + b"\r\n"), MALFORMED),
    Case("another coding", post(b"Transfer-Encoding: gzip\r\n", b"abc"), MALFORMED),
    Case("chunked not last", post(b"Transfer-Encoding: chunked, gzip\r\n", b"abc"), MALFORMED),
    Case("chunked in disguise", post(b"Transfer-Encoding: xchunked\r\n", b"abc"), MALFORMED),
    Case("a chunk without a size", post(CHUNKED, b"\r\nabc\r\n"), MALFORMED),
    Case("a chunk of a wrong size", post(CHUNKED, b"zz\r\nabc\r\n"), MALFORMED),
    Case("a chunk longer than it says", post(CHUNKED, b"2\r\nabc\r\n0\r\n\r\n"), MALFORMED),
    Case("a body on GET", get(headers=HOST + b"Content-Length: 3\r\n") + b"abc", wrong("body-not-allowed")),

    Case("a space before the colon", get(headers=HOST + b"X-Key : 1\r\n"), MALFORMED),
    Case("a folded line", get(headers=HOST + b"X: a\r\n b\r\n"), MALFORMED),
    Case("a line without a colon", get(headers=HOST + b"nonsense\r\n"), MALFORMED),
    Case("a line without a name", get(headers=HOST + b": x\r\n"), MALFORMED),
    Case("a null in a header", get(headers=HOST + b"X: a\0b\r\n"), MALFORMED),
    Case("a bare CR in a header", get(headers=HOST + b"X: a\rX-Api-Key: b\r\n"), MALFORMED),
    Case("bare line feeds", get().replace(b"\r\n", b"\n"), MALFORMED),
    Case("an underscore in a header name", get(headers=HOST + b"X_Api_Key: k\r\n"), wrong("bad-request"),
         threats=("T35",)),
    Case("letters beyond ASCII in a header", get(headers=HOST + "X: ü\r\n".encode()), FINE),
    Case("an escape sequence in a header", get(headers=HOST + b"X: \x1b[2J\r\n"), MALFORMED, threats=("T54",)),
    Case("two credentials as one", get(headers=HOST + b"Authorization: a\r\nAuthorization: b\r\n"), FINE),

    Case("no version", b"GET /\r\n" + HOST + b"\r\n", MALFORMED),
    Case("HTTP/2.0 in words", get(version=b"HTTP/2.0"), MALFORMED),
    Case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", MALFORMED),
    Case("a version of our own making", get(version=b"HTTP/9.9"), MALFORMED),
    Case("a method in small letters", get().replace(b"GET", b"get"), MALFORMED),
    Case("a method nobody knows", get().replace(b"GET", b"CANARY"), MALFORMED),
    Case("an odd method", get().replace(b"GET", b"TRACE"), wrong("method-not-allowed", 405)),
    Case("a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32), MALFORMED),
    Case("nonsense", b"\xff\xfe\xfd\r\n\r\n", MALFORMED),
    Case("an answer", b"HTTP/1.1 200 OK\r\n\r\n", MALFORMED),

    Case("a target of 9 KiB", get(b"/" + b"a" * 9 * KIB), bad("target-too-long", 414), threats=("T42",)),
    Case("a target without an end", b"GET /" + b"a" * 40 * KIB, bad("target-too-long", 414), threats=("T42",)),
    Case("a header of 40 KiB", get(headers=HOST + b"X: " + b"a" * 40 * KIB + b"\r\n"), bad("headers-too-large", 431),
         threats=("T42",)),
    Case("a header without an end", b"GET / HTTP/1.1\r\nX: " + b"a" * 40 * KIB, bad("headers-too-large", 431),
         threats=("T42",)),
    Case("ten thousand headers", get(headers=HOST + b"A:b\r\n" * 10_000), bad("headers-too-large", 431),
         threats=("T42",)),
    Case("empty lines without an end", b"\r\n" * 40 * KIB, CUT, threats=("T42",)),
    Case("a body announced too large", post(b"Content-Length: 65537\r\n"), bad("body-too-large", 413),
         threats=("T42",)),
    Case("a body too large in chunks", post(CHUNKED, b"10001\r\n" + b"a" * 65_537),
         bad("body-too-large", 413), threats=("T42",)),
    Case("a body mostly of framing", post(CHUNKED, (b"1;" + b"x" * 999 + b"\r\na\r\n") * 700),
         bad("body-too-large", 413),
         threats=("T42",)),
    Case("a trailer without an end", post(CHUNKED, b"0\r\nX: " + b"a" * 700 * KIB), bad("body-too-large", 413),
         threats=("T42",)),

    Case("silence", b"", CUT, threats=("T40",)),
    Case("half a request line", b"GET /", CUT, threats=("T40",)),
    Case("half a head", b"GET / HTTP/1.1\r\n" + HOST, CUT, threats=("T40",)),
    Case("half a body", post(b"Content-Length: 9\r\n", b"abc"), CUT, threats=("T40",)),
    Case("half a chunk", post(CHUNKED, b"9\r\nabc"), CUT, threats=("T40",)),
    Case("chunks without the last", post(CHUNKED, b"3\r\nabc\r\n"), CUT, threats=("T40",)),
    Case("one empty line", b"\r\n", CUT, threats=("T40",)),
)
# fmt: on
