"""The service level: how a queue entry counts, by thresholds of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.interactions.parts import QueueEntry
from app.interactions.times import seconds_between

SlaOutcome = Literal["met", "missed", "excluded", "not_applicable"]


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """The settings of the same names, in seconds; `abandon_seconds` None is the threshold of the entry's queue."""

    sla_seconds: float = 20.0
    sla_by_queue: Mapping[str, float] = field(default_factory=dict)
    abandon_seconds: float | None = None
    sla_abandons: Literal["ignore", "count"] = "ignore"

    def threshold(self, entry: QueueEntry) -> float:
        """The threshold of the entry's queue."""
        return self.sla_by_queue.get(entry.queue_name or "", self.sla_seconds)

    def is_short(self, entry: QueueEntry) -> bool:
        """Whether an entry that the customer left counts as a short abandon."""
        within = self.threshold(entry) if self.abandon_seconds is None else self.abandon_seconds
        waited = wait(entry)
        return waited is not None and waited <= within

    def of_answered(self, entry: QueueEntry) -> SlaOutcome:
        """The outcome of an entry that an agent answered: met within the threshold."""
        waited = wait(entry)
        return "met" if waited is not None and waited <= self.threshold(entry) else "missed"

    def of_abandoned(self, entry: QueueEntry) -> SlaOutcome:
        """The outcome of an entry that the customer left: a short one is excluded, unless `sla_abandons` counts it."""
        return "excluded" if self.sla_abandons == "ignore" and self.is_short(entry) else "missed"


def is_answered(entry: QueueEntry) -> bool:
    """Whether this stay in a queue ended with an agent."""
    return entry.time_to_answer is not None or entry.queue_exit_type == "success"


def wait(entry: QueueEntry) -> float | None:
    """The length of this stay in a queue, in seconds."""
    for seconds in (entry.time_to_answer, entry.queue_time):
        if seconds is not None:
            return seconds
    return seconds_between(entry.start_timestamp, entry.end_timestamp)
