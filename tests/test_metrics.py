"""Figures: added to without a lock, put into words when somebody looks."""

import re

import pytest

from app.metrics import METRICS, PREFIX, Metric, Metrics, Timing


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample of ours: name with labels → value."""
    lines = metrics.exposition().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[0] != "#"}


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row.name)
def test_a_name_is_ours_whole_and_tells_its_unit(row: Metric) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row.name)
    assert row.full_name == f"{PREFIX}{row.name}" + ("_total" if row.kind == "counter" else "")
    assert not row.name.endswith("_total"), "the suffix is added"
    assert row.description.endswith(".")
    assert bool(row.bounds) is (row.kind == "histogram")
    assert list(row.bounds) == sorted(set(row.bounds))
    if row.kind == "histogram":
        assert row.name.endswith("_seconds")


def test_names_are_given_once() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_a_counter_stands_where_it_was_counted_to() -> None:
    metrics = Metrics()
    metrics.count("upstream_logins")
    metrics.count("upstream_logins", 2)
    metrics.tally("answers", outcome="fresh").count += 5
    assert metrics.value("upstream_logins") == 3
    assert metrics.value("answers", outcome="fresh") == 5
    assert metrics.value("answers", outcome="stale") == 0
    assert samples(metrics)["cxfacade_upstream_logins_total"] == 3
    assert samples(metrics)['cxfacade_answers_total{outcome="fresh"}'] == 5


def test_a_counter_without_labels_is_told_before_it_is_counted() -> None:
    told = samples(Metrics())
    plain = [metric for metric in METRICS if metric.kind == "counter" and not metric.labels]
    assert {told[metric.full_name] for metric in plain} == {0}


def test_a_gauge_is_asked_each_time_somebody_looks() -> None:
    metrics, readings = Metrics(), iter([3.0, 4.0])
    metrics.watch("fetches", lambda: next(readings))
    assert metrics.value("fetches") == 3
    assert samples(metrics)["cxfacade_fetches"] == 4


def test_what_is_still_to_be_counted_is_counted_before_somebody_looks() -> None:
    metrics, pending = Metrics(), [7]
    metrics.before_scrape(lambda: metrics.count("upstream_logins", pending.pop()) if pending else None)
    assert metrics.value("upstream_logins") == 7
    assert samples(metrics)["cxfacade_upstream_logins_total"] == 7


def test_a_histogram_counts_up_to_each_bound_and_the_bound_is_within() -> None:
    metrics = Metrics()
    timing = metrics.timing("event_loop_lag_seconds")
    for seconds, times in ((0.0005, 1), (0.001, 1), (0.0011, 64), (9.0, 1)):
        timing.took(seconds, times)
    told = samples(metrics)
    bucket = "cxfacade_event_loop_lag_seconds_bucket"
    assert told[f'{bucket}{{le="0.001"}}'] == 2
    assert told[f'{bucket}{{le="0.0025"}}'] == 66
    assert told[f'{bucket}{{le="1.0"}}'] == 66
    assert told[f'{bucket}{{le="+Inf"}}'] == told["cxfacade_event_loop_lag_seconds_count"] == 67
    assert told["cxfacade_event_loop_lag_seconds_sum"] == pytest.approx(0.0005 + 0.001 + 64 * 0.0011 + 9)
    assert metrics.value("event_loop_lag_seconds") == 67
    assert metrics.timing("event_loop_lag_seconds") is timing


@pytest.mark.parametrize(("name", "labels"), [("answers", {}), ("answers", {"outcome": "x", "more": "y"})])
def test_other_labels_than_its_own_are_a_fault(name: str, labels: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Metrics().count(name, 1, **labels)


def test_a_name_without_a_row_is_a_fault() -> None:
    with pytest.raises(KeyError):
        Metrics().count("invented")


def test_two_applications_share_no_figure() -> None:
    one, other = Metrics(), Metrics()
    one.count("upstream_logins")
    assert other.value("upstream_logins") == 0


def test_the_process_tells_its_memory_and_files() -> None:
    told = samples(Metrics())
    assert told["cxfacade_process_resident_memory_bytes"] > 1_000_000
    assert 0 < told["cxfacade_process_open_fds"] < told["cxfacade_process_max_fds"]


def test_no_time_is_no_bucket() -> None:
    assert list(Timing((1.0,)).buckets()) == [("1.0", 0), ("+Inf", 0)]
