"""Upstream's records: JSON ⇄ typed structs (UPSTREAM §6.1).

A record whose values all fit is decoded at once. Any other is mended: a value of the wrong type becomes null and is
counted, the record stays (R14). Fields that nobody knows are never looked at, whatever is in them (R16). The bytes
themselves may be shown but for card numbers: nobody sees those (INTERFACE §7).
"""

import contextlib
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from io import BytesIO
from math import isinf
from types import GenericAlias
from typing import Annotated, Any, NamedTuple, cast, get_args, get_origin

import msgspec

from app.cooperative import Turns
from app.errors import UpstreamShape
from app.interactions.cards import LENGTHS, UUID, masker
from app.interactions.parts import LARGEST_COUNT, Count, Interaction, ShortId, Time
from app.interactions.settling import settled

OUT_OF_RANGE = "a number that is beyond the range of a float"
MOST_REPAIRS = 2_000  # of one record, about 10 ms: one with more of them is no record
MOST_PARTS = 5_000  # in one record; each costs memory and time, and the longest calls have a few dozen

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_END_OF_DAY = re.compile(r"T24(:00(:00([.,]0+)?)?)?(?=Z|[+-]|$)", re.IGNORECASE)  # ISO 8601-1 §4.3.8
_count: msgspec.json.Decoder[int] = msgspec.json.Decoder(Count)
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MISFITS = (msgspec.DecodeError, UnicodeDecodeError, OverflowError)
_decoder = msgspec.json.Decoder(Interaction)
_interactions = msgspec.json.Decoder(list[Interaction])
_any = msgspec.json.Decoder(msgspec.Raw)
_encoder = msgspec.json.Encoder()
_text = msgspec.json.Decoder(Annotated[str, msgspec.Meta(min_length=1)])
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Interaction))
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # the last one may lack its end: linear in any text
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9][0-9.eE+-]*+', re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)  # its letter parts what could be a number
_any_text = msgspec.json.Decoder(str)
_MANY_PARTS = "A record holds more parts, or more ill values, than any record has."


class Decoded(NamedTuple):
    """A record and how many of its values had to become null because they could not be read.

    `out_of_range`: one of them is a number that JSON allows and no float holds.
    """

    interaction: Interaction
    repaired: int = 0
    out_of_range: bool = False


def decode(raw: bytes) -> Decoded | None:
    """One record from its JSON bytes; None when it has no usable `interactionId` (R14).

    Raises UpstreamShape where the bytes are not JSON, or hold more parts, or more ill values, than any record has.
    """
    if len(raw) > MOST_PARTS * len(b"{},"):
        _refuse_many_parts(raw)
    try:
        return Decoded(settled(_decoder.decode(raw)))
    except _NOT_JSON:
        return _decode_mended(raw)


def _refuse_many_parts(raw: bytes) -> None:
    """Count before anything is made of them; unknown fields, and texts, may hold as many braces as they like."""
    if raw.count(b"{") <= MOST_PARTS:
        return
    with contextlib.suppress(*_NOT_JSON):  # said when it is decoded
        known = [bytes(member) for name, member in members_of(raw).items() if name in _FIELDS]
        if sum(_STRING.sub(b"", member).count(b"{") for member in known) > MOST_PARTS:
            raise UpstreamShape(_MANY_PARTS)


def _decode_mended(raw: bytes) -> Decoded | None:
    try:
        members = members_of(raw)
    except msgspec.ValidationError:
        return None
    except _NOT_JSON as error:
        raise UpstreamShape("A record is not valid JSON.") from error
    try:
        _text.decode(members["interactionId"])
    except (KeyError, *_NOT_JSON):
        return None
    repairs: list[str] = []
    try:
        interaction = settled(Interaction(**mended_fields(members, Interaction, repairs)))
    except (TooManyParts, RecursionError):
        raise UpstreamShape(_MANY_PARTS) from None
    return Decoded(interaction, len(repairs), OUT_OF_RANGE in repairs)


