"""Every deadline and bound of the listener, as one frozen value; tests scale it down."""

from dataclasses import dataclass

from app.http.guard import LONGEST_TARGET

KIB = 1024


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """Times are seconds, sizes bytes (FAULTS 6, T40 to T42)."""

    receipt_seconds: float = 10.0  # from the connect, or from the first byte of a request, to its last
    write_stall_seconds: float = 30.0  # how long a client may leave what it was sent unread
    answer_seconds: float = 600.0  # the longest life of one answer that its client reads slowly
    linger_seconds: float = 2.0  # after a refusal: closed at once, what still comes would take the answer with it
    last_call_seconds: float = 0.5  # at the end of a drain, for a request that is on its way
    drain_seconds: float = 1.0  # after SIGTERM: connections are taken still, and told that they end
    head_bytes: int = 32 * KIB
    target_bytes: int = LONGEST_TARGET
    body_bytes: int = 64 * KIB
    write_buffer_bytes: int = 64 * KIB
    requests_in_line: int = 100  # behind the one that is being answered: one read can bring thousands
    connections_per_peer: int = 0  # of one IPv4 address, of one /64 of IPv6 addresses; 0: no bound
    connections: int = 0  # of all together; 0: no bound

    @property
    def message_bytes(self) -> int:
        """Head, body and the body's framing: a chunk of one byte takes six, trailers and extensions are no use here."""
        return self.head_bytes + 8 * self.body_bytes
