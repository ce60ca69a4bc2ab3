"""What upstream's JSON may hold that no two readers take alike: words, encodings, repeated keys (FAULTS §2.1, 14–17).

All of it is looked for only where something has shown already, or in a sample: a good page costs nothing.
"""

import json
import re

from app.errors import UpstreamBadAnswer, UpstreamBadEncoding, UpstreamBadNumber, UpstreamError

BARE_WORDS = (b"NaN", b"Infinity")  # Python's json writes and reads them, RFC 8259 §6 does not know them
HITS = 100
MOST_SAMPLED_BYTES = 65_536

_BARE = re.compile(rb"(?:^|[\[:,\s])-?(?:NaN|Infinity)(?:$|[\s,\]}])")


def unreadable(text: bytes) -> UpstreamError:
    """What is wrong with a text that is no JSON."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return UpstreamBadEncoding("The upstream's answer is not UTF-8.")
    if holds_bare_word(text):
        return UpstreamBadNumber("The upstream's answer holds a number that JSON does not know.")
    return UpstreamBadAnswer("The upstream's answer is not JSON.")


def holds_bare_word(text: bytes) -> bool:
    """Whether NaN or Infinity stands where a value should."""
    return any(_BARE.search(text[max(0, at - 2) : at + 9]) for word in BARE_WORDS for at in _hits(text, word))


def _hits(text: bytes, word: bytes) -> list[int]:
    hits: list[int] = []
    at = text.find(word)
    while at >= 0 and len(hits) < HITS:
        hits.append(at)
        at = text.find(word, at + 1)
    return hits


def repeats_keys(text: bytes | memoryview) -> bool:
    """Whether an object of the JSON text, a short one, has a key twice: the last one counts (RFC 8259 §4)."""
    found = False
    if len(text) > MOST_SAMPLED_BYTES:
        return False

    def look(members: list[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len({name for name, _ in members}) < len(members)

    try:
        json.loads(bytes(text), object_pairs_hook=look)
    except (ValueError, RecursionError):
        return False
    return found
