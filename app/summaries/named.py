"""The measures that have a name of their own, by grain, with their formulas (INTERFACE §10)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.interactions.columns import ColumnType
from app.interactions.grains import INTERACTIONS, Grain
from app.interactions.times import seconds_between
from app.summaries.atoms import Atom, Figure, quotient
from app.summaries.measures import Measure, average, distinct, first, number, rate, rows

QUEUE_ENTRIES, AGENT_LEGS = "queue_entries", "agent_legs"


@dataclass(frozen=True, slots=True)
class Derived:
    """A value that atoms may be of beside columns: made of the values of these columns, and of what type."""

    columns: tuple[str, ...]
    of: Callable[..., Any]
    type: ColumnType = "bool"


def _both(is_answered: bool, other: object) -> bool:
    return is_answered and bool(other)


def _waiting_since(entered: datetime | None, *left: bool) -> datetime | None:
    return None if any(left) else entered


def _talk_and_wrap_up(talk: float | None, wrap_up: float | None) -> float | None:
    return None if wrap_up is None else (talk or 0.0) + wrap_up


DERIVED: Mapping[str, Mapping[str, Derived]] = {
    INTERACTIONS: {
        "answered, transferred": Derived(("is_answered", "is_transferred"), _both),
        "answered, held": Derived(("is_answered", "hold_count"), _both),
    },
    QUEUE_ENTRIES: {
        "offered": Derived(("is_requeue",), lambda is_requeue: not is_requeue),
        "waiting since": Derived(("entered_at", "is_answered", "is_abandoned", "is_flow_out"), _waiting_since, "time"),
    },
    AGENT_LEGS: {"talk and wrap-up": Derived(("talk_seconds", "wrap_up_seconds"), _talk_and_wrap_up, "float")},
}
"""By grain, the values that atoms may be of beside its columns."""


def _each(figures: Sequence[Figure], _as_of: datetime) -> float | None:
    return quotient(figures[0], len(figures[1]))


def _since(figures: Sequence[Figure], as_of: datetime) -> float | None:
    return seconds_between(figures[0], as_of)


# fmt: off
# A row reads as a row: the name and its formula, then the columns and values it is made of.
_NAMED: Mapping[str, tuple[Measure, ...]] = {
    INTERACTIONS: (
        rows("interaction_count"),
        number("answered_count", "Σ is_answered", "is_answered"),
        number("abandoned_count", "Σ is_abandoned at any stage: by=abandon_stage parts them", "is_abandoned"),
        rate("transfer_rate", "answered and is_transferred ÷ answered", ["answered, transferred"], ["is_answered"]),
        rate("hold_rate", "answered with hold_count > 0 ÷ answered", ["answered, held"], ["is_answered"]),
        average("average_csat_score", "Σ csat_score ÷ csat_count", "csat_score", "score"),
        Measure("csat_count", "int", "count", "number of csat_score known", (Atom("known", "csat_score"),), first),
        distinct("customer_count", "distinct customer_key", "customer_key"),
        Measure("contacts_per_customer", "float", "ratio", "interactions with a customer_key ÷ customer_count",
                (Atom("known", "customer_key"), Atom("distinct", "customer_key")), _each),
    ),
    QUEUE_ENTRIES: (
        number("offered_count", "entries that are not is_requeue", "offered"),
        number("answered_count", "Σ is_answered", "is_answered"),
        number("abandoned_count", "Σ is_abandoned", "is_abandoned"),
        number("short_abandon_count", "Σ is_short_abandon", "is_short_abandon"),
        number("flow_out_count", "Σ is_flow_out", "is_flow_out"),
        rate("abandon_rate", "abandoned_count ÷ offered_count", ["is_abandoned"], ["offered"]),
        rate("service_level_answered", "answered within the threshold ÷ answered",
             ["is_sla_met"], ["is_answered"]),
        rate("service_level_all", "answered within the threshold ÷ (answered + abandoned)",
             ["is_sla_met"], ["is_answered", "is_abandoned"]),
        rate("service_level_ignore_short", "answered within the threshold ÷ (answered + abandoned − abandoned short)",
             ["is_sla_met"], ["is_answered", "is_abandoned", "-is_short_abandon"]),
        rate("service_level_credit_short", "(answered within the threshold + abandoned short) ÷ (answered + abandoned)",
             ["is_sla_met", "is_short_abandon"], ["is_answered", "is_abandoned"]),
        rate("service_level", "Σ is_sla_met ÷ Σ is_sla_eligible, by the settings",
             ["is_sla_met"], ["is_sla_eligible"]),
        average("average_speed_of_answer_seconds", "Σ time_to_answer_seconds ÷ number known", "time_to_answer_seconds"),
        average("average_wait_seconds", "Σ queue_seconds ÷ number known, all exits", "queue_seconds"),
        Measure("longest_wait_seconds", "float", "seconds", "greatest queue_seconds, all exits",
                (Atom("max", "queue_seconds"),), first),
        Measure("longest_current_wait_seconds", "float", "seconds", "as_of − earliest entered_at of who waits still",
                (Atom("min", "waiting since"),), _since),
    ),
    AGENT_LEGS: (
        average("average_handle_seconds", "Σ handle_seconds ÷ legs with one", "handle_seconds"),
        average("average_talk_hold_wrap_seconds", "Σ (talk_seconds + wrap_up_seconds) ÷ legs whose wrap-up is "
                "known; no hold is told by leg", "talk and wrap-up"),
    ),
}
# fmt: on


def named_measures(grain: Grain) -> tuple[Measure, ...]:
    """The measures of a grain that have a name of their own; each has the number of rows."""
    return (rows("count"), *_NAMED.get(grain.name, ()))
