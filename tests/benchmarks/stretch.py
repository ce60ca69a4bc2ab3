"""A stretch of a day of dashboards: how much of it is run, and the figures that come of it; JSON between processes."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many seconds of a day, from an hour of it on; `samples` polls are compared with whole readings.

    Several `processes` share a tier.
    """

    per_weekday: int = 4_000
    from_hour: int = 10
    seconds: int = 3_600
    samples: int = 0
    processes: int = 1


@dataclass(slots=True)
class Verdict:
    """Counts of list calls and of the rows they sent; `counting` calls ask for no row."""

    calls: int = 0
    counting: int = 0
    first: int = 0
    changed: int = 0
    due: int = 0
    early: int = 0
    beside: int = 0  # of early: rows between due or changed ones, sent by the call for these
    settled_again: int = 0  # of due and early: rows that had settled before they were sent last
    settled_early: int = 0
    uncaused: int = 0  # of settled_early: neither between these nor new to the conditions that were asked for
    owed: int = 0  # readings again, by the schedule alone
    late: int = 0  # rows read again later than promised, or not yet

    @property
    def rows(self) -> int:
        """All rows sent."""
        return self.first + self.changed + self.due + self.early

    @property
    def versions(self) -> int:
        """Distinct rows, each as often as it was seen changed."""
        return self.first + self.changed

    @property
    def rows_per_row(self) -> float:
        """Rows sent for each distinct interaction."""
        return self.rows / max(1, self.first)

    @property
    def rows_per_version(self) -> float:
        """Rows sent for each distinct row and version."""
        return self.rows / max(1, self.versions)

    @property
    def readings_per_row(self) -> float:
        """First readings for each distinct interaction; rows sent again early count, but those between due ones."""
        return (self.first + self.early - self.beside) / max(1, self.first)

    @property
    def again_per_owed(self) -> float:
        """Rows sent again, neighbours of due ones included, for each that the schedule owed."""
        return (self.changed + self.due + self.early) / max(1, self.owed)

    @property
    def rechecks_per_owed(self) -> float:
        """Likewise, without those sent again early."""
        return (self.changed + self.due) / max(1, self.owed)


@dataclass(slots=True)
class Tally:
    """What the boards were answered: `same` are answers of 200 with the rows and total that it had already."""

    polls: int = 0
    answers: int = 0
    not_modified: int = 0
    same: int = 0

    @property
    def not_modified_share(self) -> float:
        """304s of all answers."""
        return self.not_modified / max(1, self.answers)

    @property
    def unchanged_share(self) -> float:
        """304s of the answers that brought nothing new."""
        return self.not_modified / max(1, self.not_modified + self.same)


@dataclass(slots=True)
class Outcome:
    """All figures of a run.

    Of the answers compared with whole readings: those that held the same ids, and the same rows, at the same instant,
    and those that held the rows upstream had at their `as_of`. `unlike` tells of others how they differed from these.
    """

    verdict: Verdict
    tally: Tally = field(default_factory=Tally)
    compared: int = 0
    same_ids: int = 0
    same_rows: int = 0
    same_as_of: int = 0
    unlike: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0
