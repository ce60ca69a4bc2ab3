"""Card numbers in text: found however they are written, and order numbers left alone."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.interactions.cards import ISSUERS, MOST_EXACT, MOST_KEPT, MOST_QUICK, mask_cards, masker, may_hold_card

# The networks' and payment providers' published test numbers; no bank gives them out.
TEST_NUMBERS = (
    "4111111111111111",  # Visa
    "4012888888881881",
    "4222222222222",  # of 13 digits
    "4444333322221111455",  # of 19
    "5555555555554444",  # Mastercard
    "2223003122003222",  # its second series
    "2720992593319364",
    "378282246310005",  # American Express
    "341111111111111",
    "30569309025904",  # Diners Club
    "36227206271667",
    "3530111333300000",  # JCB
    "6011111111111117",  # Discover
    "6445644564456445",
    "6212345678901265",  # UnionPay
    "6205500000000000004",  # of 19
    "8171999927660000",
    "6759649826438453",  # Maestro
    "6703444444444449",
    "6304000000000000000",
    "2200000000000004",  # Mir
)
SEPARATORS = [
    *" -./_,:;|*#'()+~=\t\n\r",
    "\u00a0\u202f\u2009\u2007\u200b\u2010\u2011\u2012\u2013\u2014\u2212\u00ad\u00b7\u2022\uff0d",
]
EVERY_SEPARATOR = [character for characters in SEPARATORS for character in characters]


def starred(number: str) -> str:
    return "*" * (len(number) - 4) + number[-4:]


@pytest.mark.parametrize("number", TEST_NUMBERS)
def test_every_issuers_numbers_keep_their_last_four_digits(number: str) -> None:
    assert mask_cards(number) == starred(number)
    assert mask_cards(f"paid with{number}, thanks") == f"paid with{starred(number)}, thanks"


@pytest.mark.parametrize("separator", EVERY_SEPARATOR, ids=ascii)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_up_to_three_characters_of_any_kind_may_stand_between_two_digits(separator: str, count: int) -> None:
    between = separator * count
    for text, masked in (
        ("4111 1111 1111 1111", "**** **** **** 1111"),
        (" ".join("378282246310005"), "* " * 11 + "0 0 0 5"),
    ):
        assert mask_cards(text.replace(" ", between)) == masked.replace(" ", between)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111111111111111 1225", "************1111 1225"),  # beside its expiry
        ("555 4111 1111 1111 1111", "555 **** **** **** 1111"),
        ("1 2 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 9 9", "1 2 * * * * * * * * * * * * 1 1 1 1 9 9"),  # keyed into a menu
        ("4111111111111111/5555555555554444", "************1111/************4444"),
        ("41-11 1111.11/11_11,11", "**-** ****.**/**_11,11"),
        ("4111 - 1111 - 1111 - 1111", "**** - **** - **** - 1111"),
        ("x4111111111111111y", "x************1111y"),
        ("٤١١١١١١١١١١١١١١١", "************١١١١"),
        ("４１１１ １１１１ １１１１ １１１１", "**** **** **** １１１１"),
        ("is+378282246310005+so", "is+***********0005+so"),  # a plus for a space, as in a form
        ("+4111111111111111", "+************1111"),  # longer than any telephone number
    ],
)
def test_a_number_is_found_beside_others_and_in_any_digits(text: str, masked: str) -> None:
    assert mask_cards(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # fails ISO/IEC 7812-1, annex B
        "ref. 411111111117",  # passes it, with 12 digits
        "41111111111111111115",  # and with 20
        "04111111111111111",  # part of a longer group
        "4111    1111    1111    1111",
        "4111 1111 1111 111a 1",
        "4111xx1111xx1111xx1111",
        "1111111111111117",  # no issuer's
        "9999999999999995",
        "1793520000000",  # a moment in milliseconds
        "20261123064009",
        "2018-10-30T14:33:45.954Z",
        "call +49 4111 1111 1111",  # a telephone number: its check digit happens to fit
        "+4930123456782",
        "²²²²²²²²²²²²²²²²",
        "1234567",
        "",
    ],
)
def test_what_is_no_card_number_is_left_alone(text: str) -> None:
    assert mask_cards(text) == text


def test_of_order_numbers_with_thirteen_digits_one_in_a_hundred_passes_for_a_card() -> None:
    numbers = [str(number) for number in random.Random(10).sample(range(10**12, 10**13), 10_000)]
    masked = [number for number in numbers if mask_cards(number) != number]
    assert {number[0] for number in masked} == {"4"}
    assert len(masked) < 150  # one in ten begins so, and one in ten of those has the right check digit


@given(st.text(st.sampled_from("0123456789 -x²٤"), max_size=60))
def test_masking_changes_nothing_but_digits_to_stars(text: str) -> None:
    masked = mask_cards(text)
    assert len(masked) == len(text)
    assert all(new in (old, "*") for old, new in zip(text, masked, strict=True))


def _luhn(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_issued(digits: str) -> bool:
    return any(
        len(digits) in lengths and first <= int(digits[: len(str(first))]) <= last
        for _, ranges, lengths in ISSUERS
        for first, last in ranges
    )


def _by_trying(text: str) -> str:
    """The same rule, every run of whole groups tried by itself."""
    masked = list(text)
    for chain in re.finditer(r"\d+(?:[\W_]{1,3}\d+)*", text):
        groups = [range(*group.span()) for group in re.compile(r"\d+").finditer(text, *chain.span())]
        for first in range(len(groups)):
            places: list[int] = []
            for group in groups[first:]:
                places += group
                digits = [int(text[place]) for place in places]
                if _is_issued("".join(map(str, digits))) and _luhn(digits):
                    for place in places[:-4]:
                        masked[place] = "*"
    return "".join(masked)


gaps = st.sampled_from(["", "", "", " ", "-", " - ", "    ", "x", "\u2013"])
digits = st.sampled_from("0123456789٤") | st.sampled_from(["4111111111111111", "378282246310005", "4222222222222"])


@given(st.lists(st.builds(str.__add__, digits, gaps), max_size=40).map("".join))
def test_one_pass_finds_what_trying_every_run_of_groups_finds(text: str) -> None:
    assert mask_cards(text) == _by_trying(text)


pieces = digits | gaps | st.sampled_from(["é", "\u0664", "\x00", "_", "²", "ab", "\ud800", "𝟒", "3782"])


@given(st.lists(pieces, max_size=60).map("".join), st.integers(0, 3))
def test_what_a_quick_look_passes_over_holds_no_number(text: str, gap: int) -> None:
    """Digits close together are looked for once more, as hypothesis hardly ever makes enough of them."""
    together = ("\x00" * gap).join(text.replace("x", ""))
    for looked_at in (text, together):
        assert may_hold_card(looked_at) or mask_cards(looked_at) == looked_at


@pytest.mark.parametrize("digit", "4٤")
def test_a_quick_look_passes_over_nothing_whose_digits_may_be_too_many(digit: str) -> None:
    many = f"{digit} and " * MOST_QUICK
    assert may_hold_card(many)
    assert mask_cards(many) != many
    assert not may_hold_card("4 and " * (MOST_QUICK // len("4 and ")))


LONG = "4111 1111 1111 1111, and so on. " * 5_000


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("0123456789" * 6_600, "*" * 66_000),
        (LONG, LONG.replace("4", "*").replace("1", "*")),
        ("٤é9" * 5_000, "*é*" * 5_000),
        ("𝟒 \ud800" * 5_000, "* \ud800" * 5_000),
        ("é4" * MOST_EXACT, "é*" * MOST_EXACT),
        ("٤ é a4" * MOST_KEPT, "? ? a*" * MOST_KEPT),
    ],
    ids=["one run", "numbers", "other digits", "beyond the BMP", "other letters", "very long"],
)
def test_where_digits_are_too_many_each_becomes_a_star(text: str, masked: str) -> None:
    assert mask_cards(text) == masked


def test_a_long_text_with_few_digits_is_looked_through() -> None:
    words = "words, and a year: 2026. " * 1_000
    assert mask_cards(f"{words}4111 1111 1111 1111") == f"{words}**** **** **** 1111"
    assert mask_cards("4" * 12 + "a" * MOST_EXACT) == "4" * 12 + "a" * MOST_EXACT


@pytest.mark.parametrize("digit", "4٤")
def test_texts_of_one_record_share_what_is_looked_through(digit: str) -> None:
    """The first ones come first; texts with fewer digits than a number has cost nothing."""
    mask, text = masker(), digit * 1_000
    masked = [mask(text) for _ in range(20)]
    assert masked[0] == text
    assert masked[-1] == "*" * 1_000
    assert masked == sorted(masked, reverse=True)
    assert mask("2026") == "2026"
    assert mask_cards(text) == text
