"""What one address may leave unread."""

from contextlib import ExitStack

import pytest
from starlette.types import Scope

from app.errors import RateLimited
from app.http.responses import LARGE_BYTES, Unread
from tests.scenarios.repeating import scope_of

LARGE = [bytes([number]) * LARGE_BYTES for number in range(3)]
SMALL = b"x" * (LARGE_BYTES - 1)


def of(host: str = "192.0.2.7") -> Scope:
    return scope_of("/interactions", client=(host, 50_000))


@pytest.fixture
def unread() -> Unread:
    return Unread(most_bytes=2 * LARGE_BYTES)


def test_different_answers_are_sent_up_to_the_bound_and_more_when_one_is_read(unread: Unread) -> None:
    with ExitStack() as stack:
        stack.enter_context(unread.sending(of(), LARGE[0]))
        with unread.sending(of(), LARGE[1]):
            with pytest.raises(RateLimited) as refused:
                stack.enter_context(unread.sending(of(), LARGE[2]))
            assert refused.value.retry_after_seconds == 1
        stack.enter_context(unread.sending(of(), LARGE[2]))


def test_equal_answers_share_their_bytes(unread: Unread) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(unread.sending(of(), LARGE[0]))
        stack.enter_context(unread.sending(of(), LARGE[1]))


def test_small_answers_and_other_addresses_are_not_refused(unread: Unread) -> None:
    other = unread.sending(of("192.0.2.8"), LARGE[2])
    with unread.sending(of(), LARGE[0]), unread.sending(of(), LARGE[1]), unread.sending(of(), SMALL), other:
        refused = unread.sending(of(), LARGE[2])
        with pytest.raises(RateLimited):
            refused.__enter__()


def test_nothing_is_remembered_of_what_is_read(unread: Unread) -> None:
    with unread.sending(of(), LARGE[0]), unread.sending(of(), LARGE[0]):
        pass
    assert (unread._sending, unread._held) == ({}, {})
