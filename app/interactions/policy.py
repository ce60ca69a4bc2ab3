"""The policy of custom attributes, name by name: `allow`, `mask`, `hash` or `drop` (CXF_ATTRIBUTE_POLICY)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from unicodedata import normalize

import msgspec

from app.interactions.cards import masker
from app.interactions.masking import keyed_code, mask_text
from app.interactions.parts import Hook
from app.interactions.records import Interaction, attributes, links
from app.settings import Treatment

ANY_OTHER = "*"
Policy = Mapping[str, Treatment]  # by name as `by_name` spells it; empty where everything may be shown


def by_name(rows: Iterable[tuple[str, Treatment]]) -> Policy:
    """The policy that the settings spell.

    Capitals, blanks around a name and the form of Unicode it is in do not count: they must not undo a mask.
    """
    return {_spelled(name): treatment for name, treatment in rows}


def hides(policy: Policy) -> bool:
    """Whether anything is shown otherwise than as upstream sent it."""
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
    """Whether the policy has words of its own for this name."""
    return _spelled(name) in policy


def as_shown(interaction: Interaction, policy: Policy, secret: bytes) -> Interaction:
    """The interaction with its attributes as a view bound by `policy` shows them, and its CRM links as they are."""
    hidden = tuple(shown(attributes(interaction), policy, secret, clear=False))
    return msgspec.structs.replace(interaction, hooks=tuple(links(interaction)), interaction_attributes=hidden)


def shown(hooks: Iterable[Hook], policy: Policy, secret: bytes, *, clear: bool) -> Iterator[Hook]:
    """The attributes with the values that a view may show; those dropped are left out, as if they had never been set.

    Clear views show what others see masked or hashed, and never what is dropped. No view shows a card number.
    """
    mask_cards = masker()
    for hook in hooks:
        treatment = treatment_of(hook.hook_type or "", policy) if policy else "allow"
        if treatment == "allow" or (clear and treatment != "drop"):
            yield _without_cards(hook, mask_cards)
        elif treatment != "drop":
            yield msgspec.structs.replace(hook, hook_name=_veiled(hook, treatment, secret))


def _without_cards(hook: Hook, mask_cards: Callable[[str], str]) -> Hook:
    value = hook.hook_name
    if value is None or (masked := mask_cards(value)) == value:
        return hook
    return msgspec.structs.replace(hook, hook_name=masked)


def _veiled(hook: Hook, treatment: Treatment, secret: bytes) -> str | None:
    """Equal values of one attribute have equal hashes; those of two attributes have nothing in common."""
    if hook.hook_name is None:
        return None
    if treatment == "mask":
        return mask_text(hook.hook_name)
    return keyed_code(f"{_spelled(hook.hook_type or '')}\0{hook.hook_name.strip()}", secret)


def _spelled(name: str) -> str:
    """Caseless, in one form of Unicode (NFKC); capitals are folded in between, as that may leave another form."""
    return normalize("NFKC", normalize("NFKC", name).casefold()).strip()
