"""CULane's F1 (Pan et al. 2018; https://github.com/XingangPan/SCNN, tools/lane_evaluation).

Lines become natural cubic splines over their length, drawn 30 px wide on 1640 x 590 px. Predictions and truths are
paired for the largest total intersection over union; a pair above 0.5 is found. Precision, recall and F1 are those of
all pictures together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.interpolate import CubicSpline
from scipy.optimize import linear_sum_assignment

from perception.errors import WhiteoutError
from perception.formats.culane import ENDING, list_root, listed_pictures, pairs
from perception.formats.item import Report
from perception.formats.labels import read_text
from perception.formats.pictures import inside
from perception.frame import Frame
from perception.lane_metrics import CANVAS, IOU, LINE_WIDTH
from perception.metrics import Counts
from perception.prediction import Prediction

PIECES = 50
"""Straight pieces that a spline is drawn with between two points."""

Line = Float[ndarray, "_ 2"]
"""Points of a line; `_`, as lines of one picture differ in their number."""


def score_picture(found: Sequence[Line], truth: Sequence[Line]) -> Counts:
    """Found, false and missed lines of one picture; points on the canvas [px]."""
    drawn, lines = [_drawn(one) for one in found], [_drawn(one) for one in truth]
    if not drawn or not lines:
        return Counts(0, len(drawn), len(lines))
    overlap = np.array([[_overlap(line, one) for one in drawn] for line in lines])
    chosen = linear_sum_assignment(-overlap)
    hits = int(np.count_nonzero(overlap[chosen] > IOU))
    return Counts(hits, len(drawn) - hits, len(lines) - hits)


def _drawn(points: Line) -> Bool[ndarray, "height width"]:
    canvas = np.zeros(CANVAS[::-1], dtype=np.uint8)
    corners = np.rint(np.clip(spline(points).astype(np.float32), -1e4, 1e4)).astype(np.int32).tolist()
    for start, end in pairwise(corners):
        cv2.line(canvas, start, end, 1, LINE_WIDTH)
    return canvas.astype(bool)


def spline(points: Line) -> Line:
    """Points along a natural cubic spline whose parameter is the length of the polyline; two points stay a segment."""
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    points = points[np.concatenate([[True], lengths > 0])]
    if len(points) <= 2:
        return points
    places = np.concatenate([[0.0], np.cumsum(lengths[lengths > 0])])
    steps = np.arange(PIECES) / PIECES
    between = (places[:-1, None] + np.diff(places)[:, None] * steps).ravel()
    curve: Line = CubicSpline(places, points, bc_type="natural")(np.append(between, places[-1]))
    return curve


def _overlap(line: Bool[ndarray, "height width"], other: Bool[ndarray, "height width"]) -> float:
    """Intersection over union."""
    union = np.count_nonzero(line | other)
    return float(np.count_nonzero(line & other) / union) if union else 0.0


def score_files(truth: Path, found: Path) -> dict[str, float | int]:
    """Figures of a folder of lines files against CULane's: all of a folder, or those of a list such as `list/test.txt`.

    Each labelled picture counts, answered or not.
    """
    root = list_root(truth) if truth.is_file() else truth
    labels = _listed(truth, root) if truth.is_file() else sorted(root.rglob(f"*{ENDING}"))
    if not labels:
        raise WhiteoutError(f"{truth}: holds no NAME{ENDING}; name a folder of CULane's labels.")
    if not found.is_dir():
        raise WhiteoutError(f"{found}: there is no such folder; name the one with the predicted NAME{ENDING}.")
    tally = Tally()
    for path in labels:
        answer = found / path.relative_to(root)
        tally.take(score_picture(_lines(answer) if answer.is_file() else [], _lines(path)))
    return score_tally(tally)


def _listed(path: Path, root: Path) -> list[Path]:
    """The lines files of the pictures that a list names."""
    report = Report()
    files = listed_pictures(path, root, report)
    if report.left_out:
        raise WhiteoutError(report.left_out[0])
    return [inside(root, file, f"{path}: list").with_suffix(ENDING) for file in files]


def _lines(path: Path) -> list[Line]:
    """The lines of a file; those of fewer than two points are none."""
    rows = [row.split() for row in read_text(path).splitlines()]
    found = [pairs(row, f"{path}: line {number}") for number, row in enumerate(rows, 1)]
    lines = [np.array(points, dtype=np.float64) for points in found if len(points) >= 2]
    if not all(np.isfinite(line).all() for line in lines):
        raise WhiteoutError(f"{path}: holds NaN or infinity; correct it.")
    return lines


class Tally:
    """Adds up pictures."""

    def __init__(self) -> None:
        self.counts = Counts()

    def add(self, frame: Frame, prediction: Prediction) -> None:
        """Take in one picture, scaled to CULane's canvas; all its lines count, hidden or not."""
        height, width = frame.image.shape[:2]
        scale = np.array(CANVAS) / (width, height)
        found = [line.pixels * scale for line in prediction.lanes]
        self.take(score_picture(found, [lane.pixels * scale for lane in frame.lanes]))

    def take(self, counts: Counts) -> None:
        """Take in one picture's counts."""
        self.counts = self.counts + counts


def score_tally(tally: Tally) -> dict[str, float | int]:
    """CULane's figures; F1 is 0 where nothing was found, NaN where there was nothing to find and nothing predicted."""
    counts = tally.counts
    f1 = counts.f1 if counts.tp + counts.fp + counts.fn else math.nan
    numbers = {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn}
    return {"F1": f1, "precision": counts.precision, "recall": counts.recall, **numbers}
