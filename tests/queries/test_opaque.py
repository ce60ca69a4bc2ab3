"""Bytes as opaque text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.queries.opaque import opaque, packed_in


@given(st.binary(max_size=40))
def test_the_bytes_come_back_for_their_purpose_alone(packed: bytes) -> None:
    text = opaque(b"one", packed)
    assert packed_in(b"one", text) == packed
    for purpose, other in ((b"another", text), (b"one", text + "=="), (b"one", text[:-1])):
        with pytest.raises(ValueError):  # noqa: PT011 - of base64, too
            packed_in(purpose, other)
