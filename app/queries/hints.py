"""Hints for an answer without rows: what the question may have meant. Upstream is not asked for them.

| code             | when                                                                                |
|------------------|-------------------------------------------------------------------------------------|
| pair-form        | a value of `attr` looks like a name with its value                                  |
| comma            | a value holds a comma, where several are given by repeating the parameter           |
| plus             | a value begins with a space and goes on in digits: a `+` that was not encoded       |
| future           | the range begins later than the time the answer is of                               |
| other-case       | the value is shown with other capitals by a row that the search finds               |
| attribute-name   | no interaction found has an attribute of this name, and one is called nearly so     |

The last two compare with what the viewer is shown: of the rows held, and for names of all rows read before.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Annotated, Literal
from urllib.parse import quote

from msgspec import Meta, Struct

from app.cooperative import Turns
from app.interactions.facts import Context
from app.interactions.grains import Grain
from app.interactions.masking import treatment_of
from app.queries.operators import TEXTS, shown_by, type_of
from app.queries.query import Filter, InteractionQuery
from app.queries.snapshot import DecodedSnapshot
from app.upstream.rows import MOST_ATTRIBUTE_NAMES

Code = Literal["pair-form", "comma", "plus", "future", "other-case", "attribute-name"]
_PAIR = re.compile(r"[A-Za-z_][\w .-]*=.+", re.DOTALL)
_PLUS = re.compile(r" \d+")
_NAMES_A_TURN = 20  # that are compared, about 1 ms
MOST_HINTS = 5
MOST_LOOKED_AT = 10_000  # records


class Hint(Struct, frozen=True):
    """Something that the question may have meant."""

    code: Annotated[Code, Meta(title="HintCode", description="Which hint it is.")]
    parameter: str
    text: Annotated[str, Meta(description="For people.")]
    suggestion: Annotated[
        str | None, Meta(description="In place of the parameter, encoded for a URL; null where there is none.")
    ]


def of_question(query: InteractionQuery, *, is_ahead: bool) -> Iterator[Hint]:
    """The hints that the question gives by itself; `is_ahead`: its range has not begun."""
    search = query.search
    for value in search.attr:
        if _PAIR.fullmatch(value):
            words = "An attribute's name and value together are asked for by attr_pair."
            yield Hint("pair-form", "attr", words, _suggested("attr_pair", value))
    for name, value in _values(query):
        if "," in value:
            parts = [part for part in value.split(",") if part]
            more = ", all of which must occur" if name.startswith("attr") and name != "attr_any" else ""
            words = f"A comma is part of the value: repeat the parameter for each of several{more}."
            yield Hint("comma", name, words, "&".join(_suggested(name, part) for part in parts))
        if _PLUS.fullmatch(value):
            words = "A plus in a URL is a space: write it as %2B."
            yield Hint("plus", name, words, _suggested(name, f"+{value[1:]}"))
    if is_ahead:
        yield Hint("future", "from", "The range begins in the future.", None)


def of_rows(
    query: InteractionQuery, opened: DecodedSnapshot, grain: Grain, context: Context, attributes: Iterable[str]
) -> Turns[list[Hint]]:
    """The hints that the rows held give: of those that the search finds, whatever the conditions on columns.

    `attributes` are the names known of the tenant.
    """
    texts = [one for one in query.filters if not one.operator and type_of(one.name, grain) in TEXTS]
    wanted = [(one, {str(value).casefold() for value in one.values}, shown_by(one.name, grain)) for one in texts]
    asked = dict.fromkeys((*(name for name, _ in query.search.attr_pairs), *query.search.attr_names))
    if not (wanted or asked):
        return []
    known: dict[str, set[str]] = {one.name: set() for one in texts}
    names = {name for name in attributes if treatment_of(name, context.attribute_policy) != "drop"} if asked else set()
    for facts in islice(opened.facts(0, context), MOST_LOOKED_AT):
        yield
        if asked and len(names) < MOST_ATTRIBUTE_NAMES:
            names.update(hook.hook_type.strip() for hook in facts.attributes if hook.hook_type)
        for one, folded, (is_own, values_of) in wanted:
            for row in grain.rows(facts) if is_own else (facts,):
                known[one.name].update(
                    value for value in values_of(row) if value is not None and value.casefold() in folded
                )
    return [*_other_cases(texts, known), *(yield from _near_names(asked, names))]


def _other_cases(filters: Iterable[Filter], known: Mapping[str, set[str]]) -> Iterator[Hint]:
    for one in filters:
        if found := known[one.name].difference(map(str, one.values)):
            words = "Values are compared with their capitals, and one differs in them alone."
            yield Hint("other-case", one.name, words, _suggested(one.name, min(found)))


def _near_names(asked: Iterable[str], names: set[str]) -> Turns[list[Hint]]:
    by_folded, hints = {name.casefold(): name for name in sorted(names, reverse=True)}, []
    folded = [*by_folded]
    for name in asked:
        if name in names:
            continue
        sought, near = name.casefold(), list[str]()
        if sought in by_folded:
            near = [sought]
        else:
            for first in range(0, len(folded), _NAMES_A_TURN):
                near += get_close_matches(sought, folded[first : first + _NAMES_A_TURN], 1)
                yield
        if nearest := get_close_matches(sought, near, 1):
            words = "No interaction found has an attribute of this name, and one is called nearly so."
            hints.append(Hint("attribute-name", "attr_name", words, _suggested("attr_name", by_folded[nearest[0]])))
    return hints


def _values(query: InteractionQuery) -> Iterator[tuple[str, str]]:
    """The texts of parameters that may be repeated."""
    yield from (("attr", value) for value in query.search.attr)
    yield from (("attr_any", value) for value in query.search.attr_any)
    yield from ((f"attr.{name}", value) for name, value in query.search.attr_pairs)
    for one in query.filters:
        yield from ((one.name, value) for value in one.values if isinstance(value, str) and not one.operator)


def _suggested(name: str, value: str) -> str:
    return f"{quote(name, safe='.')}={quote(value, safe='=')}"
