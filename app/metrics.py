"""What is counted, as one table; each application has figures of its own, so that two of them never mix.

Figures are plain numbers of the event loop's thread: they are added to without a lock, and put into words when somebody
looks. Labels are routes, statuses and names of ours, never what a client sent (FAULTS T07).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector, CollectorRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "cxfacade_"
ANSWERING = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
CALLING = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LAGGING = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

Labels = tuple[str, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metric:
    """One row: its name without the `cxfacade_` prefix and the `_total` suffix, its words, its bounded labels.

    Counters and histograms are added to, a gauge is asked when somebody looks; `bounds` are a histogram's, in seconds.
    """

    name: str
    description: str
    labels: Labels = ()
    kind: Literal["counter", "gauge", "histogram"] = "counter"
    bounds: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """As it is asked for."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


METRICS = (
    Metric("answers", "Answers to data requests, by how they were come by.", ("outcome",)),
    Metric("requests", "Requests answered; status none is a client that left first.", ("route", "status")),
    Metric(
        "request_duration_seconds",
        "From a request's arrival to the end of its answer; of hits one in 64 is timed, and stands for all.",
        ("route",),
        "histogram",
        ANSWERING,
    ),
    Metric("connections_ended", "Connections refused or cut by the listener, by what was wrong.", ("reason",)),
    Metric("key_requests", "Requests by the label of their key.", ("key",)),
    Metric("answers_by_format", "Answers to data requests, by format.", ("format",)),
    Metric("cache_bytes", "What all that is cached counts against its bound.", (), "gauge"),
    Metric("cache_bound_bytes", "The bound of all that is cached.", (), "gauge"),
    Metric("cache_values", "Values stored: reports are fetched, answers made of them.", ("kind",), "gauge"),
    Metric("cache_evictions", "Values that had to make room."),
    Metric("fetches", "Fetches and other shared work under way.", (), "gauge"),
    Metric("event_loop_lag_seconds", "By how much the event loop came late.", (), "histogram", LAGGING),
    Metric("build_info", "1, for the version that runs.", ("version",), "gauge"),
    Metric(
        "upstream_call_duration_seconds",
        "From a call's leaving to the last byte of its answer.",
        ("endpoint",),
        "histogram",
        CALLING,
    ),
    Metric("upstream_slots", "Calls to upstream that may be under way at once.", (), "gauge"),
    Metric("upstream_refused_seconds", "For how long upstream has refused our credentials.", (), "gauge"),
    Metric("upstream_last_success_timestamp_seconds", "When upstream last gave a usable answer.", (), "gauge"),
    Metric("upstream_calls", "Calls sent to upstream.", ("endpoint", "status")),
    Metric("upstream_logins", "Logins sent to upstream."),
    Metric("upstream_rows_dropped", "Rows upstream sent that were not asked for, or that cannot be read.", ("reason",)),
    Metric("upstream_values_repaired", "Values that became null: not to be read, or a duration below nought."),
    Metric("upstream_unknown_fields", "Fields upstream sent that are documented nowhere.", ("field",)),
    Metric("upstream_foreign_tenant_rows", "Rows that name another tenant than their envelope."),
    Metric("upstream_retries", "Attempts made again after one that failed.", ("endpoint", "reason")),
    Metric("upstream_refusals", "Calls that were not sent, as upstream is left alone.", ("endpoint", "reason")),
    Metric("upstream_alarms", "Faults of upstream that an operator has to look at.", ("reason",)),
    Metric("upstream_warnings", "Oddities of an answer that was used all the same.", ("reason",)),
    Metric("upstream_pools_replaced", "Pools of connections given up because places in them were lost."),
    Metric("upstream_breaker", "State of the breaker: 0 closed, 1 half-open, 2 open.", ("endpoint",), "gauge"),
    Metric("upstream_throttled_seconds", "Seconds until the pause upstream asked for is over.", (), "gauge"),
    Metric("upstream_auth_gate_seconds", "Seconds until refused credentials are tried again.", (), "gauge"),
    Metric("upstream_slots_used", "Calls to upstream under way.", (), "gauge"),
    Metric("upstream_slots_waiting", "Calls that wait for a place among those under way.", (), "gauge"),
)


