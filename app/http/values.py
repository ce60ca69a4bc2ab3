"""Text of a parameter → its canonical value: a small reader for each kind. Refusals never repeat the text.

A reader raises Refused, or a group of them for a list with several faults, which are told by their place in it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest
from uuid import UUID

from app.http.times import FORMS, NotATime, TimeFrame, moment
from app.interactions.grains import INCLUDES, RAW, Grain
from app.queries.change_token import ChangeToken, NotAChangeToken, token_of
from app.queries.cursor import Cursor, NotACursor, cursor_of
from app.queries.query import ALL_ROWS, NEWEST_FIRST, Order
from app.queries.rules import SNAPSHOT_FACTOR

SHORTEST, LONGEST = 3, 32  # characters: shorter texts begin any name, longer ones are in none
MOST_OFFERED = 3
CLOSELY = 3  # names that are compared letter by letter

# Names that people know from upstream or from other services.
# fmt: off
OTHER_WORDS = {
    "attr":         "attribute attributes attribute-value attributevalue attribute_value hook-name hookname value q",
    "attr_pair":    "attr-pair attrpair attribute_pair attribute-pair attributepair pair name-value",
    "attr.<name>":  "attr.",
    "attr_any":     "attr-any attrany any_attr attr_or attr_in any",
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
    "by":           "group groupby group_by dimensions",
    "measures":     "measure metric metrics aggregate aggregates",
    "interval":     "bucket step granularity",
    "time_zone":    "tz timezone zone",
    "changed_since": "change_token changes_since modified_since updated_since delta_token sync_token",
}
# fmt: on
_MEANT = {word: name for name, words in OTHER_WORDS.items() for word in words.split()}


def meant(name: str, known: tuple[str, ...]) -> str | None:
    """The known name that says the same in other words, else the nearest one, if any is near."""
    other = _MEANT.get(name.strip().lower())
    return other if other in known else nearest(name, known)


def nearest(text: str, known: tuple[str, ...]) -> str | None:
    """The known name that begins with the text, else the one that looks most like it, if any does."""
    return next(iter(near(text, known)), None)


def near(text: str, known: tuple[str, ...]) -> list[str]:
    """The known names that begin with the text, and those of which it is a word; else the one most like it, if any."""
    looked_up = text[:LONGEST].lower()
    begun = [name for name in known if name.startswith(looked_up)] if len(looked_up) >= SHORTEST else []
    if not begun:
        return get_close_matches(looked_up, _alike(looked_up, known), 1)
    return [*begun, *(name for name in known if f"_{looked_up}_" in name)]


def offered(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The known names to offer instead of a text: that which it means in other words, then those that are near."""
    return tuple(dict.fromkeys(name for name in (meant(text, known), *near(text, known)) if name))[:MOST_OFFERED]


def offer(*names: str | None) -> str:
    """The words that offer these names; none where there are none."""
    *others, last = [name for name in names if name] or [""]
    if others:
        last = f"{', '.join(others)} or {last}"
    return f" Did you mean {last}?" if last else ""


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


INCLUDE_NAMES = tuple(include.name for include in INCLUDES)
ALIAS = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,63}")
MOST_LISTS = 4 * len(INCLUDES)  # names in one `include`; more are no question
EVERY_ROW = "all"  # as a limit
_MOST_DIGITS = 9  # a longer number is past every bound


@dataclass(eq=False)
class Refused(ValueError):
    """A value that cannot be used; the words complete a sentence that begins with the parameter's name."""

    words: str
    allowed: tuple[str, ...] = ()
    did_you_mean: str | None = None
    or_else: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParseContext:
    """The context that gives values their meaning."""

    frame: TimeFrame
    grain: Grain
    max_rows: int
    shows_raw: bool = False  # whether anybody may see a record as upstream sent it


Reader = Callable[[str, ParseContext], object]


def literal(text: str, _scene: ParseContext) -> str:
    """The text as it stands, spaces and case included (R2, and R3: a name may end in a space upstream)."""
    if not text:
        raise Refused("must not be empty: a blank filter would mean everything")
    return text


def identity(text: str, _scene: ParseContext | None = None) -> str:
    """A UUID in lower case."""
    try:
        found = str(UUID(text))
    except ValueError:
        found = None
    if found != text.lower():  # Python takes many other spellings
        raise Refused("must be a UUID")
    return found


def one_of(*allowed: str) -> Reader:
    """A reader of just these words."""
    demand = f"must be {'' if len(allowed) == 1 else 'one of '}{', '.join(allowed)}"

    def read(text: str, _scene: ParseContext) -> str:
        if text not in allowed:
            raise Refused(demand, allowed, nearest(text, allowed))
        return text

    return read


def offset(text: str, scene: ParseContext) -> int:
    """Rows to skip, as far as a snapshot reaches: past its end there would be nothing, in silence."""
    rows, most = _count(text, 0), SNAPSHOT_FACTOR * scene.max_rows
    if rows > most:
        raise Refused(f"is past the {most} rows that can be skipped; follow next, or narrow the range by from and to")
    return rows


