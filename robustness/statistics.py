"""Intervals and tests over independent scenario runs; frames of one run are alike and never count as independent.

Rates get Wilson's interval on the effective sample size (Korn and Graubard 1998: fewer trials the more runs differ, and
Student's t for few runs). Everything else gets the BCa bootstrap over runs (Efron 1987) from a fixed seed, at a level
expanded for few runs (Hesterberg 2015). Where all runs agree, the bootstrap would claim certainty: counts then get
Garwood's exact Poisson interval, shares Wilson's, both on the number of independent trials that remains if those of one
run correlate by `ALIKE`. A comparison pairs the runs: both conditions are resampled together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import stats

from robustness.measures import Estimator, Ratio
from robustness.summary import Interval

LEVEL = 0.95
ALIKE = 0.2
"""Correlation between trials of one run, where no run differs from which it could be estimated."""
RESAMPLES = 4000
MOST_SWAPS = 4096
AT_ONCE = 256
"""Rows of weights that an estimator is given at once: more would take memory without being faster."""
SEED = 20170619
"""Of all resampling, so that the same table gives the same intervals."""

Function = Callable[[Float[ndarray, "b runs"]], Float[ndarray, "b"]]


def estimate(estimator: Estimator, *, runs: int, frames: int, trials: float) -> Interval:
    """An estimate with its interval; `trials` is what it rests on (objects, lines or pictures)."""
    value = float(estimator(np.ones((1, runs)))[0]) if runs else float("nan")
    if not np.isfinite(value) or runs < 2:
        return Interval(value, float("nan"), float("nan"), runs, frames, "one run says nothing about others")
    if estimator.kind == "rate" and isinstance(estimator, Ratio):
        low, high = _clustered_wilson(estimator)
        return Interval(value, low, high, runs, frames, "Wilson, effective sample size")
    low, high, spread = bootstrap(estimator, runs)
    if spread:
        return Interval(value, low, high, runs, frames, "BCa bootstrap over runs")
    left = independent(trials, runs)
    if estimator.kind == "count":
        low, high = poisson(value * left, left)
        return Interval(value, low, high, runs, frames, "exact Poisson")
    if estimator.kind == "other" and trials > 0:
        low, high = wilson(value, left)
        return Interval(value, low, high, runs, frames, "Wilson, all runs alike")
    return Interval(value, low, high, runs, frames, "all runs alike")


def paired(
    here: Estimator,
    there: Estimator,
    ends: Callable[[], tuple[Interval, Interval]],
    *,
    runs: int,
    frames: int,
    relation: str,
) -> Interval:
    """`here` compared with `there` on the same runs: "ratio" or "difference".

    Where resampling shows no spread, their own intervals, which `ends` gives, are combined at their worst.
    """
    combine = np.divide if relation == "ratio" else np.subtract

    def compare(weights: Float[ndarray, "b runs"]) -> Float[ndarray, "b"]:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Float[ndarray, "b"] = combine(here(weights), there(weights))
        return np.where(np.isfinite(found), found, np.nan)

    value = float(compare(np.ones((1, runs)))[0]) if runs else float("nan")
    if not np.isfinite(value) or runs < 2:
        return Interval(value, float("nan"), float("nan"), runs, frames, "too little in common")
    low, high, spread = bootstrap(compare, runs)
    if spread:
        return Interval(value, low, high, runs, frames, "paired BCa bootstrap over runs")
    mine, theirs = ends()
    with np.errstate(divide="ignore", invalid="ignore"):
        low = float(combine(mine.low, np.float64(theirs.high)))
        high = float(combine(mine.high, np.float64(theirs.low)))
    return Interval(value, low, high, runs, frames, "all runs alike: both intervals at their worst")


def mean_over_runs(values: Sequence[float], frames: int) -> Interval:
    """Mean of one number per run with its interval; runs without a number (NaN) do not count."""
    known = np.array([value for value in values if np.isfinite(value)])
    return estimate(Ratio(known, np.ones(len(known)), "mean"), runs=len(known), frames=frames, trials=float(len(known)))


def independent(trials: float, runs: int) -> float:
    """How many independent trials `trials` in `runs` are worth if those of a run correlate by `ALIKE` (Kish 1965)."""
    return trials / max(1.0, 1 + (trials / runs - 1) * ALIKE)


def expanded_level(runs: int) -> float:
    """Level at which a bootstrap of so few runs covers `LEVEL`: its ends stand for Student's (Hesterberg 2015)."""
    reach = float(stats.t.ppf((1 + LEVEL) / 2, runs - 1)) * np.sqrt(runs / (runs - 1))
    return float(2 * stats.norm.cdf(reach) - 1)


