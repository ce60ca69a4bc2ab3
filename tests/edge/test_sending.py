"""An answer goes out whole and in order, in slices that a slow reader can be given one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from app.edge import sending
from app.edge.conditional import Prepared
from app.edge.sending import PART_BYTES, PreparedResponse, send_all
from app.edge.unread import Unread
from tests.scenarios.repeating import scope_of, sent_by

FIELDS = [(b"content-type", b"text/plain")]


async def messages(status: int, body: bytes) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await send_all(send, sending.messages(status, FIELDS, body))
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
    assert sent == await messages(304, b"")
