"""Who sees what of a person: audiences, masks, pseudonyms, and the policy of custom attributes (INTERFACE §7).

The policy says name by name `allow`, `mask`, `hash` or `drop` (CXF_ATTRIBUTE_POLICY).
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

import msgspec

from app.interactions.cards import masker
from app.interactions.parts import Hook, Interaction
from app.settings import Treatment

ANY_OTHER = "*"
Policy = Mapping[str, Treatment]  # by name as `by_name` spells it; empty where everything may be shown

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


def by_name(rows: Iterable[tuple[str, Treatment]]) -> Policy:
    """The policy that the settings spell.

    Capitals, blanks around a name and the form of Unicode it is in do not count: they must not undo a mask.
    """
    return {_spelled(name): treatment for name, treatment in rows}


def hides(policy: Policy) -> bool:
    """Whether the policy shows any attribute otherwise than upstream sent it."""
    return any(treatment != "allow" for treatment in policy.values())


def treatment_of(name: str, policy: Policy) -> Treatment:
    """The rule of the policy for the attribute called `name`."""
    return policy.get(_spelled(name), policy.get(ANY_OTHER, "allow"))


def seen_by(policy: Policy, *, clear: bool) -> Policy:
    """The policy as it binds one kind of view: a clear one shows all that is not dropped."""
    if not clear:
        return policy
    return {name: treatment if treatment == "drop" else "allow" for name, treatment in policy.items()}


def treatments(policy: Policy) -> frozenset[Treatment]:
    """Each treatment that some attribute may meet, whatever it is called."""
    return frozenset({*policy.values(), policy.get(ANY_OTHER, "allow")})


def is_listed(name: str, policy: Policy) -> bool:
    """Whether the policy names this attribute itself."""
    return _spelled(name) in policy


def as_shown(interaction: Interaction, policy: Policy, secret: bytes) -> Interaction:
    """The interaction with its attributes as a view bound by `policy` shows them."""
    visible = tuple(shown(interaction.interaction_attributes, policy, secret, clear=False))
    return msgspec.structs.replace(interaction, interaction_attributes=visible)


def shown(hooks: Iterable[Hook], policy: Policy, secret: bytes, *, clear: bool) -> Iterator[Hook]:
    """The attributes with the values that a view may show; those dropped are left out, as if they had never been set.

    Clear views show what others see masked or hashed, and never what is dropped. No view shows a card number. Equal
    values of one attribute have equal hashes; those of two attributes have nothing in common.
    """
    mask_cards = masker()
    for hook in hooks:
        treatment = treatment_of(hook.hook_type or "", policy) if policy else "allow"
        value = visible = hook.hook_name
        if treatment == "drop":
            continue
        if value is None:
            pass
        elif clear or treatment == "allow":
            visible = mask_cards(value)
        elif treatment == "mask":
            visible = mask_text(value)
        else:
            visible = keyed_code(f"{_spelled(hook.hook_type or '')}\0{value.strip()}", secret)
        yield hook if visible == value else msgspec.structs.replace(hook, hook_name=visible)


def _spelled(name: str) -> str:
    """Caseless, in one form of Unicode (NFKC); capitals are folded in between, as that may leave another form."""
    return normalize("NFKC", normalize("NFKC", name).casefold()).strip()
