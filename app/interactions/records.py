"""Upstream's records: bytes ⇄ typed structs (UPSTREAM §6.1).

A record whose values all fit is decoded at once, any other is mended value by value (R14).
"""

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple

import msgspec

from app.errors import UpstreamShape
from app.interactions.mending import MOST_PARTS, OUT_OF_RANGE, TooManyParts, members_of, mended_fields, readable
from app.interactions.parts import (
    AgentLeg,
    Count,
    CustomerHoldTime,
    CustomerResponseTime,
    CustomerTalkTime,
    Details,
    Hook,
    Note,
    Part,
    QueueEntry,
    Seconds,
    Segment,
    Stretch,
    Time,
)
from app.interactions.settling import ATTRIBUTE, settle

__all__ = [
    "ATTRIBUTE",
    "Decoded",
    "Hook",
    "Interaction",
    "attributes",
    "decode",
    "decoded",
    "join",
    "links",
    "raw_records",
]


class Interaction(Part, frozen=True):
    """One interaction as upstream records it (UPSTREAM §6.1)."""

    interaction_id: Annotated[str, msgspec.Meta(min_length=1)]
    tenant_id: str | None = None
    channel_type: str | None = None
    direction: str | None = None
    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    customer: str | None = None
    contact_point: str | None = None
    contact_id: str | None = None
    flow_id: str | None = None
    flow_name: str | None = None
    interaction_time: Seconds | None = None
    ivr_time: Seconds | None = None
    ivr_abandoned: bool | None = None
    ivr_abandon_time: Seconds | None = None
    customer_abandon_time: Seconds | None = None
    customer_hold_abandoned: bool | None = None
    customer_conversation_time: Seconds | None = None
    customer_talk_time: Seconds | None = None
    customer_holds: Count | None = None
    customer_hold_time: Seconds | None = None
    customer_transfers: Count | None = None
    customer_satisfaction_score: float | None = None
    disposition_name: str | None = None
    flag_timestamp: Time | None = None
    updated: Time | None = None
    segments: tuple[Segment, ...] = ()
    agents: tuple[AgentLeg, ...] = ()
    queues: tuple[QueueEntry, ...] = ()
    hooks: tuple[Hook, ...] = ()
    interaction_attributes: tuple[Hook, ...] = ()
    notes: tuple[Note, ...] = ()
    customer_talk_times: tuple[CustomerTalkTime, ...] = ()
    customer_hold_times: tuple[CustomerHoldTime, ...] = ()
    customer_response_times: tuple[CustomerResponseTime, ...] = ()
    monitors: tuple[Stretch, ...] = ()
    details: Details | None = None

    def __post_init__(self) -> None:
        """Settle what it holds."""
        settle(self)


class Decoded(NamedTuple):
    """A record and how many of its values had to become null because they could not be read.

    `out_of_range`: one of them is a number that JSON allows and no float holds.
    """

    interaction: Interaction
    repaired: int = 0
    out_of_range: bool = False


_decoder = msgspec.json.Decoder(Interaction)
_raw_array_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(Annotated[str, msgspec.Meta(min_length=1)])
_MISFITS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Interaction))
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # the last one may lack its end: linear in any text
_MANY_PARTS = "A record holds more parts, or more ill values, than any record has."


def decode(raw: bytes | msgspec.Raw) -> Decoded | None:
    """One record from its JSON bytes; None when it has no usable `interactionId` (R14).

    Raises UpstreamShape where the bytes are not JSON, or hold more parts, or more ill values, than any record has.
    """
    if memoryview(raw).nbytes > MOST_PARTS * len(b"{},"):
        _refuse_many_parts(bytes(raw))
    try:
        return Decoded(_decoder.decode(raw))
    except _MISFITS:
        return _decode_mended(bytes(raw))


def _refuse_many_parts(raw: bytes) -> None:
    """Count before anything is made of them; unknown fields, and texts, may hold as many braces as they like."""
    if raw.count(b"{") <= MOST_PARTS:
        return
    with contextlib.suppress(*_MISFITS):  # said when it is decoded
        known = [bytes(member) for name, member in members_of(raw).items() if name in _FIELDS]
        if sum(_STRING.sub(b"", member).count(b"{") for member in known) > MOST_PARTS:
            raise UpstreamShape(_MANY_PARTS)


def _decode_mended(raw: bytes) -> Decoded | None:
    try:
        members = members_of(raw)
    except msgspec.ValidationError:
        return None
    except _MISFITS as error:
        raise UpstreamShape("A record is not valid JSON.") from error
    try:
        _text.decode(members["interactionId"])
    except (KeyError, *_MISFITS):
        return None
    repairs: list[str] = []
    try:
        interaction = Interaction(**mended_fields(members, Interaction, repairs))
    except (TooManyParts, RecursionError):
        raise UpstreamShape(_MANY_PARTS) from None
    return Decoded(interaction, len(repairs), OUT_OF_RANGE in repairs)


def join(raws: Iterable[bytes]) -> bytes:
    """Records as one JSON array, each byte for byte as upstream sent it."""
    return b"[" + b",".join(raws) + b"]"


def decoded(array: bytes) -> Iterator[Interaction]:
    """The records of an array made by `join`, without those that have no usable `interactionId`."""
    return (record.interaction for record in map(decode, raw_records(array)) if record)


def raw_records(array: bytes) -> list[msgspec.Raw]:
    """The records of an array made by `join`, byte for byte, but for lone surrogates: U+FFFD stands for them."""
    try:
        return _raw_array_decoder.decode(array)
    except _MISFITS:
        return _raw_array_decoder.decode(readable(array))


def attributes(interaction: Interaction) -> list[Hook]:
    """The custom attributes: both arrays' entries, each once (R8). In an array of their own they need no subtype."""
    return [*interaction.interaction_attributes]


def links(interaction: Interaction) -> list[Hook]:
    """The CRM links: what is no custom attribute in either array, each once (R8)."""
    return [*interaction.hooks]
