"""Records as upstream might send them, drawn field by field from the types we read: well made, odd, or spoilt."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from app.interactions.parts import Count, Interaction, Part, Seconds, ShortId, Time
from app.interactions.settling import ATTRIBUTE

Json = Any
Record = dict[str, Json]

ID = "00000000-0000-4000-8000-000000000001"
LONE_SURROGATES = ("\ud800", "before \udfff after", "\udc00\ud800")

words = st.text(max_size=12) | st.sampled_from(
    [ATTRIBUTE, "transfer", "success", "accountNumber ", "VIP", "4111 1111 1111 1111", "=1+1", "日本", "🙂", ""]
)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 100_000) | st.sampled_from([1.7e308, 0, 7])
seconds = numbers.map(abs)
counts = st.integers(0, 2**53) | st.integers(0, 2**53 - 1).map(float)
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
first, day, evening, last = map(
    datetime.fromisoformat,
    ("0001-01-01T00:00:00", "2026-03-01T00:00:00", "2026-03-02T19:00:00", "9999-12-31T23:59:59.999000"),
)
near = st.datetimes(day, evening)
anywhere = st.datetimes() | st.sampled_from([first, last])
times = st.one_of(
    near.map(lambda moment: f"{moment.isoformat(timespec='milliseconds')}Z"),
    anywhere.map(lambda moment: f"{moment.isoformat(timespec='microseconds')}Z"),
    near.map(lambda moment: f"{moment.date()}T24:00:00.000Z"),
    st.builds(lambda moment, offset: moment.replace(tzinfo=offset).isoformat(), anywhere, offsets),
)
naive_times = anywhere.map(lambda moment: moment.isoformat(timespec="seconds"))
documents: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)

GOOD: dict[Any, st.SearchStrategy[Json]] = {
    str: words,
    bool: st.booleans(),
    float: numbers,
    Seconds: seconds,
    Time: times,
    Count: counts,
    ShortId: st.integers(0, 10**12 - 1) | st.integers(0, 10**6).map(float),
}
BAD: dict[Any, st.SearchStrategy[Json]] = {
    str: st.sampled_from([5, True, [], {}, 1.5]),
    bool: st.sampled_from([0, 1, "true", []]),
    float: st.sampled_from(["5", "", True, [1], {}, 10**400]),
    Seconds: st.sampled_from(["5", "", True, [1], {}, 10**400, -1, -0.001]),
    Time: st.sampled_from(
        [
            "2026-03-02T24:00:00.001Z",
            "2026-03-02T24:30:00Z",
            "2026-02-30T00:00:00Z",
            "soon",
            "",
            1772463600000,
            True,
            {},
        ]
    ),
    Count: st.sampled_from([-1, 2**53 + 1, 10**400, "1", True, 1.5]),
    ShortId: st.sampled_from([-1, 10**12, 4111111111111111, "1", True, 1.5]),
}
BAD_STRUCT = st.sampled_from([5, "text", True, [5]])
BAD_ARRAY = st.sampled_from([5, "text", True, {}])


def core(kind: Any) -> Any:
    """A field's type without its null, and of a repeated one the struct it repeats."""
    return next(one for one in (get_args(kind) if kind not in GOOD else (kind,)) if one not in (type(None), ...))


def fields(struct: type[Part]) -> Iterator[tuple[str, Any]]:
    """Names as upstream writes them, with types; the id aside, which every record has."""
    for field in msgspec.structs.fields(struct):
        if field.name != "interaction_id":
            yield field.encode_name, field.type


def is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Part)


def is_repeated(kind: Any) -> bool:
    return is_struct(core(kind)) and type(None) not in get_args(kind)


def structs(struct: type[Part], leaf: Callable[[Any], st.SearchStrategy[Json]]) -> st.SearchStrategy[Record]:
    """Objects with some of the fields: a handful at a time finds more in less time than all of them at once."""
    named = [st.tuples(st.just(name), _value(kind, leaf)) for name, kind in fields(struct)]
    return st.lists(st.one_of(named), max_size=9).map(dict)


