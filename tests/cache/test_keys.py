"""Keys never collide."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.keys import Part, digest

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.binary(max_size=4)
parts = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=8)
lists_of_parts = st.lists(parts, max_size=4).map(tuple)


def typed(part: Part) -> object:
    """Equality that tells True from 1."""
    return tuple(map(typed, part)) if isinstance(part, tuple) else (type(part), part)


@pytest.mark.threat("T14")
@given(lists_of_parts, lists_of_parts)
def test_two_lists_of_parts_share_a_key_only_if_they_are_the_same(
    one: tuple[Part, ...], other: tuple[Part, ...]
) -> None:
    assert (digest(*one) == digest(*other)) == (typed(one) == typed(other))


LOOKALIKES: tuple[tuple[Part, ...], ...] = (
    (),
    ("",),
    ("", ""),
    (None,),
    ((),),
    (b"",),
    (0,),
    (False,),
    (1,),
    (True,),
    (-1,),
    ("1",),
    (b"1",),
    (("1",),),
    ((("1",),),),
    ("a", "b"),
    ("ab",),
    (("a", "b"),),
    (("a",), "b"),
    ("a", ("b",)),
    ("a|b",),
    ("a\x00b",),
    ("a b",),
    ("a+b",),
    ("a%20b",),
    (unicodedata.normalize("NFC", "é"),),
    (unicodedata.normalize("NFD", "é"),),
    ("\ud800",),
    (256,),
    ("n",),
    ("s" + "\x00" * 7 + "\x01" + "a",),
)


@pytest.mark.threat("T14")
def test_lookalikes_have_keys_of_their_own() -> None:
    assert len({digest(*each) for each in LOOKALIKES}) == len(LOOKALIKES)


def test_a_key_is_the_same_in_every_process_and_has_32_bytes() -> None:
    key = digest("report", 1, ("attr", "VIP"), None)
    assert len(key) == 32
    assert key.hex() == "cbb9eefb745a572670a0e627461d623da2619d61bd9fa55dde5c3efff4117997"


def test_a_part_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        digest(1.5)  # type: ignore[arg-type]  # what mypy would stop is the subject
