"""Metrics from table rows agree with perception's own, and resampling by weights equals copying the data."""

from __future__ import annotations

import numpy as np
import pytest

from perception.box_metrics import BoxMatch, BoxScore, average_precision
from robustness.conditions import intervals
from robustness.measures import METRICS, AveragePrecision, Sample, estimator, informative, stack, trials


def sample(rows: list[tuple[int, str, float]], runs: int = 2, frames: int = 3) -> Sample:
    """A sample from (run, fact, value)."""
    run, metric, value = zip(*rows, strict=True)
    names = tuple(("s", index) for index in range(runs))
    return Sample(names, np.full(runs, frames), np.array(run), np.array(metric), np.array(value, dtype=np.float64))


LANES = sample(
    [(0, "lane_hits", 4), (0, "lane_missed", 1), (1, "lane_hits", 2), (1, "lane_missed", 3), (1, "lane_false", 1)]
)


def value_of(name: str, of: Sample, weights: list[float] | None = None) -> float:
    """One estimate."""
    return float(estimator(name, of)(np.array([weights or [1.0] * len(of.runs)], dtype=np.float64))[0])


def test_lane_rates_by_hand() -> None:
    assert value_of("lane_recall", LANES) == pytest.approx(6 / 10)
    assert value_of("lane_precision", LANES) == pytest.approx(6 / 7)
    assert value_of("lane_f1", LANES) == pytest.approx(2 * 6 / (2 * 6 + 1 + 4))
    assert trials("lane_f1", LANES) == 10


def test_runs_with_nothing_to_measure_do_not_count() -> None:
    cars = sample([(0, "truths:car", 3), (0, "hit:car", 0.9), (1, "false:car", 0.8)], runs=3)
    assert informative("car_ap50", cars).tolist() == [True, False, False]
    assert informative("invented_objects", cars).tolist() == [True, True, True]
    assert informative("lane_f1", LANES).tolist() == [True, True]
    found = intervals(cars, ["car_ap50"])["car_ap50"]
    assert (found.runs, np.isnan(found.low)) == (1, True)


def test_a_run_of_weight_two_counts_twice_and_of_weight_zero_not_at_all() -> None:
    assert value_of("lane_recall", LANES, [0, 1]) == pytest.approx(2 / 5)
    assert value_of("lane_recall", LANES, [2, 1]) == pytest.approx(10 / 15)


def test_nothing_seen_is_not_zero() -> None:
    empty = sample([(0, "lane_false", 0.0)])
    assert np.isnan(value_of("lane_recall", empty))
    assert np.isnan(value_of("lane_error_m", empty))
    assert value_of("invented_lanes", empty) == 0.0


def test_average_precision_equals_perceptions_on_random_detections() -> None:
    chance = np.random.default_rng(0)
    for _ in range(40):
        scores, rows = [], []
        for run in range(3):
            truths = int(chance.integers(0, 6))
            marks = [bool(chance.random() < 0.6) and index < truths for index in range(int(chance.integers(0, 8)))]
            matches = tuple(BoxMatch("car", float(chance.random()), mark) for mark in marks)
            scores.append(BoxScore(matches, {"car": truths}))
            rows.append((run, "truths:car", float(truths)))
            rows += [(run, "hit:car" if match.correct else "false:car", match.score) for match in matches]
        wanted, found = average_precision(scores, "car"), value_of("car_ap50", sample(rows, runs=3))
        assert found == pytest.approx(wanted, abs=1e-9, nan_ok=True)


def test_average_precision_weights_equal_copies() -> None:
    ap = AveragePrecision(np.array([0, 1, 0, 1]), np.array([True, False, True, True]), np.array([2.0, 2.0]))
    copies = AveragePrecision(
        np.array([0, 0, 1, 0, 0, 1]), np.array([True, True, False, True, True, True]), np.array([4.0, 2.0])
    )
    assert ap(np.array([[2.0, 1.0]])) == pytest.approx(copies(np.array([[1.0, 1.0]])))


def test_classes_without_objects_do_not_lower_the_mean() -> None:
    of = sample([(0, "truths:car", 1.0), (0, "hit:car", 0.9), (0, "truths:bus", 0.0)])
    assert value_of("ap50", of) == pytest.approx(1.0)


def test_stacked_samples_keep_their_runs_apart() -> None:
    both = stack([LANES, LANES])
    assert len(both.runs) == 4
    assert value_of("lane_recall", both, [0, 0, 0, 1]) == pytest.approx(2 / 5)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_can_be_estimated(name: str) -> None:
    of = sample(
        [(0, "truths:car", 2.0), (0, "hit:car", 0.9), (1, "false:car", 0.8), (1, "truths:car", 1.0),
         (0, "lane_hits", 2.0), (1, "lane_false", 1.0), (1, "lane_invented", 1.0), (0, "lane_error_m", 0.1)]
    )  # fmt: skip
    assert np.isfinite(value_of(name, of))
