"""Whether a confidence means what it says: of detections with score 0.7, seven in ten should be right."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

BINS = 15
"""Bins of equal width for the calibration error, as in Guo et al. 2017."""

RANGE = (0.05, 20.0)
"""Temperatures that are looked at."""


def expected_calibration_error(score: Float[ndarray, "n"], correct: Bool[ndarray, "n"]) -> float:
    """Mean distance between confidence and share of right detections over `BINS`, weighted by their detections.

    Guo et al. 2017, equation 3, for detections: right is one that found an object (IoU >= 0.5). NaN without detections.
    """
    if len(score) == 0:
        return float("nan")
    place = np.minimum((score * BINS).astype(int), BINS - 1)
    gaps = [abs(float(score[place == b].sum() - correct[place == b].sum())) for b in range(BINS)]
    return sum(gaps) / len(score)


def fit_temperature(score: Float[ndarray, "n"], correct: Bool[ndarray, "n"]) -> float:
    """The temperature T with which sigmoid(logit(score) / T) fits best to what was right (Guo et al. 2017, 4.2).

    Best is the least mean cross-entropy; 1 where all detections are right or all are wrong, as nothing can be fitted.
    """
    if correct.all() or not correct.any():
        return 1.0
    evidence = logit(np.clip(score, 1e-6, 1 - 1e-6))
    sign = np.where(correct, -1.0, 1.0)

    def surprise(log_temperature: float) -> float:
        return float(np.logaddexp(0, sign * evidence / np.exp(log_temperature)).mean())

    found = minimize_scalar(surprise, bounds=tuple(np.log(RANGE)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def calibrated(score: float, temperature: float) -> float:
    """A score at another temperature; at 1 it is left as it is, to the last bit."""
    return score if temperature == 1 else float(expit(logit(np.clip(score, 1e-6, 1 - 1e-6)) / temperature))