def limit(text: str, _scene: ParseContext) -> int:
    """Rows in one answer; whether its format may have so many is told once that is known."""
    return ALL_ROWS if text == EVERY_ROW else _count(text, 1, f", or {EVERY_ROW}")


def groups(text: str, _scene: ParseContext) -> int:
    """Groups in one answer of a summary."""
    return _count(text, 1, "; leave it out for all groups")


def _count(text: str, least: int, otherwise: str = "") -> int:
    if text.isascii() and text.isdigit():
        number = int(text) if len(text) <= _MOST_DIGITS else 10**_MOST_DIGITS
        if number >= least:
            return number
    raise Refused(f"must be a whole number, {least} or more{otherwise}")


def time(text: str, scene: ParseContext) -> datetime:
    """A moment in UTC."""
    try:
        return moment(text, scene.frame)
    except NotATime as error:
        raise Refused(str(error), FORMS) from None


def attribute_pair(text: str, _scene: ParseContext) -> tuple[str, str]:
    """`name=value`, parted at the first `=`; the name is trimmed, the value taken literally."""
    name, _, value = text.partition("=")
    if not name.strip() or not value:
        raise Refused("must be an attribute's name and value, as accountNumber=12345")
    return name.strip(), value


def fields(text: str, scene: ParseContext) -> tuple[tuple[str, str], ...]:
    """`column` or `alias:column`, comma separated → output name and column. A column stands once, so that rows end."""
    return chosen(text, tuple(scene.grain.columns), f"names no column of /schema{scene.grain.path}")


def chosen(text: str, known: tuple[str, ...], unknown: str) -> tuple[tuple[str, str], ...]:
    """Likewise of the `known` columns; `unknown` are the words for any other."""
    parts = text.split(",")
    if len(parts) > len(known):
        raise Refused(f"lists more than the {len(known)} columns there are")
    sources: dict[str, str] = {}
    faults: list[Refused] = []
    for place, part in enumerate(parts, 1):
        alias, colon, name = (side.strip() for side in part.rpartition(":"))
        output = alias if colon else name
        try:
            source = _known(name, known, f"{unknown} in place {place}")
            if colon and not ALIAS.fullmatch(alias):
                raise Refused("has an alias that is not 1 to 64 of A-Z a-z 0-9 _ . - and space, a letter or _ first")
            if source in sources.values():
                raise Refused(f"names the column {source} twice")
            if output in sources:
                raise Refused("names one output column twice")
            sources[output] = source
        except Refused as refused:
            faults.append(refused)
    if faults:
        raise ExceptionGroup("fields", faults)
    return tuple(sources.items())


def include(text: str, _scene: ParseContext) -> tuple[str, ...]:
    """Names of nested lists, and the raw record's, comma separated → in the order of INCLUDES, each once."""
    parts, known = text.split(","), (*INCLUDE_NAMES, RAW)
    if len(parts) > MOST_LISTS:
        raise Refused(f"lists more than {MOST_LISTS} names", INCLUDE_NAMES)
    named = [part.strip() for part in parts]
    words = f"may list {', '.join(INCLUDE_NAMES)}, and of one interaction {RAW}"
    faults = [
        Refused(f"{words}; in place {place} is another", INCLUDE_NAMES, nearest(name, INCLUDE_NAMES))
        for place, name in enumerate(named, 1)
        if name not in known
    ]
    if faults:
        raise ExceptionGroup("include", faults)
    return tuple(name for name in known if name in named)


def sort(text: str, scene: ParseContext) -> Order:
    """A column, `-` in front for descending."""
    order = Order(column(text.removeprefix("-"), scene), descending=text.startswith("-"))
    return NEWEST_FIRST if order == Order(scene.grain.ordered_by) else order


def cursor(text: str, _scene: ParseContext) -> Cursor:
    """A cursor this service gave out."""
    try:
        return cursor_of(text)
    except NotACursor:
        raise Refused("is not one this service gave out; take it from next_cursor as it is") from None


def change_token(text: str, _scene: ParseContext) -> ChangeToken:
    """A change token this service gave out."""
    try:
        return token_of(text)
    except NotAChangeToken:
        words = "is not a token this service gave out; take it from meta.change_token or X-Change-Token as it is"
        raise Refused(words) from None


def column(name: str, scene: ParseContext, where: str = "") -> str:
    """A column of the grain."""
    return _known(name, tuple(scene.grain.columns), f"names no column of /schema{scene.grain.path}{where}")


def _known(name: str, known: tuple[str, ...], unknown: str) -> str:
    if name not in known:
        first, *others = offered(name, known) or (None,)
        raise Refused(unknown, did_you_mean=first, or_else=tuple(one for one in others if one))
    return name