def encoded(interaction: Interaction) -> bytes:
    """The known parts of a record as JSON, which shows each time in the zone it came in."""
    return _encoder.encode(interaction)


def array_of(interactions: Iterable[Interaction]) -> bytes:
    """The known parts of records as a JSON array."""
    return joined(map(encoded, interactions))


def joined(texts: Iterable[bytes]) -> bytes:
    """The JSON array of what `encoded` made of records."""
    return b"[%b]" % b",".join(texts)


def decoded(array: bytes, spared: tuple[str, ...] = ()) -> list[Interaction]:
    """The records of such an array; they are settled already. The arrays `spared` of each are taken for empty."""
    if spared:
        with contextlib.suppress(msgspec.ValidationError):
            return _sparing(spared).decode(array)
    return _interactions.decode(array)


def decoded_at(array: bytes, places: Iterable[int]) -> list[Interaction]:
    """The records in these places of such an array, the others unread: a fifth of the time where they are few."""
    texts = _elements.decode(array)
    return [_decoder.decode(texts[place]) for place in places]


@lru_cache(maxsize=64)
def _sparing(arrays: tuple[str, ...]) -> msgspec.json.Decoder[list[Interaction]]:
    """Reads records without these arrays, in half the time; one without a start it refuses: any time may be that."""
    fields = [
        (field.name, Time) if field.name == "start_timestamp" else (field.name, field.type, field.default)
        for field in msgspec.structs.fields(Interaction)
        if field.name not in arrays
    ]
    sparing = msgspec.defstruct(
        "Interaction", fields, namespace=dict.fromkeys(arrays, ()), rename="camel", kw_only=True, frozen=True, gc=False
    )
    return msgspec.json.Decoder(cast(type[list[Interaction]], GenericAlias(list, (sparing,))))


def as_sent(raw: bytes) -> bytes:
    """The record byte for byte, but for lone surrogates: U+FFFD stands for them."""
    try:
        return bytes(_any.decode(raw))
    except _NOT_JSON:
        return readable(raw)


class TooManyParts(ValueError):
    """The record holds more parts, or more ill values, than any record has."""


def readable(text: bytes) -> bytes:
    """The JSON text with U+FFFD for each lone surrogate: its grammar allows one (RFC 8259 §8.2), Unicode does not."""
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], text)


