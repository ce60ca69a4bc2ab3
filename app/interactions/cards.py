"""Payment card numbers in text: found in one pass by digits, issuer and check digit, and shown by their last four.

The time is linear in the text, however its digits are grouped: each digit has a byte of one large integer, so that a
handful of additions gives the check sums of all windows of one length at once. Yet a text of nothing but digits takes
half a microsecond for each, and nobody waits for a record of a million: beyond a budget every digit becomes a star.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import compress, groupby, islice
from operator import itemgetter

LENGTHS = range(13, 20)  # ISO/IEC 7812-1
KEPT_DIGITS = 4
LONGEST_PHONE_NUMBER = 15  # digits; ITU-T E.164
MOST_EXACT = 64 * 1024  # looked through exactly in one record: characters, where each digit counts as several more
DIGIT_COST = 7
OTHER_DIGIT_COST = 23  # outside ASCII
MOST_QUICK = 2 * MOST_EXACT // (1 + OTHER_DIGIT_COST)  # bytes, two of which such a digit takes: no budget runs out
SHORT = 256  # characters, all of which are looked at in a microsecond
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
_TOGETHER = re.compile(r"\d(?:[\W_]{0,3}\d){12,}")  # all that are, as no separator is a digit
_OTHER_DIGIT = re.compile(r"[^\D0-9]")

_BYTES = range(256)
_ASCII = range(128)
_DIGITS = range(ord("0"), ord("9") + 1)
_IS_DIGIT = bytes(byte in _DIGITS for byte in _BYTES)
_NO_DIGITS = bytes(byte for byte in _BYTES if byte not in _DIGITS)
_STARRED = bytes(ord("*") if byte in _DIGITS else byte for byte in _BYTES)
_VALUE = bytes(byte - _DIGITS.start if byte in _DIGITS else 0 for byte in _BYTES)
_DOUBLED = bytes(sum(divmod(2 * value, 10)) for value in _VALUE)
_DIVISIBLE = bytes(255 * (byte > 0 and byte % 10 == 0) for byte in _BYTES)
_QUICK = bytes(ord("0") if byte in _DIGITS or byte not in _ASCII else ord("a") for byte in _BYTES)
_QUICK_SEPARATORS = bytes(byte for byte in _ASCII if not chr(byte).isalnum())
_ENOUGH = b"0" * LENGTHS.start


def _lengths_by_prefix() -> dict[bytes, tuple[int, ...]]:
    """The lengths of the numbers that begin with each prefix of PREFIX_DIGITS digits."""
    found: dict[bytes, tuple[int, ...]] = {}
    for _, ranges, lengths in ISSUERS:
        for first, last in ranges:
            scale = 10 ** (PREFIX_DIGITS - len(str(first)))
            for number in range(first * scale, (last + 1) * scale):
                prefix = b"%d" % number
                found[prefix] = tuple({*found[prefix], *lengths}) if prefix in found else lengths
    return found


def _lengths_by_digit() -> list[tuple[int, ...] | None]:
    """By its byte, the lengths of all numbers that begin with a digit; None where they depend on those behind it."""
    found: list[tuple[int, ...] | None] = [()] * len(_BYTES)
    for digit, begun in groupby(sorted(_LENGTHS_BY_PREFIX), key=itemgetter(0)):
        lengths = [_LENGTHS_BY_PREFIX[prefix] for prefix in begun]
        is_settled = len(lengths) == 10 ** (PREFIX_DIGITS - 1) and len(set(lengths)) == 1
        found[digit] = lengths[0] if is_settled else None
    return found


_LENGTHS_BY_PREFIX = _lengths_by_prefix()
_LENGTHS_BY_DIGIT = _lengths_by_digit()
_MAY_BEGIN = {
    length: bytes(255 * (byte in first_digits) for byte in _BYTES)
    for length in LENGTHS
    for first_digits in [{prefix[0] for prefix, lengths in _LENGTHS_BY_PREFIX.items() if length in lengths}]
}


def may_hold_card(text: str) -> bool:
    """Whether a number may stand there; for most texts that settles it, in a fraction of the time.

    All that is outside ASCII counts as digits, any number of separators as none, and all that is long may hold one:
    a budget may run out there.
    """
    codes = text.encode("utf-8", "surrogatepass")
    return len(codes) > MOST_QUICK or _ENOUGH in codes.translate(_QUICK, _QUICK_SEPARATORS)


def mask_cards(text: str) -> str:
    """The text with the digits of each card number as stars, all but the last four.

    A number is 13 to 19 digits, with up to three characters that are neither letters nor digits between two of them;
    its check digit is right, and it begins as a known issuer's. It is made of whole groups of digits: part of a longer
    unbroken run is none, and neither is what a plus sign marks as a telephone number.
    Where text and digits are too many to be looked through (MOST_EXACT), every digit becomes a star.
    """
    return masker()(text) if len(text) >= LENGTHS.start else text


def masker() -> Callable[[str], str]:
    """`mask_cards` for texts that are masked together: they share the budgets, the first ones first."""
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
    if len(text) <= SHORT:
        return min(most, len(_OTHER_DIGIT.findall(text)))
    return sum(1 for _ in islice(_OTHER_DIGIT.finditer(text), most))


def _masked(text: str) -> str:
    ascii_text = text if text.isascii() else _OTHER_DIGIT.sub(lambda other: str(int(other[0])), text)
    codes = ascii_text.encode("ascii", "replace")  # a byte for each character
    masked: list[str] = []
    for together in _TOGETHER.finditer(text):
        start, end = together.span()
        is_digit = codes[start:end].translate(_IS_DIGIT)
        places = [*compress(range(start, end), is_digit)]
        for first, last in _candidates(codes[start:end].translate(None, _NO_DIGITS), is_digit):
            if last - first < LONGEST_PHONE_NUMBER and _follows_plus(text, places[first]):
                continue
            masked = masked or list(text)
            for place in places[first : last + 1 - KEPT_DIGITS]:
                masked[place] = "*"
    return "".join(masked) if masked else text


def _candidates(digits: bytes, is_digit: bytes) -> Iterator[tuple[int, int]]:
    """The first and the last digit of each run of whole groups that has an issuer's prefix and length, and checks.

    The windows of all lengths stand one behind the other, as many bytes for each length as there are digits.
    """
    count = len(digits)
    if is_digit.count(b"\0") == 0 and count not in _lengths_at(digits, 0):
        return
    lengths = LENGTHS[: count - LENGTHS.start + 1]
    right = b"".join([sums.to_bytes(count, "little") for sums in _check_sums(digits, lengths)]).translate(_DIVISIBLE)
    windows = [digits[: count - length + 1].translate(_MAY_BEGIN[length]).ljust(count, b"\0") for length in lengths]
    begun = b"".join(windows)
    both = (_lanes(right) & _lanes(begun)).to_bytes(len(right), "little")
    follows_digit = bytes(compress(b"\0" + is_digit, is_digit))
    is_followed = bytes(compress(is_digit[1:] + b"\0", is_digit))
    at = both.find(255)
    while at >= 0:
        more, first = divmod(at, count)
        last = first + LENGTHS.start + more - 1
        if not (follows_digit[first] or is_followed[last]) and lengths[more] in _lengths_at(digits, first):
            yield first, last
        at = both.find(255, at + 1)


def _lengths_at(digits: bytes, first: int) -> tuple[int, ...]:
    """The lengths of the numbers that begin like the digits from `first` on."""
    lengths = _LENGTHS_BY_DIGIT[digits[first]]
    return _LENGTHS_BY_PREFIX.get(digits[first : first + PREFIX_DIGITS], ()) if lengths is None else lengths


def _check_sums(digits: bytes, lengths: Iterable[int]) -> Iterator[int]:
    """For each length, from the shortest on, the check sums of all its windows, in the byte of their first digit.

    As in ISO/IEC 7812-1, annex B. None is over 171, nineteen nines, so that no sum runs over into the next byte.
    """
    single, doubled = _lanes(digits.translate(_VALUE)), _lanes(digits.translate(_DOUBLED))
    two = doubled + (single >> 8)  # the last digit of a window counts as it is, the one before it twice
    four = two + (two >> 2 * 8)
    eight = four + (four >> 4 * 8)
    even = eight + (four >> 8 * 8)
    for length in lengths:
        if length % 2:
            yield single + (even >> 8)
        else:
            even = even + (two >> (length - 2) * 8)
            yield even


def _lanes(values: bytes) -> int:
    return int.from_bytes(values, "little")


def _follows_plus(text: str, place: int) -> bool:
    """Whether an international number begins here; a plus between two words or digits parts them like any other."""
    return text[place - 1 : place] == "+" and not text[max(0, place - 2) : place - 1].isalnum()