@dataclass(slots=True)
class Tally:
    """A plain number, added to where it is counted."""

    count: float = 0


class Timing:
    """How often something took how long."""

    __slots__ = ("bounds", "counts", "seconds")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.seconds = 0.0

    def took(self, seconds: float, times: int = 1) -> None:
        """Note that it took so long, so many times."""
        self.counts[bisect_left(self.bounds, seconds)] += times
        self.seconds += seconds * times

    def buckets(self) -> Iterator[tuple[str, float]]:
        """Each bound, with how often it was kept: Prometheus' cumulative form."""
        kept = 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            kept += count
            yield bound, kept


class Metrics(Collector):
    """The figures of one application."""

    def __init__(self) -> None:
        self._rows = {metric.name: metric for metric in METRICS}
        self._tallies: dict[tuple[str, Labels], Tally] = {}
        self._timings: dict[tuple[str, Labels], Timing] = {}
        self._watched: dict[tuple[str, Labels], Callable[[], float]] = {}
        self._settling: list[Callable[[], None]] = []
        self._process = ProcessCollector(namespace=PREFIX.removesuffix("_"), registry=CollectorRegistry())
        for metric in METRICS:
            if metric.kind == "counter" and not metric.labels:
                self.tally(metric.name)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to the counter called `name`."""
        self.tally(name, **labels).count += amount

    def tally(self, name: str, **labels: str) -> Tally:
        """The counter called `name`, as the number itself."""
        return self._tallies.setdefault(self._place(name, labels), Tally())

    def timing(self, name: str, **labels: str) -> Timing:
        """The histogram called `name`."""
        place = self._place(name, labels)
        return self._timings.get(place) or self._timings.setdefault(place, Timing(self._rows[name].bounds))

    def watch(self, name: str, value: Callable[[], float], **labels: str) -> None:
        """Let `value` say what the gauge or counter called `name` stands at."""
        self._watched[self._place(name, labels)] = value

    def before_scrape(self, settle: Callable[[], None]) -> None:
        """Have `settle` count what is still to be counted, whenever somebody is about to look."""
        self._settling.append(settle)

    def value(self, name: str, **labels: str) -> float:
        """What the counter or gauge called `name` stands at, or how often a histogram was added to."""
        self._settle()
        place = self._place(name, labels)
        if place in self._watched:
            return self._watched[place]()
        if place in self._timings:
            return sum(self._timings[place].counts)
        return self._tallies.get(place, Tally()).count

    def exposition(self) -> bytes:
        """Every figure in Prometheus text format, those of the process too."""
        return generate_latest(self)

    def collect(self) -> Iterable[Family]:
        """Every figure as the library writes it down."""
        self._settle()
        yield from map(self._family, METRICS)
        yield from self._process.collect()

    def _settle(self) -> None:
        for settle in self._settling:
            settle()

    def _place(self, name: str, labels: dict[str, str]) -> tuple[str, Labels]:
        row = self._rows[name]
        if len(labels) != len(row.labels):
            raise ValueError(f"{name} has other labels.")
        return name, tuple([labels[label] for label in row.labels])

    def _family(self, metric: Metric) -> Family:
        name = PREFIX + metric.name
        if metric.kind == "histogram":
            histogram = HistogramMetricFamily(name, metric.description, labels=metric.labels)
            for labels, timing in _of(metric, self._timings):
                histogram.add_metric(labels, list(timing.buckets()), timing.seconds)
            return histogram
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = kind(name, metric.description, labels=metric.labels)
        numbers = {labels: tally.count for labels, tally in _of(metric, self._tallies)}
        numbers |= {labels: value() for labels, value in _of(metric, self._watched)}
        for labels, number in sorted(numbers.items()):
            family.add_metric(labels, number)
        return family


def _of(metric: Metric, kept: Mapping[tuple[str, Labels], T]) -> Iterator[tuple[Labels, T]]:
    return ((labels, one) for (name, labels), one in kept.items() if name == metric.name)
