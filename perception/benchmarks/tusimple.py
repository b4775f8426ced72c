"""TuSimple's accuracy and rates of false and missed lines.

Source: https://github.com/TuSimple/tusimple-benchmark, evaluate/lane.py. A point is right within 20 px / cos(angle of
the true line); a true line is found if some prediction has 85 % of its rows right (absent in both is right). A
prediction may have two lines more than the truth; beyond that, or slower than 200 ms, the picture counts as wholly
missed. Of five or more true lines the worst one is forgiven.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.errors import WhiteoutError
from perception.formats.labels import is_number, numbers, parse_object, read_text, text
from perception.formats.tusimple import is_sampled, places, sample_rows
from perception.frame import Frame
from perception.prediction import Prediction

PIXELS = 20.0
"""How far a point of an upright line may be off [px of 1280]."""

SHARE = 0.85
"""Share of right rows from which a line is found."""

LARGEST_COUNT = 4
"""True lines from which on one is forgiven."""

EXTRA = 2
"""Predicted lines that may be too many."""

SLOWEST = 200.0
"""Time a picture may take [ms]."""

SIZE = (1280, 720)
"""Width and height of TuSimple's pictures [px]."""

AWAY = -100.0
"""Place that stands for an absent point [px]."""


def score_picture(
    found: Sequence[Sequence[float | int]],
    truth: Sequence[Sequence[float | int]],
    rows: Sequence[float | int],
    run_time: float = 0.0,
) -> tuple[float, float, float]:
    """Accuracy, false and missed share of one picture; lines are places in `rows` [px], negative where absent."""
    if run_time > SLOWEST or len(truth) + EXTRA < len(found):
        return 0.0, 0.0, 1.0
    heights = np.asarray(rows, dtype=np.float64)
    best = []
    for line in truth:
        xs = np.asarray(line, dtype=np.float64)
        allowed = PIXELS / math.cos(_angle(xs, heights))
        best.append(max((_accuracy(np.asarray(one, dtype=np.float64), xs, allowed) for one in found), default=0.0))
    hits = sum(share >= SHARE for share in best)
    missed = len(truth) - hits
    total = sum(best)
    if len(truth) > LARGEST_COUNT:
        missed = max(missed - 1, 0)
        total -= min(best)
    counted = max(min(LARGEST_COUNT, len(truth)), 1)
    return total / counted, (len(found) - hits) / len(found) if found else 0.0, missed / counted


def _angle(xs: Float[ndarray, "n"], rows: Float[ndarray, "n"]) -> float:
    """Angle of a line from upright, by least squares of x over y [rad]."""
    there = xs >= 0
    if np.count_nonzero(there) < 2:
        return 0.0
    y = rows[there] - rows[there].mean()
    return float(np.arctan((y * (xs[there] - xs[there].mean())).sum() / (y * y).sum()))


def _accuracy(found: Float[ndarray, "n"], truth: Float[ndarray, "n"], allowed: float) -> float:
    """Share of rows in which both places agree."""
    off = np.abs(np.where(found >= 0, found, AWAY) - np.where(truth >= 0, truth, AWAY))
    return float(np.count_nonzero(off < allowed) / len(truth))


def score_files(truth: Path, found: Path) -> dict[str, float]:
    """Figures of a prediction file against a label file, one JSON object a line; all must be answered."""
    labels, answers = _by_picture(truth), _by_picture(found)
    if not labels:
        raise WhiteoutError(f"{truth}: holds no picture; name a label file of TuSimple's.")
    if labels.keys() != answers.keys():
        odd = min(labels.keys() ^ answers.keys())
        raise WhiteoutError(f"{found}: raw_file {odd!r} is not in both files; answer each picture of {truth} once.")
    tally = Tally()
    for name, label in labels.items():
        rows = numbers(label.get("h_samples"), f"{truth}: {name}: h_samples")
        time = answers[name].get("run_time")
        if not rows or not is_number(time) or math.isnan(time):
            raise WhiteoutError(
                f"{name}: needs rows in h_samples of {truth} and a number as run_time in {found}; add it."
            )
        true, said = _lines(label, len(rows), f"{truth}: {name}"), _lines(answers[name], len(rows), f"{found}: {name}")
        tally.take(score_picture(said, true, rows, float(time)))
    return score_tally(tally)


def _by_picture(path: Path) -> dict[str, dict[str, object]]:
    """The objects of a file, one a line, by `raw_file`."""
    found: dict[str, dict[str, object]] = {}
    for number, row in enumerate(read_text(path).splitlines(), 1):
        where = f"{path}: line {number}"
        entry = parse_object(row, where)
        name = text(entry, "raw_file", where)
        if name in found:
            raise WhiteoutError(f"{where}: raw_file {name!r} is there twice; remove one.")
        found[name] = entry
    return found


def _lines(entry: dict[str, object], count: int, where: str) -> list[list[float | int]]:
    """The lines of a picture, a place [px] for each of `count` rows."""
    lanes = entry.get("lanes")
    if not isinstance(lanes, list):
        raise WhiteoutError(f"{where}: lanes is no list of lines; correct it.")
    lines = [numbers(line, f"{where}: lanes.{index}") for index, line in enumerate(lanes)]
    if not all(len(line) == count and all(math.isfinite(place) for place in line) for line in lines):
        raise WhiteoutError(f"{where}: a line needs a finite place for each of {count} rows; correct it.")
    return lines


class Tally:
    """Adds up pictures."""

    def __init__(self) -> None:
        self._scores: list[tuple[float, float, float]] = []

    def add(self, frame: Frame, prediction: Prediction) -> None:
        """Take in one picture, scaled to TuSimple's size; lines in two rows or more count, hidden or not."""
        height, width = frame.image.shape[:2]
        scale = np.array(SIZE) / (width, height)
        known = frame.meta.get("tusimple")
        rows = known.get("h_samples") if isinstance(known, dict) else None
        heights = (np.asarray(rows or sample_rows(height), dtype=np.float64) * scale[1]).tolist()
        found, truth = (
            [one for line in lines if is_sampled(one := places(line.pixels * scale, heights, float(SIZE[0])))]
            for lines in (prediction.lanes, frame.lanes)
        )
        self.take(score_picture(found, truth, heights))

    def take(self, score: tuple[float, float, float]) -> None:
        """Take in one picture's accuracy, false and missed share."""
        self._scores.append(score)

    @property
    def means(self) -> tuple[float, float, float]:
        """Mean of each over the pictures; NaN without any."""
        if not self._scores:
            return math.nan, math.nan, math.nan
        accuracy, false, missed = np.mean(self._scores, axis=0).tolist()
        return accuracy, false, missed


def score_tally(tally: Tally) -> dict[str, float]:
    """TuSimple's three figures."""
    return dict(zip(("Accuracy", "FP", "FN"), tally.means, strict=True))
