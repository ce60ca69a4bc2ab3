"""Payment card numbers in text: found in one pass by digits, issuer and check digit, and shown by their last four.

The time is linear in the text, however its digits are grouped: each digit has a byte of one large integer, so that a
handful of additions gives the check sums of all windows of one length at once. Yet a text of nothing but digits takes
half a microsecond for each, and nobody waits for a record of a million: beyond a budget every digit becomes a star.
"""

import re
from collections.abc import Callable, Iterator
from itertools import compress, islice

LENGTHS = range(13, 20)  # ISO/IEC 7812-1
KEPT_DIGITS = 4
LONGEST_PHONE_NUMBER = 15  # digits; ITU-T E.164
MOST_EXACT = 64 * 1024  # looked through exactly in one record: characters, where each digit counts as several more
DIGIT_COST = 7
OTHER_DIGIT_COST = 23  # outside ASCII
MOST_KEPT = 32 * 1024  # characters of texts beyond that with digits outside ASCII; of more only ASCII is kept

# Issuer prefixes (ISO/IEC 7812-1) from the networks' public BIN tables, with the lengths in which they are given out.
# A prefix is at most PREFIX_DIGITS long; a range names its first and its last one.
PREFIX_DIGITS = 4
ISSUERS: tuple[tuple[str, tuple[tuple[int, int], ...], tuple[int, ...]], ...] = (
    ("Visa", ((4, 4),), (13, 16, 19)),
    ("Mastercard", ((51, 55), (2221, 2720)), (16,)),
    ("American Express", ((34, 34), (37, 37)), (15,)),
    ("Diners Club", ((300, 305), (3095, 3095), (36, 36), (38, 39)), (14, 15, 16, 17, 18, 19)),
    ("JCB", ((3528, 3589),), (16, 17, 18, 19)),
    ("Discover", ((6011, 6011), (644, 649), (65, 65)), (16, 17, 18, 19)),
    ("UnionPay", ((62, 62), (81, 81)), (16, 17, 18, 19)),
    ("Maestro", ((50, 50), (56, 58), (6, 6)), (16, 17, 18, 19)),
    ("Mir", ((2200, 2204),), (16, 17, 18, 19)),
)

_HEX = "[0-9a-fA-F]"
UUID = re.compile(f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}")  # an identity, never a card
_ENOUGH_TOGETHER = re.compile(r"\d(?:[\W_]{0,3}\d){12}")
_TOGETHER = re.compile(r"\d(?:[\W_]{0,3}\d)*")
_OTHER_DIGIT = re.compile(r"[^\D0-9]")

_BYTES = range(256)
_DIGITS = range(ord("0"), ord("9") + 1)
_IS_DIGIT = bytes(byte in _DIGITS for byte in _BYTES)
_NO_DIGITS = bytes(byte for byte in _BYTES if byte not in _DIGITS)
_STARRED = bytes(ord("*") if byte in _DIGITS else byte for byte in _BYTES)
_VALUE = bytes(byte - _DIGITS.start if byte in _DIGITS else 0 for byte in _BYTES)
_DOUBLED = bytes(sum(divmod(2 * value, 10)) for value in _VALUE)
_DIVISIBLE = bytes(255 * (byte > 0 and byte % 10 == 0) for byte in _BYTES)


def _lengths_by_prefix() -> dict[bytes, set[int]]:
    """The lengths of the numbers that begin with each prefix of PREFIX_DIGITS digits."""
    found: dict[bytes, set[int]] = {}
    for _, ranges, lengths in ISSUERS:
        for first, last in ranges:
            scale = 10 ** (PREFIX_DIGITS - len(str(first)))
            for prefix in range(first * scale, (last + 1) * scale):
                found.setdefault(b"%d" % prefix, set()).update(lengths)
    return found


_LENGTHS_BY_PREFIX = _lengths_by_prefix()
_MAY_BEGIN = {
    length: bytes(255 * (byte in first_digits) for byte in _BYTES)
    for length in LENGTHS
    for first_digits in [{prefix[0] for prefix, lengths in _LENGTHS_BY_PREFIX.items() if length in lengths}]
}


def may_hold_card(text: str) -> bool:
    """Whether the text has digits enough; for most texts that settles it, in a fraction of the time."""
    return not text.isascii() or len(text.encode().translate(None, _NO_DIGITS)) >= LENGTHS.start


def mask_cards(text: str) -> str:
    """The text with the digits of each card number as stars, all but the last four.

    A number is 13 to 19 digits, with up to three characters that are neither letters nor digits between two of them;
    its check digit is right, and it begins as a known issuer's. It is made of whole groups of digits: part of a longer
    unbroken run is none, and neither is what a plus sign marks as a telephone number.
    Where text and digits are too many to be looked through (MOST_EXACT), every digit becomes a star.
    """
    return masker()(text)


