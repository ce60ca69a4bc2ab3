"""Who sees what of a person: audiences, and the forms in which personal data may be shown (INTERFACE §7)."""

import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

PSEUDONYM_DIGITS = 32
_KEPT_IN_FRONT = 3
_KEPT_AT_END = 2
_LEAST_HIDDEN = 4
_CARD_DIGITS = range(13, 20)  # ISO/IEC 7812-1
_CARD_DIGITS_KEPT = 4
_DIGIT_GROUPS = re.compile(r"\d+(?:[ -]\d+)*")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Audience:
    """What one viewer may see: customers in clear, bodies of notes."""

    clear: bool = False
    notes: bool = False

    @property
    def name(self) -> str:
        """A short name that tells this audience from every other."""
        return ("clear" if self.clear else "masked") + ("+notes" if self.notes else "")


MASKED = Audience()


def mask_customer(customer: str) -> str:
    """The customer with only the prefix and the last two characters left; short ones vanish altogether."""
    if len(customer) < _KEPT_IN_FRONT + _LEAST_HIDDEN + _KEPT_AT_END:
        return "***"
    return f"{customer[:_KEPT_IN_FRONT]}***{customer[-_KEPT_AT_END:]}"


def mask_text(text: str) -> str:
    """Any text with only the last two characters left; short ones vanish altogether."""
    return f"***{text[-_KEPT_AT_END:]}" if len(text) >= _LEAST_HIDDEN + _KEPT_AT_END else "***"


def customer_key(customer: str, secret: bytes) -> str:
    """A pseudonym of the customer, 32 hexadecimal digits, equal for equal customers under one secret."""
    return keyed_code(customer.strip().casefold(), secret)


def keyed_code(text: str, secret: bytes) -> str:
    """32 hexadecimal digits that tell nothing of the text to whoever does not know the secret."""
    code = _keyed(secret).copy()
    code.update(text.encode("utf-8", "replace"))
    return code.hexdigest()[:PSEUDONYM_DIGITS]


@lru_cache(maxsize=8)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The code with only the secret taken in, which is half the work."""
    return hmac.new(secret, digestmod="sha256")


def mask_cards(text: str) -> str:
    """The text with the digits of everything that looks like a card number replaced, all but the last four."""
    if len(text) < _CARD_DIGITS.start:
        return text
    masked = list(text)
    for run in _DIGIT_GROUPS.finditer(text):
        for places in _cards(text, [range(*group.span()) for group in _DIGITS.finditer(text, *run.span())]):
            for place in places[:-_CARD_DIGITS_KEPT]:
                masked[place] = "*"
    return "".join(masked)


def _cards(text: str, groups: list[range]) -> Iterator[list[int]]:
    """The places of the digits of each card number: whole groups in a row, for other numbers may stand beside it."""
    for first in range(len(groups)):
        places: list[int] = []
        for group in groups[first:]:
            places += group
            if len(places) >= _CARD_DIGITS.stop:
                break
            if len(places) in _CARD_DIGITS and _luhn([int(text[place]) for place in places]):
                yield places.copy()


def _luhn(digits: list[int]) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
