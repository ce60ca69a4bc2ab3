"""Keys of the shared tier."""

import re

import pytest

from app.tier.keys import Keys

OWN, OTHER = Keys("https://api.example.com", "tenant"), Keys("https://api.example.com", "other tenant")


def test_keys_of_one_tenant_are_on_one_node() -> None:
    keys = [OWN.key("catalogue", "a"), OWN.key("partition", "a", 1, 2), OWN.key("epoch")]
    assert len({re.search(rb"{(.+?)}", key) and key.split(b"}")[0] for key in keys}) == 1
    assert all(re.fullmatch(rb"cxf:\{[0-9a-f]{16}\}:[a-z]+(:[0-9a-f]{64})?", key) for key in keys)


@pytest.mark.threat("T14")
def test_different_things_have_different_keys() -> None:
    keys = [
        OWN.key("catalogue", "a"),
        OWN.key("lease", "a"),
        OWN.key("catalogue", "b"),
        OWN.key("catalogue", "a", ""),
        OWN.key("catalogue", ("a",)),
        OTHER.key("catalogue", "a"),
    ]
    assert len({*keys}) == len(keys)
    assert Keys("https://api.example.com", "tenant").key("catalogue", "a") == keys[0]


def test_a_key_tells_neither_the_tenant_nor_the_conditions() -> None:
    assert b"tenant" not in OWN.key("epoch")
    assert b"555-0142" not in OWN.key("catalogue", "555-0142")
