"""What a model misses and what it invents, by class: one number for "average precision" hides which it is."""

from __future__ import annotations

from jaxtyping import Float
from numpy import ndarray

from perception.box import CLASSES
from robustness.measures import CONFIDENCE, Ratio, Sample
from robustness.statistics import estimate
from robustness.summary import ErrorType, Interval

LANE_LINE = "lane line"


def error_types(sample: Sample, model: str, weather: str) -> tuple[ErrorType, ...]:
    """One entry per object class that is there or claimed to be, then one for lane lines.

    Args:
        sample: the rows of `model` in `weather`, not attacked.
        model: name for the entries.
        weather: name for the entries.
    """
    entries = []
    for label in CLASSES:
        truths = sample.total(f"truths:{label}")
        found, invented = (sample.count(f"{kind}:{label}", CONFIDENCE) for kind in ("hit", "false"))
        entries.append(_entry(sample, model, weather, label, truths, truths - found, invented))
    missed = sample.total("lane_missed")
    truths = missed + sample.total("lane_hits")
    entries.append(_entry(sample, model, weather, LANE_LINE, truths, missed, sample.total("lane_invented")))
    return tuple(entry for entry in entries if entry.truths or entry.invented.value > 0)


def _entry(
    sample: Sample,
    model: str,
    weather: str,
    label: str,
    truths: Float[ndarray, "runs"],
    missed: Float[ndarray, "runs"],
    invented: Float[ndarray, "runs"],
) -> ErrorType:
    frames = sample.pictures("lanes" if label == LANE_LINE else "objects")
    return ErrorType(
        model,
        weather,
        label,
        int(truths.sum()),
        _interval(Ratio(missed, truths, "rate"), sample),
        _interval(Ratio(invented, frames, "count"), sample),
    )


def _interval(ratio: Ratio, sample: Sample) -> Interval:
    trials = float(ratio.bottom.sum())
    return estimate(ratio, runs=len(sample.runs), frames=int(sample.frames.sum()), trials=trials)
