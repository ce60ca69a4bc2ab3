"""What is counted, as one table; each application has a registry of its own, so that two of them never mix figures."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One counter: its name without the `cxfacade_` prefix and the `_total` suffix, its words, its bounded labels."""

    name: str
    description: str
    labels: tuple[str, ...] = ()


METRICS = (
    Metric("answers", "Answers to data requests, by how they were come by.", ("outcome",)),
    Metric("upstream_calls", "Calls sent to upstream.", ("endpoint", "status")),
    Metric("upstream_logins", "Logins sent to upstream."),
    Metric("upstream_rows_dropped", "Rows upstream sent that were not asked for, or carry no id.", ("reason",)),
    Metric("upstream_values_repaired", "Values of a wrong type that became null."),
    Metric("upstream_unknown_fields", "Fields upstream sent that are documented nowhere.", ("field",)),
    Metric("upstream_foreign_tenant_rows", "Rows that name another tenant than their envelope."),
)


@dataclass(slots=True)
class Tally:
    """What has been counted since its counter was last looked at."""

    counter: Counter
    count: int = 0


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._tallies: list[Tally] = []
        self._counters = {
            metric.name: Counter(f"cxfacade_{metric.name}", metric.description, metric.labels, registry=self.registry)
            for metric in METRICS
        }

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to the counter called `name`."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def tally(self, name: str, **labels: str) -> "Tally":
        """A plain number, added to the counter called `name` when that is looked at: for where a lock is too dear."""
        tally = Tally(self._counters[name].labels(**labels))
        self._tallies.append(tally)
        return tally

    def value(self, name: str, **labels: str) -> float:
        """What the counter called `name` stands at."""
        self._settle()
        return self.registry.get_sample_value(f"cxfacade_{name}_total", labels) or 0.0

    def exposition(self) -> bytes:
        """Every counter in Prometheus text format."""
        self._settle()
        return generate_latest(self.registry)

    def _settle(self) -> None:
        for tally in self._tallies:
            tally.counter.inc(tally.count)
            tally.count = 0
