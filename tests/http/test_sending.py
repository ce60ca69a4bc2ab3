"""How a response goes out: in slices, within what one address may leave unread."""

import asyncio
import sys
from contextlib import ExitStack

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Scope

from app import cooperative
from app.errors import RateLimited
from app.http.responses import coded
from app.http.sending import JOINED_BYTES, PART_BYTES, Pieces, Prepared, PreparedResponse, Unread, coalesced
from tests.scenarios.repeating import scope_of, sent_by

ONLY_HERE = 2  # references: the name, and what sys.getrefcount is given

FIELDS = [(b"content-type", b"text/plain")]


async def receive() -> Message:
    raise AssertionError


async def messages(status: int, body: bytes | memoryview | Pieces) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await PreparedResponse(Prepared(status, FIELDS, body), b"whole", Unread())(scope_of("/"), receive, send)
    return sent


LARGE_BYTES = PART_BYTES + 1


@given(st.integers(0, 4 * PART_BYTES))
async def test_the_slices_of_a_body_are_the_body(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    start, *slices = await messages(206, body[:size])
    assert start == {"type": "http.response.start", "status": 206, "headers": FIELDS}
    assert b"".join(one["body"] for one in slices) == body[:size]
    assert [one.get("more_body", False) for one in slices] == [True] * (len(slices) - 1) + [False]


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (0, [0]),
        (1, [1]),
        (PART_BYTES, [PART_BYTES]),
        (PART_BYTES + 1, [PART_BYTES, 1]),
        (2 * PART_BYTES, [PART_BYTES, PART_BYTES]),
    ],
)
async def test_no_slice_is_larger_than_what_is_handed_on_at_once(size: int, sizes: list[int]) -> None:
    assert [len(one["body"]) for one in (await messages(200, b"x" * size))[1:]] == sizes


@given(st.lists(st.integers(0, 2 * PART_BYTES), max_size=8), st.data())
async def test_a_body_in_pieces_is_sent_coded_and_cut_as_the_whole(sizes: list[int], data: st.DataObject) -> None:
    parts = [bytes([number]) * size for number, size in enumerate(sizes)]
    body, whole = await cooperative.run(coalesced(parts)), b"".join(parts)
    assert (bytes(body), len(body)) == (whole, len(whole))
    slices = [one["body"] for one in (await messages(200, body))[1:]]
    assert b"".join(slices) == whole
    assert all(len(one) <= PART_BYTES for one in slices)
    assert zstandard.decompress(await coded(body, "zstd")) == whole
    if isinstance(body, Pieces):
        start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
        sent = (await messages(206, body.part(range(start, stop))))[1:]
        assert b"".join(one["body"] for one in sent) == whole[start:stop]


async def test_large_pieces_are_neither_joined_nor_copied_and_small_ones_are_sent_together() -> None:
    large, small = b"x" * (JOINED_BYTES - 10), b"y" * (JOINED_BYTES // 4)
    slices = (await messages(200, await cooperative.run(coalesced([large, *[small] * 5, large]))))[1:]
    assert [len(one["body"]) for one in slices] == [len(large), JOINED_BYTES, len(small), len(large)]
    assert [one["body"].obj is large for one in slices] == [True, False, False, True]
    assert [one["more_body"] for one in slices] == [True, True, True, False]


async def test_a_range_of_a_body_in_pieces_is_not_copied_but_where_it_is_short() -> None:
    """Slow readers of parts would hold a copy each, where the body counts once for all of them."""
    large = b"x" * (2 * PART_BYTES)
    body = Pieces([large, large])
    slices = (await messages(206, body.part(range(1, len(body) - 1))))[1:]
    assert all(one["body"].obj is large for one in slices)
    assert type((await messages(206, body.part(range(1, 9))))[1]["body"]) is bytes


async def test_a_body_of_one_slice_is_not_copied() -> None:
    body = b"x" * PART_BYTES
    assert (await messages(200, body))[1]["body"] is body


async def test_a_prepared_answer_is_a_response_of_the_framework() -> None:
    sent = await sent_by(PreparedResponse(Prepared(304, FIELDS, b""), b"whole", Unread()), scope_of("/"))
    start = {"type": "http.response.start", "status": 304, "headers": FIELDS}
    assert sent == [start, {"type": "http.response.body", "body": b""}]


async def test_a_large_answer_is_counted_before_its_first_message_and_until_its_sending_ends_or_is_given_up() -> None:
    """Each waits with its first message, as where the client has not read what went before it on the connection."""
    unread, waits, gate = Unread(most_bytes=2 * LARGE_BYTES), asyncio.Semaphore(0), asyncio.Event()

    async def send(_message: Message) -> None:
        waits.release()
        await gate.wait()

    async def sending_of(body: bytes) -> None:
        await PreparedResponse(Prepared(200, FIELDS, body), body, unread)(scope_of("/"), receive, send)

    bodies = [bytes([number]) * LARGE_BYTES for number in range(3)]
    first, given_up = (asyncio.create_task(sending_of(body)) for body in bodies[:2])
    for _ in range(2):
        await waits.acquire()
    with pytest.raises(RateLimited):
        await sending_of(bodies[2])
    given_up.cancel()
    await asyncio.wait([given_up])
    third = asyncio.create_task(sending_of(bodies[2]))
    await waits.acquire()
    gate.set()
    await asyncio.gather(first, third)
    assert (unread._sending, unread._held) == ({}, {})


async def test_a_short_part_keeps_nothing_of_its_large_whole() -> None:
    whole = bytes(LARGE_BYTES)
    response = PreparedResponse(Prepared(206, FIELDS, memoryview(whole)[:10]), whole, Unread(most_bytes=0))
    assert sys.getrefcount(whole) == ONLY_HERE
    assert (await sent_by(response, scope_of("/")))[1]["body"] == whole[:10]
    assert type((await messages(206, memoryview(whole)[:10]))[1]["body"]) is bytes


LARGE = [bytes([number]) * LARGE_BYTES for number in range(3)]
SMALL = b"x" * PART_BYTES


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
