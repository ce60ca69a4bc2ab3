"""Which modules are made wrong, which tests have to notice, and which changes no test can notice, with the reason."""

from typing import NamedTuple

LEAST_KILLED = 0.85


class Subject(NamedTuple):
    """A module, the tests that mirror it, and the share of its mutants that they have to kill."""

    name: str
    module: str
    tests: tuple[str, ...]
    least_killed: float = LEAST_KILLED


SUBJECTS = (
    Subject("keys", "app.cache.keys", ("tests/cache/test_keys.py",)),
    Subject("stored", "app.cache.stored", ("tests/cache/test_stored.py", "tests/cache/test_purged.py")),
    Subject("shelf", "app.cache.shelf", ("tests/cache/test_shelf.py",)),
    Subject(
        "store",
        "app.cache.store",
        ("tests/cache/test_store.py", "tests/cache/test_purged.py", "tests/cache/test_shelf.py"),
    ),
    Subject(
        "query",
        "app.queries.query",
        ("tests/queries/test_query.py", "tests/http/test_parse.py"),
    ),
    Subject("cursor", "app.queries.cursor", ("tests/queries/test_cursor.py", "tests/queries/test_places.py")),
    Subject("opaque", "app.queries.opaque", ("tests/queries/test_opaque.py", "tests/queries/test_cursor.py")),
    Subject(
        "flight",
        "app.cache.single_flight",
        ("tests/cache/test_single_flight.py", "tests/cache/test_shares.py", "tests/cache/test_purged.py"),
    ),
    Subject("reuse", "app.cache.reuse", ("tests/cache/test_reuse.py", "tests/cache/test_cache_status.py")),
    Subject(
        "call",
        "app.upstream.call",
        tuple(
            f"tests/upstream/test_{name}.py"
            for name in ("retries", "call", "login", "auth", "responses", "rules", "rows")
        ),
    ),
    Subject("slots", "app.slots", ("tests/test_slots.py",)),
    Subject("breaker", "app.upstream.breaker", ("tests/upstream/test_breaker.py", "tests/upstream/test_call.py")),
    Subject(
        "masking",
        "app.interactions.masking",
        ("tests/interactions/test_masking.py", "tests/interactions/test_policy.py"),
    ),
    Subject("replay", "app.listener.replay", ("tests/listener/test_replay.py",), 1.0),
    Subject("auth", "app.http.auth", ("tests/http/test_auth.py",), 1.0),
    Subject("guard", "app.http.guard", ("tests/http/test_guard.py",), 1.0),
    Subject("frames", "app.tier.frame", ("tests/tier/test_frame.py",), 1.0),
    Subject("leases", "app.tier.client", ("tests/tier/test_client.py",), 1.0),
    Subject("turns", "app.holdings.tier", ("tests/holdings/test_tier_turns.py", "tests/holdings/test_tier.py"), 1.0),
    Subject("purges", "app.holdings.tier_epoch", ("tests/holdings/test_tier.py",), 1.0),
    Subject("forwarding", "app.http.forwarding", ("tests/http/test_forwarding.py", "tests/http/test_guard.py"), 1.0),
)


class Equivalent(NamedTuple):
    """A change that makes no difference: in which line, as it stands, and why."""

    module: str
    line: str
    what: str
    reason: str


TAG = "any constant that no other kind shares tells it apart"
TRUTH = "it is asked for its truth alone"
WORDS = "words for people"
COUNTED = "the number is only compared with itself"
APART = "any bytes that no part holds keep the parts apart"
NAMES = "adds a name that no client sends, of the last and the first"
CHARACTERS = "the set of characters is the same"
REMEMBERED = "a bound of memory: what is forgotten is found again"
ESTIMATE = "a round number for what Python's objects take"

