"""What a lookup means, and which facts go together."""

import pytest

from app.cache.reuse import Reuse, Standing, decide
from app.cache.stored import Stored

STORED = Stored(value=b"rows", size=4, stored_at=100.0, fresh_for=10.0, stale_for=5.0)


@pytest.mark.parametrize(
    ("stored", "now", "standing"),
    [
        (None, 100.0, Standing.MISS),
        (STORED, 100.0, Standing.FRESH),
        (STORED, 110.0, Standing.FRESH),
        (STORED, 110.1, Standing.STALE),
        (STORED, 115.0, Standing.STALE),
        (STORED, 115.1, Standing.MISS),
    ],
)
def test_a_lookup_is_fresh_stale_or_a_miss(stored: Stored[bytes] | None, now: float, standing: Standing) -> None:
    assert decide(stored, now) is standing


def test_hit_and_fwd_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude"):
        Reuse(hit=True, fwd="stale")


@pytest.mark.parametrize(("stored", "collapsed"), [(True, False), (False, True)])
def test_only_a_forwarded_request_is_stored_or_collapsed(stored: bool, collapsed: bool) -> None:
    with pytest.raises(ValueError, match="forwarded"):
        Reuse(hit=True, stored=stored, collapsed=collapsed)


def test_a_request_may_be_neither_hit_nor_forwarded() -> None:
    assert Reuse(hit=False).fwd is None  # only-if-cached with nothing stored
