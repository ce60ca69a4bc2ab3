"""The table: FAULTS section 7, line by line, but for what needs client keys' files, and TIER section 3."""

from collections.abc import Callable
from typing import NamedTuple

from tests.benchmarks.row import Measured, Target
from tests.soak import bursts, lives, steady, tiers
from tests.soak.stage import Stage
from tests.support.ills import ILLS


class Row(NamedTuple):
    """One line; `measure` None: it is shown elsewhere, as `what` says."""

    name: str
    what: str
    target: Target
    measure: Callable[[Stage], Measured] | None


NONE, ONCE = Target("=", 0), Target("=", 1)

ROWS = (
    Row("hits", "p99 of 1,000 hits a second, 64 keys, 1 worker", Target("≤", 20, "ms"), steady.hits),
    Row("ceiling", "hits against bare ASGI: `make bench ARGS='--only hit-bare'`", Target("≥", 0.9), None),
    Row("overload", "misses a second at 3 × the ceiling, against the ceiling", Target("≥", 0.8), steady.overload),
    Row("stampede", "upstream calls for 1,000 cold callers of one key, plus failures", ONCE, bursts.stampede),
    Row("cold-start", "500 keys at once, 100 ms each, 8 slots: the last", Target("≤", 8, "s"), bursts.cold_start),
    Row("matrix", "the grid at the end of `make test`", Target("=", 234), None),
    Row("fault-soak", "failures on warm keys, 30 % random faults", NONE, steady.fault_soak),
    Row("bad-inputs", "tests/fuzz in `make test`: 10,400 raw requests and schemathesis", NONE, None),
    Row("memory-cap", "growth with more keys than fit, against the bound", Target("≤", 1.3), bursts.memory_cap),
    Row("slope", "growth a minute at 300 requests a second, cache full", Target("≤", 1, "MiB"), steady.slope),
    Row("big-bodies", "growth with 100 MB, a bomb and 28 MB", Target("≤", 80, "MiB"), bursts.big_bodies),
    Row("slow-clients", "p99 of hits with 500 slow senders and 50 non-readers", Target("≤", 2), steady.slow_clients),
    Row("churn", "failures after 1,200 clients left or lost patience", NONE, bursts.churn),
    Row("rolling-restart", "failures in 12 restarts at 300 new connections a second", NONE, lives.rolling_restart),
    Row("rotation", "failures in 2 changes of the secret at 100 requests a second", NONE, lives.rotation),
    Row("sigkill", "answering again after a kill, socket outside", Target("≤", 1, "s"), lives.sigkill),
    Row("recovery", "first fresh answer after a short outage", Target("≤", 7, "s"), lives.recovery),
    Row("token", "logins for 200 calls on expiry, plus failures", ONCE, bursts.token_expiry),
    Row("sigterm", "end after SIGTERM, with non-readers", Target("≤", 13, "s"), lives.sigterm),
    Row("start", "answers after a start, upstream down", Target("≤", 2, "s"), lives.start),
    Row("tier-crowd", "fetches for 1,000 cold clients over 4 processes, plus failures", ONCE, tiers.cold_crowd),
    Row("tier-leader-killed", "answered, who waited for it", Target("≤", 10.7, "s"), tiers.leader_killed),
    Row("tier-leader-frozen", "late writes of a frozen leader, plus failures", NONE, tiers.leader_frozen),
    Row("tier-purge", "gone on all of 4 processes", Target("≤", 1, "s"), tiers.purged),
    Row("tier-rolling", "failures in 12 replacements of workers at 300 requests a second", NONE, tiers.rolling),
    Row("tier-open", "added p99 while its circuits are open, side by side", Target("≤", 1, "ms"), tiers.open_circuits),
    *(
        Row(f"tier-{name.replace(' ', '-')}", f"failures at 300 requests a second: {name}", NONE, tiers.ill(name))
        for name in ILLS
    ),
)