EQUIVALENT = (
    Equivalent("app.cache.keys", 'kind, content = b"t", b"1" if part else b"0"', "b't' doubled", TAG),
    Equivalent("app.cache.keys", 'kind, content = b"t", b"1" if part else b"0"', "b'1' doubled", TAG),
    Equivalent("app.cache.keys", 'kind, content = b"t", b"1" if part else b"0"', "b'0' doubled", TAG),
    Equivalent("app.cache.keys", 'kind, content = b"t", b"1" if part else b"0"', "condition negated", TAG),
    Equivalent("app.cache.keys", 'kind, content = b"b", part', "b'b' doubled", TAG),
    Equivalent("app.queries.query", '"report",', "'report' doubled", TAG),
    Equivalent("app.queries.query", 'return digest("columns", columns)', "'columns' doubled", TAG),
    Equivalent(
        "app.queries.query",
        'return digest("identity", self.view.grain, self.asked)[:_IDENTITY_BYTES]',
        "'identity' doubled",
        TAG,
    ),
    Equivalent(
        "app.queries.opaque",
        'return urlsafe_b64encode(check + packed).rstrip(b"=").decode()',
        "b'=' doubled",
        CHARACTERS,
    ),
    Equivalent(
        "app.queries.opaque",
        'packed = urlsafe_b64decode(text.encode("ascii") + b"==")[CHECK_BYTES:]  # padding may be too long',
        "b'==' doubled",
        "more padding than is needed is passed over",
    ),
    Equivalent("app.queries.query", "_IDENTITY_BYTES = 8", "8 → 9", "a longer identity tells apart as well"),
    Equivalent(
        "app.upstream.breaker",
        "self._era = 0  # counts openings and closings: a pass of another era is out of date",
        "0 → 1",
        COUNTED,
    ),
    Equivalent("app.upstream.breaker", "self._era += 1", "1 → 2", COUNTED),
    Equivalent("app.upstream.breaker", "self._successes = 0", "0 → 1", "set anew whenever it opens, before it is read"),
    Equivalent("app.upstream.call", "return False", "returns None", TRUTH),
    Equivalent(
        "app.tier.client",
        'return cast("bytes", reply) or None',
        "'bytes' doubled",
        "read by the type checker alone",
    ),
    Equivalent(
        "app.tier.client",
        'facts = cast("Sequence[bytes]", told)',
        "'Sequence[bytes]' doubled",
        "read by the type checker alone",
    ),
    Equivalent("app.cache.reuse", 'SERVE = "serve"', "'serve' doubled", WORDS),
    Equivalent(
        "app.cache.reuse",
        'SERVE_AND_REFRESH = "serve and refresh behind"',
        "'serve and refresh behind' doubled",
        WORDS,
    ),
    Equivalent("app.cache.reuse", 'FETCH = "fetch"', "'fetch' doubled", WORDS),
    Equivalent(
        "app.cache.reuse",
        'REFUSE = "refuse: only-if-cached, and nothing acceptable is stored"',
        "'refuse: only-if-cached, and nothing acceptable is stored' doubled",
        WORDS,
    ),
    Equivalent("app.cache.reuse", "return False", "returns None", TRUTH),
    Equivalent(
        "app.cache.single_flight",
        "MEMO_BOUND = 10_000  # failures remembered at once, the oldest goes first",
        "10000 → 10001",
        "a bound of memory: the test reads it where it stands",
    ),
    Equivalent(
        "app.cache.single_flight",
        'outcome = Overloaded("The fetch was stopped.") if flight.cancelled() else flight.result()',
        "'The fetch was stopped.' doubled",
        WORDS,
    ),
    Equivalent(
        "app.upstream.breaker",
        "self._era += 1",
        "without self._era += 1",
        "once closed, the one pass of the era that ends is the probe that closed it",
    ),
    Equivalent(
        "app.listener.replay",
        'b"connection user-agent accept-language x-request-id cookie referer priority dnt sec-gpc '
        'save-data sec-fetch-dest "',
        "b'connection user-agent accept-language x-request-id cookie  doubled",
        NAMES,
    ),
    Equivalent(
        "app.listener.replay",
        "OVERHEAD_BYTES = 900  # the objects of one replay, beside its key, head and body",
        "900 → 901",
        ESTIMATE,
    ),
    Equivalent(
        "app.listener.replay",
        'return b"\\0".join(parts)  # which no part can hold: the parser refuses it',
        "b'\\x00' doubled",
        APART,
    ),
    Equivalent("app.listener.replay", '_era: bytes = b"0"', "b'0' doubled", COUNTED),
    Equivalent("app.listener.replay", 'self._era = b"%d" % (int(self._era) + 1)', "Add → Sub", COUNTED),
    Equivalent("app.listener.replay", 'self._era = b"%d" % (int(self._era) + 1)', "1 → 2", COUNTED),
    Equivalent("app.listener.replay", "return False", "returns None", TRUTH),
    Equivalent(
        "app.http.auth",
        'QUERY_STRING: "A credential stands in the query string. '
        'Send it in a header, and replace it: logs keep URLs.",',
        "'A credential stands in the query string. Send it in a heade doubled",
        WORDS,
    ),
    Equivalent(
        "app.http.auth",
        'return Viewer(key.label, key.scopes, key, f"key {key.digest.hex()}")',
        "'key ' doubled",
        TAG,
    ),
    Equivalent("app.http.auth", 'value = value.strip(b" \\t")', "b' \\t' doubled", CHARACTERS),
    Equivalent("app.http.auth", 'return rest.strip(b" ")', "b' ' doubled", CHARACTERS),
    Equivalent(
        "app.http.auth",
        'return b64decode(rest.strip(b" "), validate=True).partition(b":")[0]',
        "b' ' doubled",
        CHARACTERS,
    ),
    Equivalent("app.http.guard", '_REQUEST_ID_BYTES = _LETTERS_AND_DIGITS + b"._-"', "b'._-' doubled", CHARACTERS),
    Equivalent(
        "app.http.guard",
        '_PLAIN_BYTES = _LETTERS_AND_DIGITS + b"/-_~"  # the dot is looked at more closely',
        "b'/-_~' doubled",
        CHARACTERS,
    ),
    Equivalent(
        "app.http.guard",
        'has_body = b"transfer-encoding" in fields or fields.get(b"content-length", b"").strip(b"0 \\t") != b""',
        "b'0 \\t' doubled",
        CHARACTERS,
    ),
    Equivalent("app.http.guard", "return False", "returns None", TRUTH),
    Equivalent(
        "app.tier.frame",
        "packed = zstandard.ZstdCompressor(1).compress(body)",
        "1 → 2",
        "a level of compression: what is written can be read by any",
    ),
    Equivalent(
        "app.holdings.tier_epoch",
        "if TYPE_CHECKING:  # else redis would be imported where there is no tier",
        "condition negated",
        "it is for types; what is imported where there is no tier is seen in another process",
    ),
    Equivalent("app.holdings.tier", "TOKEN_BYTES = 16", "16 → 17", "a longer token tells apart as well"),
    Equivalent(
        "app.holdings.tier",
        "_left: set[Lease] = field(default_factory=set, init=False)  # which may be held though nobody reads",
        "False → True",
        "nobody gives it",
    ),
    Equivalent(
        "app.holdings.tier",
        'key, fence = self.store.key("lease", collection), self.store.key("fence", collection)',
        "'fence' doubled",
        TAG,
    ),
    Equivalent(
        "app.holdings.tier",
        "self._left.add(Lease(key, token, 0))",
        "0 → 1",
        "a lease is given back by its token",
    ),
    *(
        Equivalent("app.holdings.tier_epoch", line, "False → True", "nobody gives it")
        for line in (
            "now: Epoch | None = field(default=None, init=False)",
            "is_pending: bool = field(default=False, init=False)",
            "is_unaware: bool = field(default=False, init=False)",
            "_purges: int = field(default=0, init=False)  # under way here",
        )
    ),
    Equivalent("app.http.forwarding", "_REMEMBERED = 4096", "4096 → 4097", REMEMBERED),
    Equivalent("app.http.forwarding", 'hop = hop.strip(" \\t")', "' \\t' doubled", CHARACTERS),
    Equivalent(
        "app.http.forwarding",
        'return said.get(field, "").rpartition(",")[2].strip(" \\t")',
        "' \\t' doubled",
        CHARACTERS,
    ),
    Equivalent(
        "app.http.forwarding", '_HOST_BYTES = (ascii_letters + digits + ".-_").encode()', "'.-_' doubled", CHARACTERS
    ),
    Equivalent("app.http.forwarding", "_HOSTS_REMEMBERED = 256", "256 → 257", REMEMBERED),
)
