"""How a format writes a table: row by row, so that rows written before can be joined to others; or as a whole."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from app.formats.table import Envelope, Table

DIGEST_BYTES = 16


class Writer(Protocol):
    """Writes tables."""

    def parts(self, table: Table, envelope: Envelope, /) -> Iterator[bytes]:
        """The table as bytes, in parts of at most PART_ROWS rows; what follows the rows is a part of its own."""
        ...


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

    def written(self, table: Table) -> Generator[None, None, list[tuple[bytes, bytes]]]:
        """Each row with what parts it from the next one, and the digest of the row alone; in turns of about 1 ms."""
        written = list[tuple[bytes, bytes]]()
        for part in table.parts():
            rows = self.rows(part)
            written += [(row + self.between, blake2b(row, digest_size=DIGEST_BYTES).digest()) for row in rows]
            yield
        return written

    def joined(self, names: tuple[str, ...], pieces: Sequence[bytes], envelope: Envelope) -> Iterator[bytes]:
        """The body of rows that were written before, some in each piece."""
        yield self.before(names)
        yield from pieces[:-1]
        for last in pieces[-1:]:
            yield last.removesuffix(self.between)
        yield self.after(envelope)
