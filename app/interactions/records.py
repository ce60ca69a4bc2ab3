"""Upstream's records: bytes ⇄ typed structs (UPSTREAM §6.1).

A record whose values all fit is decoded at once, any other is mended value by value (R14).
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple

import msgspec

from app.errors import UpstreamShape
from app.interactions.mending import mended, plain, readable
from app.interactions.parts import AgentLeg, Count, Details, Hook, Note, Part, QueueEntry, Segment, Stretch, Time

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

ATTRIBUTE = "interaction-attribute"


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
    interaction_time: float | None = None
    ivr_time: float | None = None
    ivr_abandoned: bool | None = None
    ivr_abandon_time: float | None = None
    customer_abandon_time: float | None = None
    customer_hold_abandoned: bool | None = None
    customer_conversation_time: float | None = None
    customer_talk_time: float | None = None
    customer_holds: Count | None = None
    customer_hold_time: float | None = None
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
    customer_talk_times: tuple[Stretch, ...] = ()
    customer_hold_times: tuple[Stretch, ...] = ()
    customer_response_times: tuple[Stretch, ...] = ()
    monitors: tuple[Stretch, ...] = ()
    details: Details | None = None


class Decoded(NamedTuple):
    """A record and how many of its values had to become null because their type was wrong."""

    interaction: Interaction
    repaired: int = 0


_decoder = msgspec.json.Decoder(Interaction)
_raw_array_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_MISFITS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode(raw: bytes | msgspec.Raw) -> Decoded | None:
    """One record from its JSON bytes; None when it has no usable `interactionId` (R14).

    Raises UpstreamShape where the bytes are not JSON.
    """
    try:
        return Decoded(_decoder.decode(raw))
    except _MISFITS:
        return _decode_mended(bytes(raw))


def _decode_mended(raw: bytes) -> Decoded | None:
    try:
        whole = plain(raw)
    except _MISFITS as error:
        raise UpstreamShape("A record is not valid JSON.") from error
    if not isinstance(whole, dict) or not isinstance(whole.get("interactionId"), str) or not whole["interactionId"]:
        return None
    repairs: list[str] = []
    record = mended(whole, Interaction, repairs)
    return Decoded(msgspec.convert(record, Interaction), len(repairs))


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
    found = [hook for hook in interaction.hooks if hook.hook_sub_type == ATTRIBUTE]
    found += [hook for hook in interaction.interaction_attributes if hook.hook_sub_type in (ATTRIBUTE, None)]
    return _distinct(found)


def links(interaction: Interaction) -> list[Hook]:
    """The CRM links: what is no custom attribute in either array, each once (R8)."""
    found = [hook for hook in interaction.hooks if hook.hook_sub_type != ATTRIBUTE]
    found += [hook for hook in interaction.interaction_attributes if hook.hook_sub_type not in (ATTRIBUTE, None)]
    return _distinct(found)


def _distinct(hooks: list[Hook]) -> list[Hook]:
    return list({hook.interaction_hook_id or _described(hook): hook for hook in hooks}.values())


def _described(hook: Hook) -> object:
    return (hook.hook_type, hook.hook_sub_type, hook.hook_id, hook.hook_name, hook.timestamp)
