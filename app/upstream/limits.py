"""How long upstream is waited for, how often it is asked again, and when it is left alone (FAULTS 1.2)."""

from dataclasses import dataclass, fields, replace
from typing import Self

SECONDS = "_seconds"


@dataclass(frozen=True, slots=True)
class Limits:
    """Constants of the client in one place, so that tests can shrink them; times in seconds."""

    connect_seconds: float = 3.0
    first_byte_seconds: float = 15.0
    gap_seconds: float = 10.0  # between two chunks of a body
    write_seconds: float = 5.0
    pool_seconds: float = 2.0  # cannot pass while slots = pool size, unless a slot was lost
    keep_alive_seconds: float = 4.0  # below the server's idle time

    slot_wait_seconds: float = 8.0
    background_slot_wait_seconds: float = 2.0
    slot_queue: int = 1000  # calls that may wait for a slot
    long_readings: int = 2  # of one owner at once: readings of more than one block

    foreground_attempts: int = 2
    background_attempts: int = 3
    retry_base_seconds: float = 0.2
    retry_most_seconds: float = 2.0
    retry_share: float = 0.2  # of the first attempts in a window
    retry_least: int = 3  # that a window always allows
    window_seconds: float = 10.0

    breaker_failures: int = 5  # in a row
    breaker_share: float = 0.5  # of at least so many attempts in a window:
    breaker_attempts: int = 20
    breaker_open_seconds: float = 5.0
    breaker_most_seconds: float = 60.0
    breaker_jitter: float = 0.1
    breaker_successes: int = 2  # of probes, to close

    throttled_seconds: float = 5.0  # where upstream names no pause; doubled each time
    throttled_most_seconds: float = 300.0
    auth_gate_seconds: float = 60.0  # doubled each time
    auth_gate_most_seconds: float = 900.0

    renewal_jitter: float = 0.05
    renewal_pause_seconds: float = 30.0  # after a renewal that failed

    lost_slots: int = 3  # time-outs of the pool in a window that give it up
    pool_rest_seconds: float = 30.0  # between two new pools

    def scaled(self, factor: float) -> Self:
        """These with every time multiplied by `factor`."""
        times = {one.name: getattr(self, one.name) * factor for one in fields(self) if one.name.endswith(SECONDS)}
        return replace(self, **times)


DEFAULTS = Limits()