def bootstrap(function: Function, runs: int) -> tuple[float, float, bool]:
    """BCa interval of a function of run weights, and whether resampling changed it at all.

    Where some resamples say nothing (NaN) or BCa is undefined, the percentile interval of the rest.
    """

    def of_indices(indices: Int[ndarray, "... n"], axis: int = -1) -> Float[ndarray, "..."]:
        del axis
        flat = indices.reshape(-1, indices.shape[-1])
        weights = np.zeros((len(flat), runs))
        for column in flat.T:
            weights[np.arange(len(flat)), column] += 1
        return in_portions(function, weights).reshape(indices.shape[:-1])

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        result = stats.bootstrap(
            (np.arange(runs),), of_indices, vectorized=True, n_resamples=RESAMPLES,
            confidence_level=expanded_level(runs), method="BCa", rng=np.random.default_rng(SEED),
        )  # fmt: skip
    drawn = result.bootstrap_distribution[np.isfinite(result.bootstrap_distribution)]
    if len(drawn) == 0 or np.ptp(drawn) < 1e-12:
        return float(drawn[0]) if len(drawn) else float("nan"), float(drawn[0]) if len(drawn) else float("nan"), False
    low, high = (float(end) for end in result.confidence_interval)
    if not (np.isfinite(low) and np.isfinite(high)):
        tail = (1 - expanded_level(runs)) / 2
        low, high = (float(end) for end in np.quantile(drawn, [tail, 1 - tail]))
    return low, high, True


def in_portions(function: Function, weights: Float[ndarray, "b runs"]) -> Float[ndarray, "b"]:
    """`function(weights)`, `AT_ONCE` rows at a time."""
    return np.concatenate([function(weights[i : i + AT_ONCE]) for i in range(0, len(weights), AT_ONCE)])


def wilson(share: float, trials: float) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share of `trials`, which need not be whole."""
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    low, high = float(middle - half), float(middle + half)
    return (0.0 if share <= 0 else low), (1.0 if share >= 1 else high)


def poisson(events: float, exposure: float) -> tuple[float, float]:
    """Garwood's exact interval (1936) of a rate of `events` per `exposure`."""
    tail = (1 - LEVEL) / 2
    low = stats.chi2.ppf(tail, 2 * events) / 2 if events > 0 else 0.0
    return float(low / exposure), float(stats.chi2.ppf(1 - tail, 2 * events + 2) / 2 / exposure)


def _clustered_wilson(ratio: Ratio) -> tuple[float, float]:
    """Wilson's interval on the effective number of trials of a rate that was counted in runs."""
    informative = ratio.bottom > 0
    top, bottom = ratio.top[informative], ratio.bottom[informative]
    runs, trials = len(top), float(bottom.sum())
    if runs < 2:
        return 0.0, 1.0
    share = float(top.sum()) / trials
    between = runs / (runs - 1) * float(((top - share * bottom) ** 2).sum()) / trials**2
    binomial = share * (1 - share) / trials
    effect = max(1.0, between / binomial) if binomial > 0 else trials / independent(trials, runs)
    student = float(stats.norm.ppf(0.975) / stats.t.ppf(0.975, runs - 1)) ** 2
    return wilson(share, trials / effect * student)


def swap_test(stacked: Estimator, runs: int, *, worse: str) -> float:
    """Exact paired permutation test: chance of so large a loss if it did not matter which condition a run was in.

    Args:
        stacked: estimator over 2 x `runs` runs: here first, then the same runs in the reference.
        runs: number of pairs.
        worse: "less" or "more": which way is worse here.

    Returns:
        One-sided p from all 2^runs swaps, or from `MOST_SWAPS` random ones if there are more; NaN if nothing is said.
    """
    if runs == 0:
        return float("nan")
    if 2**runs <= MOST_SWAPS:
        swaps = ((np.arange(2**runs)[:, None] >> np.arange(runs)) & 1).astype(np.float64)
    else:
        swaps = np.random.default_rng(SEED).integers(0, 2, (MOST_SWAPS, runs)).astype(np.float64)
        swaps[0] = 0
    here = in_portions(stacked, np.hstack([1 - swaps, swaps]))
    there = in_portions(stacked, np.hstack([swaps, 1 - swaps]))
    loss = there - here if worse == "less" else here - there
    if not np.isfinite(loss[0]):
        return float("nan")
    known = np.isfinite(loss)
    return float((loss[known] >= loss[0] - 1e-12).mean())


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979); tests that say nothing (NaN) stay so and do not count."""
    values = np.array(p_values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    values[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return [float(value) for value in values]