def _value(kind: Any, leaf: Callable[[Any], st.SearchStrategy[Json]]) -> st.SearchStrategy[Json]:
    if not is_struct(core(kind)):
        return leaf(core(kind))
    one = structs(core(kind), leaf)
    return st.lists(one, min_size=1, max_size=2) if is_repeated(kind) else one


def _whole(record: Record) -> Record:
    return {"interactionId": ID, **record}


def _odd(kind: Any) -> st.SearchStrategy[Json]:
    odd: list[st.SearchStrategy[Json]] = [GOOD[kind], GOOD[kind], BAD[kind], st.none()]
    if kind is Time:
        odd.append(naive_times)
    if kind is str:
        odd.append(st.sampled_from(LONE_SURROGATES))
    return st.one_of(odd)


records = structs(Interaction, GOOD.__getitem__).map(_whole)
odd_records = st.builds(
    lambda record, unknown, spoilt: {**unknown, **record, **spoilt, "interactionId": ID},
    structs(Interaction, _odd),
    st.dictionaries(words, documents, max_size=3),
    st.dictionaries(st.sampled_from([name for name, _ in fields(Interaction)]), documents, max_size=2),
)


def crowded(*names: str) -> st.SearchStrategy[Record]:
    """Records of these repeated parts, up to three of each, that have ended or not, and been left or not."""
    kinds = {name: core(kind) for name, kind in fields(Interaction) if name in names}
    parts = {name: st.lists(structs(kind, GOOD.__getitem__), max_size=3) for name, kind in kinds.items()}
    ending = {"endTimestamp": times, "customerAbandonTime": seconds, "customerHoldAbandoned": st.booleans()}
    return st.fixed_dictionaries({**parts}, optional={**ending}).map(_whole)


def bad(kind: Any) -> st.SearchStrategy[Json]:
    """A value that does not fit a field of this type, and counts as one."""
    if is_repeated(kind):
        return BAD_ARRAY
    return BAD_STRUCT if is_struct(core(kind)) else BAD[core(kind)]


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[Record, Record, int]:
    """A record, the same with some values of the wrong type in place or added, and how many."""
    record = draw(records)
    chosen = draw(
        st.lists(st.sampled_from(list(fields(Interaction))), min_size=1, max_size=4, unique_by=lambda one: one[0])
    )
    wrong = {name: draw(bad(kind)) for name, kind in chosen}
    left = {name: value for name, value in record.items() if name not in wrong}
    return left, {**record, **wrong}, len(wrong)


@st.composite
def filled(draw: st.DrawFn, record: Record, struct: type[Part] = Interaction) -> Record:
    """The record with null, or `[]` where an array could be, for some of what is absent."""
    full = dict(record)
    for name, kind in fields(struct):
        if name not in record:
            ways: list[Json] = [None, []] if is_repeated(kind) else [None]
            full |= draw(st.sampled_from([{}, *({name: way} for way in ways)]))
        elif is_repeated(kind):
            full[name] = [draw(filled(part, core(kind))) for part in record[name]]
        elif is_struct(core(kind)):
            full[name] = draw(filled(record[name], core(kind)))
    return full


@st.composite
def rearranged(draw: st.DrawFn, value: Json) -> Json:
    """The same with keys in another order, and fields nobody knows, at every depth."""
    if isinstance(value, list):
        return [draw(rearranged(one)) for one in value]
    if not isinstance(value, dict):
        return value
    known = [(name, draw(rearranged(one))) for name, one in value.items()]
    unknown = draw(st.dictionaries(st.sampled_from(["newField", "x", "ÜberFeld"]), documents, max_size=1))
    return dict(draw(st.permutations([*known, *unknown.items()])))


@st.composite
def texts(draw: st.DrawFn, record: Record) -> bytes:
    """The record as JSON; a lone surrogate can only be written as an escape."""
    text = json.dumps(record, ensure_ascii=True)
    plain = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    try:
        return draw(st.sampled_from([text.encode(), plain.encode()]))
    except UnicodeEncodeError:
        return text.encode()
