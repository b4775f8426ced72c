"""What is measured: the names that a plan's criteria use, and how each is estimated from rows of the results table.

The table holds per-frame facts (`RAW`); a metric is an estimate from many frames, pooled over runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from perception.box import CLASSES

CONFIDENCE = 0.3
"""Least confidence at which a detection counts as a claim that something is there; AP needs no such level."""

RAW: dict[str, str] = {
    "truths:CLASS": "objects of the class that a model must find",
    "hit:CLASS": "confidence of a detection that finds one (IoU >= 0.5)",
    "false:CLASS": "confidence of a detection that finds none",
    "lane_hits": "true lane lines found (CULane: 30 px wide, IoU >= 0.5)",
    "lane_false": "predicted lane lines that match none",
    "lane_invented": "predicted lane lines (of the false ones) that lie on no line at all",
    "lane_missed": "true lane lines not found",
    "lane_error_m": "mean distance on the road of predicted lines from a true one within 2 m, to 30 m ahead [m]; not"
    " valid where there is none",
}
"""Per-frame facts in the table, by the value of its column `metric`."""


RECALLS = range(101)
"""Hundredths of recall at which COCO's average precision looks."""


@dataclass(frozen=True)
class Metric:
    """How a metric reads: plain words, unit, which way is better, and whether it is about objects or lanes."""

    words: str
    unit: str
    better: Literal["more", "less"]
    family: Literal["objects", "lanes"]


