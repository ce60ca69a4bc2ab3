"""A record as upstream sent it, byte for byte, but for card numbers in attributes: nobody sees those (INTERFACE §7)."""

from typing import Any

import msgspec

from app.interactions.masking import mask_cards
from app.interactions.mending import plain

RAW = "raw"  # its name in `include` and in an answer

_HOOKS = ("hooks", "interactionAttributes")
_VALUE = "hookName"


def without_cards(raw: bytes) -> msgspec.Raw:
    """The record itself; where a card number stands in it, written anew without."""
    record = plain(raw)
    masked = {name: _masked(value) if name in _HOOKS else value for name, value in record.items()}
    return msgspec.Raw(raw if masked == record else msgspec.json.encode(masked))


def _masked(hooks: Any) -> Any:
    """The hooks with their values masked, also where upstream breaks their shape: no number is a value it promised."""
    if isinstance(hooks, list):
        return [_masked(hook) for hook in hooks]
    if not isinstance(hooks, dict):
        return hooks
    return {name: _masked_value(value) if name == _VALUE else value for name, value in hooks.items()}


def _masked_value(value: Any) -> Any:
    masked = mask_cards(str(value)) if isinstance(value, str | int) else value
    return value if masked == str(value) else masked
