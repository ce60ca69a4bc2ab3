"""The index of a run: which values, names and contacts occur in it, so that runs without those asked for stay packed.

Each is a digest of four bytes. Where one of them occurs by chance, the run is decoded in vain.
"""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple
from zlib import crc32

from app.interactions.parts import Interaction
from app.upstream.query import UpstreamQuery, contact_of, hooks_of

DIGEST_BYTES = 4


class Term(NamedTuple):
    """The texts of a record that a condition is about, and how they are compared."""

    of: Callable[[Interaction], Iterable[str | None]]
    normalised: Callable[[str], str] = str


TERMS = {
    "attribute_values": Term(lambda row: [hook.hook_name for hook in row.interaction_attributes]),
    "hook_type": Term(lambda row: [hook.hook_type for hook in hooks_of(row)], str.strip),
    "hook_id": Term(lambda row: [hook.hook_id for hook in hooks_of(row)]),
    "contact_id": Term(lambda row: (contact_of(row),), str.lower),
}
"""By the field of a condition; nothing for `hook_sub_type`: nearly all records have the few there are."""

_SEEDS = {field: crc32(field.encode()) for field in TERMS}


def terms(records: Collection[Interaction]) -> bytes:
    """The digests of all terms that occur in the records."""
    found = set[bytes]()
    for field, (of, _) in TERMS.items():
        found.update(_digest(field, term) for term in {term for row in records for term in of(row)} if term is not None)
    return b"".join(found)


class Wanted:
    """The terms that a record must have to meet some conditions."""

    def __init__(self, asked: UpstreamQuery) -> None:
        single = [(field, value) for field in TERMS if isinstance(value := getattr(asked, field), str)]
        values = [("attribute_values", value) for value in asked.attribute_values]
        self._all = [_digest(field, value) for field, value in (*single, *values)]
        self._any = [_digest("attribute_values", value) for value in asked.any_values]

    def may_occur(self, terms: bytes | None) -> bool:
        """Whether records with these terms may meet the conditions; they may where the terms are not known (None)."""
        if terms is None:
            return True
        return all(one in terms for one in self._all) and (not self._any or any(one in terms for one in self._any))


def _digest(field: str, term: str) -> bytes:
    text = TERMS[field].normalised(term).encode("utf-8", "surrogatepass")
    return crc32(text, _SEEDS[field]).to_bytes(DIGEST_BYTES)