def members_of(text: bytes) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, unread. Raises what msgspec raises where it is none."""
    return _members.decode(readable(text))


class Kind(NamedTuple):
    """The form that a value should have: its reader, its struct, and the readers of its other forms."""

    decode: Callable[[msgspec.Raw], Any]
    struct: type[msgspec.Struct] | None
    repeated: bool
    read: Callable[[bytes], Any] | None


def mended(raw: msgspec.Raw, kind: Kind, repairs: list[str]) -> Any:
    """The value of the JSON text `raw` as `kind`; None, and a fault among `repairs`, where it does not fit.

    Null is None wherever it stands, without a fault (R9). Raises TooManyParts.
    """
    decode, struct, repeated, read = kind
    try:
        return decode(raw)
    except _MISFITS as error:
        fault = str(error)
    text = bytes(raw).strip()
    if text == b"null":
        return None
    if struct and repeated and text.startswith(b"["):
        return _mended_elements(raw, struct, repairs)
    if struct and not repeated and text.startswith(b"{"):
        return struct(**mended_fields(_members.decode(raw), struct, repairs))
    found = None
    with contextlib.suppress(*_MISFITS, ValueError):
        found = read(text) if read else None
    if found is None:
        if len(repairs) == MOST_REPAIRS:
            raise TooManyParts
        repairs.append(OUT_OF_RANGE if _is_out_of_range(text) else fault)
    return found


def mended_fields(members: dict[str, msgspec.Raw], struct: type[msgspec.Struct], repairs: list[str]) -> dict[str, Any]:
    """The fields of `struct` among the members of an object, those that are not null, by their names in Python."""
    fields = {
        name: mended(members[written], kind, repairs)
        for written, name, kind in _fields_of(struct)
        if written in members
    }
    return {name: value for name, value in fields.items() if value is not None}


def _mended_elements(raw: msgspec.Raw, struct: type[msgspec.Struct], repairs: list[str]) -> tuple[Any, ...]:
    elements = _elements.decode(raw)
    if len(elements) > MOST_PARTS:
        raise TooManyParts
    kind = _kind_of(struct)
    parts = [mended(element, kind, repairs) for element in elements]
    return tuple(part for part in parts if part is not None)


def whole_number(text: bytes | msgspec.Raw) -> int:
    """A count from its JSON: `1.0` is a whole number. Raises msgspec.ValidationError where it is none, or too large."""
    try:
        return _count.decode(text)
    except msgspec.ValidationError:
        value = _decoder_of(float).decode(text)
        if not value.is_integer() or value > LARGEST_COUNT - 1:  # as floats, larger ones are not what was written
            raise
        count: int = msgspec.convert(int(value), Count)
        return count


def _time(text: bytes) -> datetime:
    """A time without zone means UTC (UPSTREAM §3), and 24:00 is the next midnight (R14)."""
    written = _decoder_of(str).decode(text).strip().replace(" ", "T", 1)
    midnight, ends_day = _END_OF_DAY.subn("T00:00:00", written)
    _, separator, hours = midnight.partition("T")
    is_zoned = not separator or hours.upper().endswith("Z") or "+" in hours or "-" in hours
    return msgspec.convert(midnight if is_zoned else f"{midnight}Z", Time) + timedelta(days=ends_day)


def _short_id(text: bytes) -> int:
    short: int = msgspec.convert(whole_number(text), ShortId)
    return short


_OTHER_FORMS: dict[Any, Callable[[bytes], Any]] = {Count: whole_number, ShortId: _short_id, Time: _time}


def _is_out_of_range(text: bytes) -> bool:
    """Whether it is a number that a float takes for infinite; a whole one is told as too large for what it counts."""
    return text[:1] in b"-0123456789" and not text.lstrip(b"-").isdigit() and isinf(float(text))


@lru_cache(maxsize=64)
def _decoder_of(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@lru_cache(maxsize=64)
def _fields_of(struct: type[msgspec.Struct]) -> list[tuple[str, str, Kind]]:
    """The name in JSON, the name in Python and the kind of each field; to find them takes longer than to read them."""
    return [(field.encode_name, field.name, _kind_of(field.type)) for field in msgspec.structs.fields(struct)]


@lru_cache(maxsize=256)
def _kind_of(annotation: Any) -> Kind:
    struct, repeated = _struct_in(annotation)
    read = next((read for core, read in _OTHER_FORMS.items() if core in get_args(annotation)), None)
    return Kind(_decoder_of(struct if struct and not repeated else annotation).decode, struct, repeated, read)


def _struct_in(annotation: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    """The struct in an optional or repeated type, and whether it repeats."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation, False
    repeated = get_origin(annotation) is tuple
    return next((struct for struct, _ in map(_struct_in, get_args(annotation)) if struct), None), repeated


def without_cards(raw: bytes) -> Turns[msgspec.Raw]:
    """The record with card numbers masked in every text, name and number, whatever its shape.

    A number that holds one becomes a text; a UUID is an identity, whatever its digits look like.
    """
    shown, end, mask_cards = BytesIO(), 0, masker()
    for token in _TOKEN.finditer(raw):
        written = token[0]
        if len(written) < LENGTHS.start:
            continue
        masked = _token_without_cards(written, mask_cards)
        if masked is not written:
            shown.write(raw[end : token.start()])
            shown.write(masked)
            end = token.end()
        yield
    shown.write(raw[end:])
    return msgspec.Raw(shown.getvalue())


def _token_without_cards(written: bytes, mask_cards: Callable[[str], str]) -> bytes:
    text = _any_text.decode(readable(written)) if written.startswith(b'"') else written.decode()
    masked = text if UUID.fullmatch(text) or _TIME.fullmatch(text) else mask_cards(text)
    return written if masked == text else msgspec.json.encode(masked)
