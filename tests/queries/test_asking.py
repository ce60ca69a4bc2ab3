"""When upstream last answered a question is told with its failures, for as many questions as are remembered."""

from datetime import datetime

import pytest

from app.errors import UpstreamServerError
from app.queries.asking import Successes
from tests.queries.support import NOW, STALE_SECONDS, desk, interactions, query

FRESH = 15


async def test_a_failure_says_when_upstream_last_answered_even_once_the_answer_is_gone() -> None:
    at = desk(interactions(3, is_open=True))
    at.upstream.failure = UpstreamServerError("down")
    with pytest.raises(UpstreamServerError) as never:
        await at.page(query())
    at.clock.advance(2)
    at.upstream.failure = None
    await at.page(query())
    answered: datetime = at.clock.wall
    at.clock.advance(FRESH + STALE_SECONDS + 1)
    at.upstream.failure = UpstreamServerError("down")
    with pytest.raises(UpstreamServerError) as later:
        await at.page(query())
    assert (never.value.last_success_at, later.value.last_success_at) == (None, answered)


def test_only_so_many_successes_are_remembered() -> None:
    successes = Successes(most=2)
    for key in (b"a", b"b", b"a", b"c"):
        successes.note(key, NOW)
    assert [successes.last(key) for key in (b"a", b"b", b"c")] == [NOW, None, NOW]