def masker() -> Callable[[str], str]:
    """What `mask_cards` does, for texts that are masked together: they share the budgets, the first ones first."""
    exact, kept = MOST_EXACT, MOST_KEPT

    def masked(text: str) -> str:
        nonlocal exact, kept
        if len(text) < LENGTHS.start:
            return text
        digits = len(text.encode("ascii", "replace").translate(None, _NO_DIGITS))
        others = 0 if text.isascii() else _count_others(text, LENGTHS.start + exact // OTHER_DIGIT_COST)
        if digits + others < LENGTHS.start:
            return text
        cost = len(text) + DIGIT_COST * digits + OTHER_DIGIT_COST * others
        if cost <= exact:
            exact -= cost
            return _masked(text)
        exact = max(0, exact - others)  # they have been counted
        if others and len(text) > kept:
            text = text.encode("ascii", "replace").decode()
        elif others:
            kept -= len(text)
            text = _OTHER_DIGIT.sub("*", text)
        return text.encode("utf-8", "surrogatepass").translate(_STARRED).decode("utf-8", "surrogatepass")

    return masked


def _count_others(text: str, most: int) -> int:
    """How many digits outside ASCII the text has; counted up to `most`."""
    return sum(1 for _ in islice(_OTHER_DIGIT.finditer(text), most))


def _ascii_digit(other: re.Match[str]) -> str:
    return str(int(other[0]))


def _masked(text: str) -> str:
    ascii_text = text if text.isascii() else _OTHER_DIGIT.sub(_ascii_digit, text)
    codes = ascii_text.encode("ascii", "replace")  # a byte for each character
    digits = codes.translate(None, _NO_DIGITS)
    if len(digits) < LENGTHS.start or not _ENOUGH_TOGETHER.search(text):
        return text
    places: list[int] = []
    masked: list[str] = []
    for first, end in _candidates(digits):
        places = places or list(compress(range(len(codes)), codes.translate(_IS_DIGIT)))
        if _stands_alone(text, places, first, end):
            masked = masked or list(text)
            for place in places[first : end - KEPT_DIGITS]:
                masked[place] = "*"
    return "".join(masked) if masked else text


def _candidates(digits: bytes) -> Iterator[tuple[int, int]]:
    """Where windows of `digits` begin and end that have an issuer's prefix and length, and the right check digit."""
    for length, sums in _check_sums(digits):
        count = len(digits) - length + 1
        if count <= 0:
            continue
        right = sums.to_bytes(len(digits) + 1, "little")[:count].translate(_DIVISIBLE)
        begun = digits[:count].translate(_MAY_BEGIN[length])
        both = (_lanes(right) & _lanes(begun)).to_bytes(count, "little")
        first = both.find(255)
        while first >= 0:
            if length in _LENGTHS_BY_PREFIX.get(digits[first : first + PREFIX_DIGITS], ()):
                yield first, first + length
            first = both.find(255, first + 1)


def _check_sums(digits: bytes) -> Iterator[tuple[int, int]]:
    """For each length the check sums of all its windows (ISO/IEC 7812-1, annex B), in the byte of their first digit.

    None is over 171, nineteen nines, so that no sum runs over into the next byte.
    """
    single, doubled = _lanes(digits.translate(_VALUE)), _lanes(digits.translate(_DOUBLED))
    two = doubled + (single >> 8)  # the last digit of a window counts as it is, the one before it twice
    four = two + (two >> 2 * 8)
    eight = four + (four >> 4 * 8)
    even = eight + (four >> 8 * 8)
    for length in LENGTHS:
        if length % 2:
            yield length, single + (even >> 8)
        else:
            even = even + (two >> (length - 2) * 8)
            yield length, even


def _lanes(values: bytes) -> int:
    return int.from_bytes(values, "little")


def _stands_alone(text: str, places: list[int], first: int, end: int) -> bool:
    """Whether the digits from `first` to before `end` are whole groups, near each other, and no telephone number."""
    if _are_adjacent(places, first) or _are_adjacent(places, end):
        return False
    begin, last = places[first], places[end - 1]
    is_phone_number = end - first <= LONGEST_PHONE_NUMBER and _follows_plus(text, begin)
    return not is_phone_number and _TOGETHER.fullmatch(text, begin, last + 1) is not None


def _are_adjacent(places: list[int], index: int) -> bool:
    """Whether the digit at `index` and the one before it belong to one group."""
    return 0 < index < len(places) and places[index] == places[index - 1] + 1


def _follows_plus(text: str, place: int) -> bool:
    """Whether an international number begins here; a plus between two words or digits parts them like any other."""
    return text[place - 1 : place] == "+" and not text[max(0, place - 2) : place - 1].isalnum()
