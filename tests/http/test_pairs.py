"""Query strings as such: what is no query string at all, credentials in it, and how fast nonsense is refused."""

import pytest

from app.errors import KeyInQuery
from app.http.auth import KEY_NAMES
from app.http.parse import MOST_PARAMETERS
from tests.http.scene import asked, fault, faults


@pytest.mark.parametrize("name", sorted(KEY_NAMES | {"API_KEY", "Token", "X-API-Key"}))
def test_a_credential_in_the_query_is_refused_before_anything_else_and_never_repeated(name: str) -> None:
    with pytest.raises(KeyInQuery) as caught:
        asked(f"limit=x&{name}=cxf_demo_CANARY")
    assert "CANARY" not in caught.value.detail


MALFORMED = [b"attr=%FF", b"attr=%C3", b"%FF=1", b"attr=\xff", b"%ED%A0%80=1"]
MALFORMED += [b"attr=%", b"attr=%2", b"attr=100%", b"attr=%zz"]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_query_string_that_is_not_percent_encoded_utf_8_is_refused(text: bytes) -> None:
    assert "percent-encoded" in fault(text).detail


def test_the_number_of_parameters_has_a_bound() -> None:
    assert faults("&".join(["_=1"] * MOST_PARAMETERS)) == []
    assert str(MOST_PARAMETERS) in fault("&".join(["_=1"] * (MOST_PARAMETERS + 1))).detail


def test_empty_places_between_separators_are_nothing() -> None:
    assert asked("&&attr=1&") == asked("attr=1")


EVIL = ["a" * 8000, "%" * 3000, "%41" * 2600, "&" * 8000, "=" * 8000, "a=" * 4000, "[" * 8000, "fields=" + "a:" * 4000]
EVIL += [f"{name}=" + "-" * 7000 for name in ("from", "limit", "cursor", "sort", "contact_id", "include", "format")]
EVIL += ["&".join(f"{letter * 70}{number}=1" for number in range(99)) for letter in "aeilmnorst"]
EVIL += ["fields=" + ",".join(f"{letter}x" * 3 for _ in range(900)) for letter in "aeilmnorst"]
EVIL += ["include=" + ",".join(f"{letter}{number}" for number in range(1000)) for letter in "aeilmnorst"]
EVIL += ["from=now-" + "9" * count for count in (5, 50, 500, 5000, 7900)]


def test_evil_strings_are_refused() -> None:
    assert len(EVIL) == 50
    assert all(faults(text) for text in EVIL)
