"""The figures of several workers as those of one: what adds up, what does not, and what never falls."""

import pytest

from app.observe.metrics import METRICS, Metrics
from app.observe.summing import ACROSS, RULES, Figures


def told(figures: Figures, **workers: int) -> dict[str, float]:
    lines = figures.text(**workers).splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[0] != "#"}


def texts(*each: Metrics) -> list[str]:
    return [one.exposition().decode() for one in each]


def test_counters_and_histograms_add_up_and_labels_stay_apart() -> None:
    one, two = Metrics(), Metrics()
    one.count("requests", 2, route="/a", status="200")
    two.count("requests", 3, route="/a", status="200")
    two.count("requests", 1, route="/b", status="200")
    one.timing("request_duration_seconds", route="/a").took(0.002)
    two.timing("request_duration_seconds", route="/a").took(20)
    figures = Figures()
    for text in texts(one, two):
        figures.add(text)
    found = told(figures)
    assert found['cxfacade_requests_total{route="/a",status="200"}'] == 5
    assert found['cxfacade_requests_total{route="/b",status="200"}'] == 1
    assert found['cxfacade_request_duration_seconds_bucket{le="0.0025",route="/a"}'] == 1
    assert found['cxfacade_request_duration_seconds_bucket{le="+Inf",route="/a"}'] == 2
    assert found['cxfacade_request_duration_seconds_sum{route="/a"}'] == pytest.approx(20.002)


@pytest.mark.parametrize(
    ("name", "value"),
    [("cache_bytes", 7.0), ("held_trusted", 3.0), ("upstream_throttled_seconds", 4.0), ("fetches", 7.0)],
)
def test_a_gauge_is_summed_or_the_largest_or_the_least(name: str, value: float) -> None:
    one, two = Metrics(), Metrics()
    one.watch(name, lambda: 3)
    two.watch(name, lambda: 4)
    figures = Figures()
    for text in texts(one, two):
        figures.add(text)
    assert told(figures)[f"cxfacade_{name}"] == value


def test_every_gauge_has_a_rule() -> None:
    assert {row.full_name for row in METRICS if row.kind == "gauge"} <= ACROSS.keys()
    assert {*ACROSS.values()} == RULES.keys()


def test_of_a_worker_that_does_not_answer_the_counters_stay() -> None:
    one, dead = Metrics(), Metrics()
    for metrics in (one, dead):
        metrics.count("upstream_logins", 2)
        metrics.watch("cache_bytes", lambda: 5)
    living, ended = texts(one, dead)
    figures = Figures()
    figures.add(living)
    figures.add(ended, counted_only=True)
    found = told(figures, told=1, silent=1)
    assert (found["cxfacade_upstream_logins_total"], found["cxfacade_cache_bytes"]) == (4, 5)
    assert (found['cxfacade_workers{state="told"}'], found['cxfacade_workers{state="silent"}']) == (1, 1)


def test_the_sum_of_one_is_its_own_text() -> None:
    metrics = Metrics()
    metrics.count("answers", outcome="fresh")
    metrics.timing("request_duration_seconds", route="/a").took(0.002)
    [text] = texts(metrics)
    figures = Figures()
    figures.add(text)
    assert Figures().text() == ""
    ours = [line for line in figures.text().splitlines() if "process_" not in line]
    assert ours == [line for line in text.splitlines() if "process_" not in line]
