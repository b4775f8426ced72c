"""Intervals against published numbers, their coverage by simulation, and tests with known p."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from robustness.measures import Ratio
from robustness.statistics import (
    ALIKE,
    bootstrap,
    estimate,
    expanded_level,
    holm,
    in_portions,
    mean_over_runs,
    paired,
    poisson,
    swap_test,
    wilson,
)


def test_wilson_and_poisson_agree_with_scipy_and_the_books() -> None:
    theirs = stats.binomtest(7, 20).proportion_ci(method="wilson")
    assert wilson(7 / 20, 20.0) == pytest.approx((theirs.low, theirs.high))
    assert poisson(0.0, 100.0)[1] == pytest.approx(3.689 / 100, rel=1e-3)
    assert poisson(10.0, 1.0) == pytest.approx((4.795, 18.39), rel=1e-3)


def rate(top: list[float], bottom: list[float]) -> Ratio:
    """A rate over runs."""
    return Ratio(np.array(top, dtype=np.float64), np.array(bottom, dtype=np.float64), "rate")


def test_a_rate_without_a_failure_is_not_certain() -> None:
    interval = estimate(rate([5] * 6, [5] * 6), runs=6, frames=30, trials=30.0)
    assert interval.value == 1.0
    assert 0.7 < interval.low < 0.95
    assert interval.high == 1.0


def test_runs_that_differ_widen_a_rate() -> None:
    alike = estimate(rate([5] * 8, [10] * 8), runs=8, frames=8, trials=80.0)
    split = estimate(rate([10, 0] * 4, [10] * 8), runs=8, frames=8, trials=80.0)
    assert alike.value == split.value == 0.5
    assert split.high - split.low > 2 * (alike.high - alike.low)


def test_rates_cover_the_truth_when_runs_differ() -> None:
    """12 runs of 20 trials, the runs' own rates spread (beta): 95 % intervals should cover about 95 %."""
    chance = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        top = chance.binomial(20, chance.beta(8, 2, 12)).astype(float)
        interval = estimate(rate(top.tolist(), [20.0] * 12), runs=12, frames=12, trials=240.0)
        covered += interval.low <= 0.8 <= interval.high
    assert 0.91 <= covered / 400 <= 0.99


def test_means_cover_the_truth() -> None:
    chance = np.random.default_rng(2)
    covered = 0
    for _ in range(100):
        interval = mean_over_runs(chance.gamma(4, 0.25, 12).tolist(), 12)
        covered += interval.low <= 1.0 <= interval.high
    assert covered >= 89


def test_bootstrap_agrees_with_scipys_on_the_values_themselves() -> None:
    values = np.random.default_rng(3).normal(5, 2, 15)
    low, high, spread = bootstrap(Ratio(values, np.ones(15), "mean"), 15)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=5000, confidence_level=expanded_level(15), rng=np.random.default_rng(0)
    ).confidence_interval
    assert spread
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.15)


def test_intervals_from_few_runs_are_as_wide_as_students() -> None:
    assert expanded_level(5) == pytest.approx(0.998, abs=0.001)
    assert expanded_level(10_000) == pytest.approx(0.95, abs=1e-4)
    values = np.random.default_rng(5).normal(5, 2, 6)
    low, high, _ = bootstrap(Ratio(values, np.ones(6), "mean"), 6)
    student = stats.t.interval(0.95, 5, values.mean(), stats.sem(values))
    assert high - low > 0.75 * (student[1] - student[0])


@pytest.mark.parametrize("runs", [5, 8])
def test_means_of_few_runs_cover_the_truth(runs: int) -> None:
    chance = np.random.default_rng(6)
    covered = 0
    for _ in range(100):
        interval = mean_over_runs(chance.gamma(4, 0.25, runs).tolist(), runs)
        covered += interval.low <= 1.0 <= interval.high
    assert covered >= 86


def test_where_no_run_differs_pictures_of_a_run_do_not_count_as_independent() -> None:
    """Five runs of a hundred pictures without an event are not five hundred independent pictures."""
    none = Ratio(np.zeros(5), np.full(5, 100.0), "count")
    interval = estimate(none, runs=5, frames=500, trials=500.0)
    assert interval.high == pytest.approx(3.689 / (500 / (1 + 99 * ALIKE)), rel=1e-3)
    all_found = estimate(rate([36] * 12, [36] * 12), runs=12, frames=72, trials=432.0)
    assert 0.85 < all_found.low < 0.95


def test_portions_change_nothing() -> None:
    weights = np.random.default_rng(7).integers(0, 3, (1000, 4)).astype(float)
    ratio = Ratio(np.arange(4.0), np.ones(4), "mean")
    np.testing.assert_array_equal(in_portions(ratio, weights), ratio(weights))


def test_one_run_says_nothing_about_others() -> None:
    interval = estimate(rate([3], [4]), runs=1, frames=4, trials=4.0)
    assert interval.value == 0.75
    assert np.isnan(interval.low)
    assert np.isnan(interval.high)


def test_pairing_takes_out_what_runs_share() -> None:
    """Hard and easy runs, every one a tenth worse here: the ratio is known well although the rates are not."""
    easy = np.array([100.0, 20, 80, 40, 90, 30, 70, 50])
    here, there = Ratio(0.9 * easy + [0, 1] * 4, np.full(8, 100.0), "mean"), Ratio(easy, np.full(8, 100.0), "mean")
    ends = tuple(estimate(e, runs=8, frames=8, trials=8.0) for e in (here, there))
    interval = paired(here, there, lambda: (ends[0], ends[1]), runs=8, frames=8, relation="ratio")
    assert 0.89 < interval.low < interval.value < interval.high < 0.95
    assert ends[0].high - ends[0].low > 0.2


def test_swap_test_knows_its_exact_answer() -> None:
    """Six runs, each worse here: of 64 swaps only the one seen is as bad."""
    harm = np.concatenate([np.full(6, 2.0), np.full(6, 1.0)])
    assert swap_test(Ratio(harm, np.ones(12), "mean"), 6, worse="more") == pytest.approx(1 / 64)
    assert swap_test(Ratio(harm, np.ones(12), "mean"), 6, worse="less") == pytest.approx(1.0)


def test_swap_test_of_equal_conditions_is_calm() -> None:
    chance = np.random.default_rng(4)
    small = sum(
        swap_test(Ratio(chance.normal(0, 1, 20), np.ones(20), "mean"), 10, worse="more") <= 0.05 for _ in range(200)
    )
    assert small <= 20


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.02, float("nan"), 0.9])[0] == pytest.approx(0.04)
    assert np.isnan(holm([0.02, float("nan"), 0.9])[1])
