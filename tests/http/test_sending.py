"""An answer goes out whole and in order, in slices that a slow reader can be given one by one."""

import asyncio
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from app.errors import RateLimited
from app.http.responses import LARGE_BYTES, PART_BYTES, Prepared, PreparedResponse, Unread
from tests.scenarios.repeating import scope_of, sent_by

ONLY_HERE = 2  # references: the name, and what sys.getrefcount is given

FIELDS = [(b"content-type", b"text/plain")]


async def receive() -> Message:
    raise AssertionError


async def messages(status: int, body: bytes | memoryview) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await PreparedResponse(Prepared(status, FIELDS, body), b"whole", Unread())(scope_of("/"), receive, send)
    return sent


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
