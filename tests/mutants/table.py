"""Which modules are made wrong, which tests have to notice, and which changes no test can notice, with the reason."""

from typing import NamedTuple

LEAST_KILLED = 0.85


class Subject(NamedTuple):
    """A module, and the tests that mirror it."""

    name: str
    module: str
    tests: tuple[str, ...]


SUBJECTS = (
    Subject(
        "keys",
        "app.cache.store",
        (
            "tests/cache/test_keys.py",
            "tests/cache/test_stored.py",
            "tests/cache/test_store.py",
            "tests/cache/test_purged.py",
        ),
    ),
    Subject(
        "query",
        "app.queries.query",
        ("tests/queries/test_query.py", "tests/queries/test_cursor.py", "tests/http/test_parse.py"),
    ),
    Subject("flight", "app.cache.single_flight", ("tests/cache/test_single_flight.py", "tests/cache/test_purged.py")),
    Subject("reuse", "app.cache.reuse", ("tests/cache/test_reuse.py", "tests/cache/test_cache_status.py")),
    Subject(
        "call",
        "app.upstream.call",
        ("tests/upstream/test_retries.py", "tests/upstream/test_call.py", "tests/upstream/test_login.py"),
    ),
    Subject("breaker", "app.upstream.breaker", ("tests/upstream/test_breaker.py", "tests/upstream/test_call.py")),
    Subject(
        "masking",
        "app.interactions.masking",
        ("tests/interactions/test_masking.py", "tests/interactions/test_policy.py"),
    ),
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

EQUIVALENT = (
    Equivalent("app.cache.store", 'kind, content = b"t", b"1" if part else b"0"', "b't' doubled", TAG),
    Equivalent("app.cache.store", 'kind, content = b"t", b"1" if part else b"0"', "b'1' doubled", TAG),
    Equivalent("app.cache.store", 'kind, content = b"t", b"1" if part else b"0"', "b'0' doubled", TAG),
    Equivalent("app.cache.store", 'kind, content = b"t", b"1" if part else b"0"', "condition negated", TAG),
    Equivalent("app.cache.store", 'kind, content = b"b", part', "b'b' doubled", TAG),
    Equivalent("app.queries.query", '"report",', "'report' doubled", TAG),
    Equivalent("app.queries.query", 'return digest("columns", columns)', "'columns' doubled", TAG),
    Equivalent(
        "app.queries.query", 'return digest("identity", self.asked)[:_IDENTITY_BYTES]', "'identity' doubled", TAG
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
)
