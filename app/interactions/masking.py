"""Who sees what of a person: audiences, and the forms in which personal data may be shown (INTERFACE §7)."""

import hmac
from dataclasses import dataclass
from functools import lru_cache

PSEUDONYM_DIGITS = 32
_KEPT_IN_FRONT = 3
_KEPT_AT_END = 2
_LEAST_HIDDEN = 4
_SHORT_NUMBER_DIGITS = 9  # at most; with an area code there are more
_SHORT_NUMBER_DIGITS_KEPT = 2


@dataclass(frozen=True, slots=True)
class Audience:
    """The personal data that a viewer may see: customers in clear, bodies of notes."""

    clear: bool = False
    notes: bool = False

    @property
    def name(self) -> str:
        """A short name that tells this audience from every other."""
        return ("clear" if self.clear else "masked") + ("+notes" if self.notes else "")


MASKED = Audience()


def mask_customer(customer: str) -> str:
    """The customer with only the prefix and the last two characters left; short ones vanish altogether.

    Of a short number, such as an extension or a local one, the prefix would tell too much.
    """
    if len(customer) < _KEPT_IN_FRONT + _LEAST_HIDDEN + _KEPT_AT_END:
        return "***"
    masked = f"{customer[:_KEPT_IN_FRONT]}***{customer[-_KEPT_AT_END:]}"
    is_short_number = _digits(customer) <= _SHORT_NUMBER_DIGITS
    return mask_text(customer) if is_short_number and _digits(masked) > _SHORT_NUMBER_DIGITS_KEPT else masked


def mask_text(text: str) -> str:
    """Any text with only the last two characters left; short ones vanish altogether."""
    return f"***{text[-_KEPT_AT_END:]}" if len(text) >= _LEAST_HIDDEN + _KEPT_AT_END else "***"


def _digits(text: str) -> int:
    return sum(map(str.isdecimal, text))


def customer_key(customer: str, secret: bytes) -> str:
    """A pseudonym of the customer, 32 hexadecimal digits, equal for equal customers under one secret."""
    return keyed_code(customer.strip().casefold(), secret)


def keyed_code(content: str | bytes, secret: bytes) -> str:
    """32 hexadecimal digits that tell nothing of the content to whoever does not know the secret."""
    code = _keyed(secret).copy()
    code.update(content.encode("utf-8", "replace") if isinstance(content, str) else content)
    return code.hexdigest()[:PSEUDONYM_DIGITS]


@lru_cache(maxsize=8)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The code with only the secret taken in, which is half the work."""
    return hmac.new(secret, digestmod="sha256")
