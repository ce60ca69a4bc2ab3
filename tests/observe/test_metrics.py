"""Metrics: counted while requests are served, put into words at a scrape."""

import asyncio
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from app.observe.metrics import LAG_EVERY_SECONDS, METRICS, PREFIX, Lag, Metric, Metrics, Timing
from tests.support.counted import value_of

HELD_SECONDS = 0.03


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
    metrics.count("answers", 5, outcome="fresh")
    assert value_of(metrics, "upstream_logins") == 3
    assert value_of(metrics, "answers", outcome="fresh") == 5
    assert value_of(metrics, "answers", outcome="stale") == 0
    assert samples(metrics)["cxfacade_upstream_logins_total"] == 3
    assert samples(metrics)['cxfacade_answers_total{outcome="fresh"}'] == 5


def test_a_counter_without_labels_is_told_before_it_is_counted() -> None:
    told = samples(Metrics())
    plain = [metric for metric in METRICS if metric.kind == "counter" and not metric.labels]
    assert {told[metric.full_name] for metric in plain} == {0}


def test_a_gauge_is_asked_each_time_somebody_looks() -> None:
    metrics, readings = Metrics(), iter([3.0, 4.0])
    metrics.watch("fetches", lambda: next(readings))
    assert value_of(metrics, "fetches") == 3
    assert samples(metrics)["cxfacade_fetches"] == 4


def test_a_counter_that_is_counted_elsewhere_is_read_each_time_somebody_looks() -> None:
    metrics, evictions = Metrics(), [3]
    metrics.watch("cache_evictions", lambda: evictions[0])
    assert value_of(metrics, "cache_evictions") == 3
    evictions[0] = 5
    assert samples(metrics)["cxfacade_cache_evictions_total"] == 5
    assert samples(metrics)["cxfacade_cache_evictions_total"] == 5


def test_labels_are_told_apart_by_their_names_and_not_by_their_order() -> None:
    metrics = Metrics()
    metrics.count("requests", route="/a", status="200")
    metrics.count("requests", status="200", route="/a")
    metrics.count("requests", status="/a", route="200")
    assert value_of(metrics, "requests", route="/a", status="200") == 2
    assert value_of(metrics, "requests", route="200", status="/a") == 1


def test_no_further_figure_is_told_of_when_a_counter_was_made() -> None:
    metrics = Metrics()
    metrics.timing("event_loop_lag_seconds").took(0.1)
    assert not [name for name in samples(metrics) if "_created" in name]


def test_values_stay_in_memory_whatever_the_environment_says_to_the_library(tmp_path: Path) -> None:
    counted = "m = Metrics(); m.count('upstream_logins'); print(m._collectors['upstream_logins']._value.get())"
    code = f"from app.observe.metrics import Metrics; {counted}"
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert (ran.stdout, list(tmp_path.iterdir())) == ("1.0\n", [])


def test_what_is_still_to_be_counted_is_counted_before_somebody_looks() -> None:
    metrics, pending = Metrics(), [7]
    metrics.before_scrape(lambda: metrics.count("upstream_logins", pending.pop()) if pending else None)
    assert value_of(metrics, "upstream_logins") == 7
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
    assert value_of(metrics, "event_loop_lag_seconds") == 67
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
    assert value_of(other, "upstream_logins") == 0


def test_the_process_tells_its_memory_and_files() -> None:
    told = samples(Metrics())
    assert told["cxfacade_process_resident_memory_bytes"] > 1_000_000
    assert 0 < told["cxfacade_process_open_fds"] < told["cxfacade_process_max_fds"]


def test_a_duration_added_many_times_is_a_histogram_observed_as_often() -> None:
    bounds = next(row.bounds for row in METRICS if row.name == "request_duration_seconds")
    between = [(low + high) / 2 for low, high in pairwise((0.0, *bounds, 2 * bounds[-1]))]
    weighted, observed = Metrics(), Metrics()
    for number, seconds in enumerate([*bounds, *between]):
        weighted.timing("request_duration_seconds", route="/").took(seconds, number)
        for _ in range(number):
            observed.timing("request_duration_seconds", route="/").observe(seconds)
    ours = {name: value for name, value in samples(weighted).items() if "request_duration" in name}
    theirs = {name: value for name, value in samples(observed).items() if "request_duration" in name}
    assert ours == pytest.approx(theirs)


class Heard(Timing):
    """Tells when something was noted."""

    def __init__(self) -> None:
        super().__init__("heard", "For a test.", registry=None)
        self.heard = asyncio.Event()
        self.seconds: list[float] = []

    def took(self, seconds: float, times: int = 1) -> None:
        self.seconds.append(seconds)
        self.heard.set()


async def test_a_loop_that_is_held_is_late_by_as_much() -> None:
    loop, timing = asyncio.get_running_loop(), Heard()
    lag = Lag(timing)
    until = loop.time() + LAG_EVERY_SECONDS + HELD_SECONDS
    while loop.time() < until:
        pass
    await timing.heard.wait()
    lag.stop()
    [seconds] = timing.seconds
    assert seconds >= HELD_SECONDS * 0.9


async def test_once_stopped_the_lag_is_measured_no_more() -> None:
    lag = Lag(Heard())
    lag.stop()
    assert lag._handle.cancelled()
