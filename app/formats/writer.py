"""How a format writes a table: row by row, so that rows written before can be joined to others; or as a whole."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from app.formats.table import PART_ROWS, Envelope, Table

DIGEST_BYTES = 16


class Writer(Protocol):
    """Writes tables."""

    def parts(self, table: Table, envelope: Envelope, /) -> Iterator[bytes]:
        """The table as bytes, in parts of at most PART_ROWS rows; what follows the rows is a part of its own."""
        ...


WrittenRow = tuple[bytes, bytes]
"""The bytes of a row, and their digest."""


@dataclass(frozen=True, slots=True)
class ByRow:
    """Writes one row after another: the bytes of each row of a table, what is before, between and after them."""

    rows: Callable[[Table], Sequence[bytes]]
    before: Callable[[tuple[str, ...]], bytes] = lambda _names: b""
    between: bytes = b""
    after: Callable[[Envelope], bytes] = lambda _envelope: b""

    def parts(self, table: Table, envelope: Envelope) -> Iterator[bytes]:
        """The table as bytes, in parts of at most PART_ROWS rows; what follows the rows is a part of its own."""
        yield self.before(table.names)
        yield from self.further(table)
        yield self.after(envelope)

    def further(self, table: Table) -> Iterator[bytes]:
        """The rows alone, in parts of at most PART_ROWS."""
        for number, part in enumerate(table.parts()):
            yield (self.between if number else b"") + self.between.join(self.rows(part))

    def written(self, table: Table) -> Generator[None, None, list[WrittenRow]]:
        """Each row by itself; in turns of about a millisecond."""
        written = list[WrittenRow]()
        for part in table.parts():
            written += [(row, blake2b(row, digest_size=DIGEST_BYTES).digest()) for row in self.rows(part)]
            yield
        return written

    def joined(self, names: tuple[str, ...], written: Sequence[WrittenRow], envelope: Envelope) -> Iterator[bytes]:
        """The body of rows that were written before."""
        yield self.before(names)
        for start in range(0, len(written), PART_ROWS):
            if start:
                yield self.between
            yield self.between.join([row for row, _ in written[start : start + PART_ROWS]])
        yield self.after(envelope)
