"""A record as upstream sent it, byte for byte, but for card numbers: nobody sees those (INTERFACE §7)."""

import re
from collections.abc import Callable
from io import BytesIO

import msgspec

from app.cooperative import Turns
from app.interactions.cards import LENGTHS, UUID, masker
from app.interactions.records import readable

RAW = "raw"  # its name in `include` and in an answer

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9][0-9.eE+-]*+', re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)  # its letter parts what could be a number
_text = msgspec.json.Decoder(str)


def without_cards(raw: bytes) -> Turns[msgspec.Raw]:
    """The record with card numbers masked in every text, name and number, whatever its shape.

    A number that holds one becomes a text; a UUID is an identity, whatever its digits look like.
    """
    shown, end, mask_cards = BytesIO(), 0, masker()
    for token in _TOKEN.finditer(raw):
        written = token[0]
        if len(written) < LENGTHS.start:
            continue
        masked = _masked(written, mask_cards)
        if masked is not written:
            shown.write(raw[end : token.start()])
            shown.write(masked)
            end = token.end()
        yield
    shown.write(raw[end:])
    return msgspec.Raw(shown.getvalue())


def _masked(written: bytes, mask_cards: Callable[[str], str]) -> bytes:
    text = _text.decode(readable(written)) if written.startswith(b'"') else written.decode()
    masked = text if UUID.fullmatch(text) or _TIME.fullmatch(text) else mask_cards(text)
    return written if masked == text else msgspec.json.encode(masked)
