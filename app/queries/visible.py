"""You can search only by what you can see: how a search is answered for those to whom some attributes are hidden.

A condition on an attribute compares with the value that the audience is shown. Upstream compares with the clear one:

| the value asked for             | then                                                                         |
|---------------------------------|------------------------------------------------------------------------------|
| can be none that is shown       | in vain: nothing matches, whatever upstream has                              |
| can only be one shown as it is  | told: upstream is asked; rows that match by something hidden are let go      |
| can be a masked or hashed one   | left: upstream is not asked for it; each row is checked here, as it is shown |

All of it is decided from the search and the policy alone, so that a right guess costs and shows what a wrong one does.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from app.cache.keys import Part, digest
from app.interactions.cards import mask_cards
from app.interactions.facts import Context, Facts
from app.interactions.masking import Policy, as_shown, is_listed, seen_by, treatment_of, treatments
from app.interactions.parts import Interaction
from app.queries.query import Search, distinct
from app.settings import Treatment
from app.upstream.query import UpstreamQuery, has_name, has_pair, has_value, mismatch

How = Literal["told", "left", "in vain"]
T = TypeVar("T")

_CARD_DIGITS_HIDDEN = 9  # of a card number at least so many digits are stars

_FORMS: Mapping[Treatment, Callable[[str], object]] = {
    "allow": lambda value: mask_cards(value) == value,
    "mask": re.compile(r"\*{3}(?:..)?", re.DOTALL).fullmatch,
    "hash": re.compile(r"[0-9a-f*]{32}").fullmatch,
    "drop": lambda _value: False,
}
"""Whether some attribute, so treated, may be shown as this value."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """How one search is answered for one audience.

    `told` is what upstream is asked, `left` what each row must meet besides, as it is shown. `guard` is the policy by
    which rows must match what upstream was told, empty where nothing hidden can: of a hook's type alone nothing can, as
    types of hidden ones are not told. `in_vain`: no row can match.
    """

    told: Search = field(default_factory=Search)
    left: Search = field(default_factory=Search)
    guard: Policy = field(default_factory=dict)
    in_vain: bool = False

    @property
    def is_guarded(self) -> bool:
        """Whether rows that upstream has may be let go, so that its total is not told and a whole block is read."""
        return bool(self.guard)

    @property
    def is_narrowed_here(self) -> bool:
        """Whether a condition that upstream knows, too, is answered here alone."""
        return bool(self.left.attr or self.left.attr_any or self.left.hook_type)

    def key(self, rules: Part) -> bytes:
        """Where the snapshot is stored: shared by all for whom upstream's rows are the same."""
        key = self.told.key(rules)
        if not (self.is_guarded or self.in_vain):
            return key
        return digest("as shown", key, self.in_vain, tuple(sorted(self.guard.items())))

    def admits(self, asked: UpstreamQuery, secret: bytes) -> Callable[[Interaction], bool] | None:
        """Whether a record matches by what is shown of it; None where it need not be looked at."""
        if not self.guard:
            return None
        return lambda interaction: mismatch(as_shown(interaction, self.guard, secret), asked) is None


ALL_VISIBLE = Visibility()
"""Nothing is asked of attributes or hooks."""


def visibility_of(search: Search, context: Context) -> Visibility:
    """How `search` is answered for the audience of `context`."""
    if not search.asks_of_hooks():
        return Visibility(search)
    policy = seen_by(context.attribute_policy, clear=context.audience.clear)
    everywhere = treatments(policy)
    attr = {value: _how(value, everywhere) for value in search.attr}
    pairs = {(name, value): _how(value, {treatment_of(name, policy)}) for name, value in search.attr_pairs}
    some = {value: _how(value, everywhere) for value in search.attr_any}
    hook_type = search.hook_type if search.hook_type and treatment_of(search.hook_type, policy) == "drop" else None
    is_some_left = "left" in some.values()  # then upstream can be told none of them
    left = Search(
        attr=_where("left", attr),
        attr_pairs=search.attr_pairs,
        attr_any=search.attr_any if is_some_left else (),
        attr_names=search.attr_names,
        hook_type=hook_type,
    )
    in_vain = (
        "in vain" in {*attr.values(), *pairs.values()}
        or {*some.values()} == {"in vain"}
        or any(treatment_of(name, policy) == "drop" for name in search.attr_names)
        or (hook_type is not None and is_listed(hook_type, policy))
    )
    told = replace(
        search,
        attr=_where("told", attr),
        attr_pairs=_where("told", pairs),
        attr_any=() if is_some_left else _where("told", some),
        attr_names=distinct((*search.attr_names, *(name for name, _ in _where("left", pairs)))),
        hook_type=None if hook_type else search.hook_type,
    )
    told = search if in_vain else told  # the call looks as for a value that nobody has
    by_values = (told.values() or told.attr_any) and everywhere != {"allow"}
    by_hooks = (told.sent_name() or told.hook_subtype or told.hook_id) and "drop" in everywhere
    return Visibility(told, left, policy if by_values or by_hooks else {}, in_vain)


def is_followed(search: Search, context: Context) -> bool:
    """Whether changes may be told: where something is hidden, a token would tell that a name or a value is."""
    policy = seen_by(context.attribute_policy, clear=context.audience.clear)
    return not (search.asks_of_hooks() and treatments(policy) != {"allow"})


def meets(facts: Facts, left: Search) -> bool:
    """Whether a record, as it is shown, has all that is `left` to check."""
    if not left.asks_of_hooks():
        return True
    hooks = facts.attributes
    return (
        all(has_value(hooks, value) for value in left.attr)
        and all(has_pair(hooks, name, value) for name, value in left.attr_pairs)
        and (not left.attr_any or not {hook.hook_name for hook in hooks}.isdisjoint(left.attr_any))
        and all(has_name(hooks, name) for name in left.attr_names)
        and (left.hook_type is None or has_name((*hooks, *facts.interaction.hooks), left.hook_type))
    )


def _how(value: str, met: Collection[Treatment]) -> How:
    """How to find a value, where the attributes that may have it may have met these treatments."""
    forms = {treatment for treatment in met if _FORMS[treatment](value)}
    if not forms:
        return "in vain"
    return "told" if forms == {"allow"} and value.count("*") < _CARD_DIGITS_HIDDEN else "left"


def _where(how: How, conditions: Mapping[T, How]) -> tuple[T, ...]:
    return tuple(condition for condition, answered in conditions.items() if answered == how)
