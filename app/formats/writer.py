"""How a format writes a table: row by row, so that rows written before can be joined to others; or as a whole."""

from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from typing import NamedTuple, Protocol

from app.formats.table import Envelope, Table

DIGEST_BYTES = 16


class Writer(Protocol):
    """Writes tables."""

    def parts(self, table: Table, envelope: Envelope, /) -> Iterator[bytes]:
        """The table as bytes, in parts of at most PART_ROWS rows; what follows the rows is a part of its own."""
        ...


class Written(NamedTuple):
    """Rows as they were written, with what is between them: where each begins and ends, and a digest of each."""

    body: bytes
    starts: "array[int]"
    ends: "array[int]"
    digests: bytes

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.starts)

    def part(self, first: int, last: int) -> "Written":
        """The rows from the place `first` to the one before `last`; there is one at least."""
        starts, ends = self.starts[first:last], self.ends[first:last]
        return Written(
            self.body[starts[0] : ends[-1]], starts, ends, self.digests[first * DIGEST_BYTES : last * DIGEST_BYTES]
        )


@dataclass(frozen=True, slots=True)
class ByRow:
    """Writes one row after another: the bytes of each row of a table, what is before, between and after them."""

    rows: Callable[[Table], Sequence[bytes]]
    before: Callable[[tuple[str, ...]], bytes] = lambda _names: b""
    between: bytes = b""
    after: Callable[[Envelope], bytes] = lambda _envelope: b""

    def parts(self, table: Table, envelope: Envelope) -> Iterator[bytes]:
        """As a Writer does."""
        yield self.before(table.names)
        yield from self.further(table)
        yield self.after(envelope)

    def further(self, table: Table) -> Iterator[bytes]:
        """The rows alone, in parts of at most PART_ROWS."""
        for number, part in enumerate(table.parts()):
            yield (self.between if number else b"") + self.between.join(self.rows(part))

    def written(self, table: Table) -> Generator[None, None, Written]:
        """The rows, to be joined to others; in turns of about a millisecond."""
        rows = list[bytes]()
        for part in table.parts():
            rows += self.rows(part)
            yield
        ends = [*accumulate(map(len, rows), lambda end, size: end + len(self.between) + size)]
        starts = [end - len(row) for end, row in zip(ends, rows, strict=True)]
        digests = [blake2b(row, digest_size=DIGEST_BYTES).digest() for row in rows]
        return Written(self.between.join(rows), array("I", starts), array("I", ends), b"".join(digests))

    def joined(self, names: tuple[str, ...], written: Iterable[Written], envelope: Envelope) -> Iterator[bytes]:
        """The body of rows that were written before, as the parts of a table with all of them."""
        yield self.before(names)
        for number, one in enumerate(one for one in written if one.rows):
            if number:
                yield self.between
            yield one.body
        yield self.after(envelope)
