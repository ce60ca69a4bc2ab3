"""Suggestions for unknown names: the known name that a client may have meant."""

from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest

SHORTEST, LONGEST = 3, 32  # characters: shorter texts begin any name, longer ones are in none
CLOSELY = 3  # names that are compared letter by letter

# Names that people know from upstream or from other services.
# fmt: off
OTHER_WORDS = {
    "attr":         "attribute attributes attribute-value attributevalue attribute_value hook-name hookname value q",
    "attr_pair":    "attr-pair attrpair attribute_pair attribute-pair attributepair pair name-value",
    "attr.<name>":  "attr.",
    "attr_name":    "attribute_name attribute-name attributename",
    "from":         "start starttimerange start_time since after begin",
    "to":           "end endtimerange end_time until before",
    "contact_id":   "contactid contact",
    "hook_type":    "hooktype type",
    "hook_subtype": "hooksubtype",
    "hook_id":      "hookid",
    "channel_type": "channel channeltype",
    "queue_id":     "queueid",
    "queue_name":   "queue queuename",
    "agent_id":     "agent agentid",
    "flow_id":      "flow flowid",
    "is_abandoned": "abandoned",
    "is_final":     "final",
    "fields":       "columns select",
    "include":      "expand embed",
    "sort":         "order order_by sort_by orderby",
    "offset":       "page skip start_at",
    "limit":        "per_page page_size pagesize size top count",
    "cursor":       "next_cursor after_cursor page_token",
}
# fmt: on
_MEANT = {word: name for name, words in OTHER_WORDS.items() for word in words.split()}


def meant(name: str, known: tuple[str, ...]) -> str | None:
    """The known name that says the same in other words, else the nearest one, if any is near."""
    other = _MEANT.get(name.strip().lower())
    return other if other in known else nearest(name, known)


def nearest(text: str, known: tuple[str, ...]) -> str | None:
    """The known name that begins with the text, else the one that looks most like it, if any does."""
    looked_up = text[:LONGEST].lower()
    begun = [name for name in known if name.startswith(looked_up)] if len(looked_up) >= SHORTEST else []
    return next(iter(begun or get_close_matches(looked_up, _alike(looked_up, known), 1)), None)


def _alike(text: str, known: tuple[str, ...]) -> list[str]:
    """The few names that share most pairs of letters (Dice): a closer look at all takes milliseconds for each text."""
    letters = _letters(text)
    likeness = {name: len(letters & own) / (len(letters) + len(own)) for name, own in _letters_of(known)}
    return nlargest(CLOSELY, likeness, key=likeness.__getitem__)


@lru_cache(maxsize=64)  # the tables of this service, none of a client's making
def _letters_of(known: tuple[str, ...]) -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((name, _letters(name)) for name in known)


def _letters(text: str) -> frozenset[str]:
    """Every pair of neighbouring letters, the text's ends included."""
    ends = f" {text} "
    return frozenset(ends[place : place + 2] for place in range(len(ends) - 1))