METRICS: dict[str, Metric] = {
    "car_ap50": Metric("average precision for cars at IoU 0.5", "", "more", "objects"),
    "ap50": Metric("average precision at IoU 0.5, mean over classes", "", "more", "objects"),
    "object_recall": Metric("share of objects found", "", "more", "objects"),
    "invented_objects": Metric("invented objects per picture", "per picture", "less", "objects"),
    "lane_f1": Metric("lane F1 (CULane)", "", "more", "lanes"),
    "lane_precision": Metric("share of predicted lane lines that are real", "", "more", "lanes"),
    "lane_recall": Metric("share of lane lines found", "", "more", "lanes"),
    "invented_lanes": Metric("invented lane lines per picture", "per picture", "less", "lanes"),
    "lane_error_m": Metric(
        "error on the road of predicted lane lines within 2 m of a true one, to 30 m ahead", "m", "less", "lanes"
    ),
}


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of the table about one model in one condition.

    Attributes:
        runs: (scenario, seed) of each independent run.
        frames: pictures per run.
        run: per row, index into `runs`.
        metric: per row, the raw fact's name.
        value: per row, the fact.
        blind: families ("objects", "lanes") that the model does not look for: of those, an event that is not there
            says nothing.
    """

    runs: tuple[tuple[str, int], ...]
    frames: Int[ndarray, "runs"]
    run: Int[ndarray, "rows"]
    metric: ndarray
    value: Float[ndarray, "rows"]
    blind: frozenset[str] = frozenset()

    def pictures(self, family: Literal["objects", "lanes"]) -> Float[ndarray, "runs"]:
        """Pictures per run in which the model looked for a family."""
        return np.zeros(len(self.runs)) if family in self.blind else self.frames.astype(np.float64)

    def rows(self, name: str) -> Bool[ndarray, "rows"]:
        """Which rows hold the fact `name`."""
        found: Bool[ndarray, "rows"] = self.metric == name
        return found

    def total(self, name: str) -> Float[ndarray, "runs"]:
        """Sum of the fact `name` per run."""
        rows = self.rows(name)
        sums: Float[ndarray, "runs"] = np.bincount(self.run[rows], self.value[rows], minlength=len(self.runs))
        return sums.astype(np.float64)

    def count(self, name: str, least: float = -np.inf) -> Float[ndarray, "runs"]:
        """Number of rows of the fact `name` per run, with a value of at least `least`."""
        rows = self.rows(name) & (self.value >= least)
        return np.bincount(self.run[rows], minlength=len(self.runs)).astype(np.float64)


@runtime_checkable
class Estimator(Protocol):
    """An estimate as a function of how often each run counts, so that resampling runs needs no copy of the data."""

    @property
    def kind(self) -> Literal["rate", "count", "mean", "other"]:
        """Rate: trials that succeed or not; count: events per picture; mean: of a quantity; other: AP and such."""
        ...

    def __call__(self, weights: Float[ndarray, "b runs"], /) -> Float[ndarray, "b"]:
        """One estimate per row of `weights`; NaN where nothing can be said."""
        ...


@dataclass(frozen=True, eq=False)
class Ratio:
    """Sum over sum: rates, F1, counts per picture, means."""

    top: Float[ndarray, "runs"]
    bottom: Float[ndarray, "runs"]
    kind: Literal["rate", "count", "mean", "other"]

    def __call__(self, weights: Float[ndarray, "b runs"], /) -> Float[ndarray, "b"]:
        """Weighted top over weighted bottom."""
        top, bottom = weights @ self.top, weights @ self.bottom
        return np.divide(top, bottom, out=np.full(len(weights), np.nan), where=bottom > 0)


@dataclass(frozen=True, eq=False)
class AveragePrecision:
    """COCO's AP of one class at one IoU: precision, made falling from the right, at 101 recalls.

    Attributes:
        run: per detection, best first, the index of its run.
        hit: per detection, whether it finds an object.
        truths: objects to find, per run.
    """

    run: Int[ndarray, "detections"]
    hit: Bool[ndarray, "detections"]
    truths: Float[ndarray, "runs"]
    kind: Literal["rate", "count", "mean", "other"] = "other"

    def __call__(self, weights: Float[ndarray, "b runs"], /) -> Float[ndarray, "b"]:
        """A detection of a run that counts k times counts k times."""
        truths = weights @ self.truths
        if not len(self.run):
            return np.where(truths > 0, 0.0, np.nan)
        each = weights[:, self.run]
        hits = np.cumsum(each * self.hit, axis=1)
        precision = hits / np.maximum(np.cumsum(each, axis=1), 1e-12)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            passed = np.floor(100 * hits / truths[:, None] + 1e-9) + 1  # how many of the recalls 0, 0.01, ... 1
            points = np.diff(passed, axis=1, prepend=0.0)
            return np.where(truths > 0, (envelope * points).sum(axis=1) / len(RECALLS), np.nan)


@dataclass(frozen=True, eq=False)
class Mean:
    """Mean of several estimates, of those that say something."""

    parts: tuple[Estimator, ...]
    kind: Literal["rate", "count", "mean", "other"] = "other"

    def __call__(self, weights: Float[ndarray, "b runs"], /) -> Float[ndarray, "b"]:
        """NaN where no part says anything."""
        values = np.stack([part(weights) for part in self.parts])
        known = np.isfinite(values)
        total = np.where(known, values, 0.0).sum(axis=0)
        return np.divide(total, known.sum(axis=0), out=np.full(len(weights), np.nan), where=known.any(axis=0))


def estimator(name: str, sample: Sample) -> Estimator:
    """The metric `name` (a key of `METRICS`) on a sample."""
    return _ESTIMATORS[name](sample)


def informative(name: str, sample: Sample) -> Bool[ndarray, "runs"]:
    """Which runs have anything to measure: something to find, or for events per picture, a picture."""
    if name == "lane_error_m":
        return sample.count("lane_error_m") > 0
    if METRICS[name].better == "less":
        return np.asarray(sample.pictures(METRICS[name].family) > 0)
    if METRICS[name].family == "objects":
        return np.asarray(_truths(name, sample) > 0)
    return np.asarray(sample.total("lane_hits") + sample.total("lane_missed") > 0)


def trials(name: str, sample: Sample) -> float:
    """How many objects, lines or pictures an estimate rests on: what an interval without spread is made from."""
    if METRICS[name].better == "less":
        return float(sample.pictures(METRICS[name].family).sum())
    if METRICS[name].family == "objects":
        return float(_truths(name, sample).sum())
    return float((sample.total("lane_hits") + sample.total("lane_missed")).sum())


def _truths(name: str, sample: Sample) -> Float[ndarray, "runs"]:
    """Objects to find per run, of the classes that the metric is about."""
    return sample.total("truths:car") if name == "car_ap50" else _object_truths(sample)


def _average_precision(sample: Sample, label: str) -> AveragePrecision:
    hits, misses = sample.rows(f"hit:{label}"), sample.rows(f"false:{label}")
    rows = np.flatnonzero(hits | misses)
    order = rows[np.lexsort((rows, -sample.value[rows]))]
    return AveragePrecision(sample.run[order], hits[order], sample.total(f"truths:{label}"))


def _mean_average_precision(sample: Sample) -> Mean:
    present = [label for label in CLASSES if sample.total(f"truths:{label}").any()]
    return Mean(tuple(_average_precision(sample, label) for label in present or ["car"]))


def _claims(sample: Sample, kind: str) -> Float[ndarray, "runs"]:
    """Detections at or above `CONFIDENCE` per run, of all classes."""
    return np.asarray(sum(sample.count(f"{kind}:{label}", CONFIDENCE) for label in CLASSES))


def _object_truths(sample: Sample) -> Float[ndarray, "runs"]:
    return np.asarray(sum(sample.total(f"truths:{label}") for label in CLASSES))


def _lane_ratio(sample: Sample, hits: float, false: float, missed: float) -> Ratio:
    """Found lines over a weighted sum of found, false and missed ones."""
    found = sample.total("lane_hits")
    bottom = hits * found + false * sample.total("lane_false") + missed * sample.total("lane_missed")
    return Ratio(found, bottom, "rate")


_ESTIMATORS: dict[str, Callable[[Sample], Estimator]] = {
    "car_ap50": lambda s: _average_precision(s, "car"),
    "ap50": _mean_average_precision,
    "object_recall": lambda s: Ratio(_claims(s, "hit"), _object_truths(s), "rate"),
    "invented_objects": lambda s: Ratio(_claims(s, "false"), s.pictures("objects"), "count"),
    "lane_f1": lambda s: _lane_ratio(s, 1.0, 0.5, 0.5),
    "lane_precision": lambda s: _lane_ratio(s, 1.0, 1.0, 0.0),
    "lane_recall": lambda s: _lane_ratio(s, 1.0, 0.0, 1.0),
    "invented_lanes": lambda s: Ratio(s.total("lane_invented"), s.pictures("lanes"), "count"),
    "lane_error_m": lambda s: Ratio(s.total("lane_error_m"), s.count("lane_error_m"), "mean"),
}


def stack(samples: Sequence[Sample]) -> Sample:
    """Several samples as one, their runs one after the other (for comparisons that swap runs between samples)."""
    offsets = np.cumsum([0, *(len(sample.runs) for sample in samples[:-1])])
    return Sample(
        tuple(run for sample in samples for run in sample.runs),
        np.concatenate([sample.frames for sample in samples]),
        np.concatenate([sample.run + offset for sample, offset in zip(samples, offsets, strict=True)]),
        np.concatenate([sample.metric for sample in samples]),
        np.concatenate([sample.value for sample in samples]),
        frozenset().union(*(sample.blind for sample in samples)),
    )
