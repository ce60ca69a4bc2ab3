"""The values of metrics, read as a scrape would."""

from app.observe.metrics import METRICS, Metrics


def value_of(metrics: Metrics, name: str, **labels: str) -> float:
    """The value of a counter or gauge, or a histogram's number of observations: summed over labels not given."""
    metrics.collect()
    row, families = next(row for row in METRICS if row.name == name), metrics._collectors[name].collect()
    full_name = f"{row.full_name}_count" if row.kind == "histogram" else row.full_name
    samples = [sample for family in families for sample in family.samples if sample.name == full_name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())
