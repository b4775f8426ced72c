"""One set of figures for a model on frames: objects by COCO's rules, lines by CULane's, lines in metres.

`evaluate` gives the figures over frames; `score_frame` gives one frame's, and `pool` joins those of any frames later,
with the same result. A figure that has nothing to speak of (no lane in these frames, say) is NaN, not 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from perception.box import CLASSES
from perception.box_metrics import BoxMatch, BoxScore, CocoTally, average_precision, match_boxes
from perception.calibration import expected_calibration_error
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.lane_metrics import LaneScore, score_lanes
from perception.prediction import Prediction

__all__ = ["BoxMatch", "BoxScore", "Counts", "FrameScore", "LaneScore", "Metrics", "evaluate", "pool", "score_frame"]

OPERATING_SCORE = 0.3
"""Confidence from which a detection enters the counts of found, false and missed objects."""


@dataclass(frozen=True)
class Counts:
    """Found (tp), false (fp) and missed (fn)."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        """Share of the predictions that are right."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the truths that were found."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


@dataclass(frozen=True)
class FrameScore:
    """One frame's part of every figure.

    Attributes:
        name: the frame's.
        boxes: its objects.
        lanes: its lines; None if the model looks for none.
    """

    name: str
    boxes: BoxScore
    lanes: LaneScore | None

    @property
    def box_counts(self) -> Counts:
        """Objects found, false and missed at `OPERATING_SCORE`, all classes together."""
        taken = [match.correct for match in self.boxes.matches if match.score >= OPERATING_SCORE]
        return Counts(sum(taken), len(taken) - sum(taken), sum(self.boxes.truths.values()) - sum(taken))

    @property
    def lane_counts(self) -> Counts:
        """Lines found, false and missed."""
        return Counts() if self.lanes is None else Counts(self.lanes.tp, self.lanes.fp, self.lanes.fn)

    @property
    def lane_error(self) -> float:
        """Mean error of the frame's lines on the road [m]."""
        return float(np.mean(self.lanes.errors)) if self.lanes is not None and self.lanes.errors else math.nan


@dataclass(frozen=True)
class Metrics:
    """Figures over frames; NaN where there is nothing to speak of.

    Attributes:
        ap50: AP at IoU 0.5, mean over the classes that occur.
        map: AP over IoU 0.5 to 0.95, the same mean; NaN when pooled from single frames.
        ap50_by_class, map_by_class: the same by class.
        boxes: objects found, false and missed at `OPERATING_SCORE`.
        lanes: lines found, false and missed.
        lane_error_median, lane_error_p95: of the lines' errors on the road within 30 m [m].
        invented_lanes: predicted lines where there is none.
        frames: each frame's part.
        lane_kind_accuracy, lane_color_accuracy: share of the found lines whose kind and whose colour are right.
        lane_road_error_median: of the distances to the lines where the predictions put them on the road, within 30 m;
            `lane_error_median` is of the lines' places in the picture alone [m].
        distance_band_accuracy: share of the found objects whose distance band is right.
        occlusion_error: mean distance of the found objects' occlusion from the truth.
        ece: calibration error of the detections' confidences, see `perception.calibration`.
        has_objects, has_lanes: whether the model looks for them at all.
    """

    ap50: float
    map: float
    ap50_by_class: dict[str, float]
    map_by_class: dict[str, float]
    boxes: Counts
    lanes: Counts
    lane_error_median: float
    lane_error_p95: float
    invented_lanes: int
    frames: tuple[FrameScore, ...] = field(repr=False)
    lane_kind_accuracy: float = math.nan
    lane_color_accuracy: float = math.nan
    lane_road_error_median: float = math.nan
    distance_band_accuracy: float = math.nan
    occlusion_error: float = math.nan
    ece: float = math.nan
    has_objects: bool = True
    has_lanes: bool = True

    @property
    def lane_f1(self) -> float:
        """CULane's F1 of the lines."""
        return self.lanes.f1

    def to_dict(self) -> dict[str, object]:
        """For JSON: None for NaN, and for whatever the model does not look for."""
        values: dict[str, object] = {
            "frames": len(self.frames),
            "ap50": _known(self.ap50),
            "map": _known(self.map),
            "ap50_by_class": {name: _known(value) for name, value in self.ap50_by_class.items()},
            "map_by_class": {name: _known(value) for name, value in self.map_by_class.items()},
        }
        for name, counts, there in (("box", self.boxes, self.has_objects), ("lane", self.lanes, self.has_lanes)):
            values |= {f"{name}_{kind}": getattr(counts, kind) if there else None for kind in ("tp", "fp", "fn")}
            values |= {f"{name}_precision": _known(counts.precision), f"{name}_recall": _known(counts.recall)}
            values |= {f"{name}_f1": _known(counts.f1)}
        values |= {"lane_error_median_m": _known(self.lane_error_median)}
        values |= {"lane_error_p95_m": _known(self.lane_error_p95)}
        values |= {"invented_lanes": self.invented_lanes if self.has_lanes else None}
        values |= {"lane_road_error_median_m": _known(self.lane_road_error_median)}
        names = ("lane_kind_accuracy", "lane_color_accuracy", "distance_band_accuracy", "occlusion_error", "ece")
        return values | {name: _known(getattr(self, name)) for name in names}


def evaluate(frames: Sequence[Frame], predictions: Sequence[Prediction]) -> Metrics:
    """Score predictions, one per frame and in the frames' order."""
    if len(frames) != len(predictions):
        raise WhiteoutError(f"evaluate: {len(predictions)} predictions for {len(frames)} frames; give one for each.")
    return evaluate_pairs(zip(frames, predictions, strict=True))


def evaluate_pairs(pairs: Iterable[tuple[Frame, Prediction]]) -> Metrics:
    """Score frames with their predictions, read one at a time."""
    tally = CocoTally()
    scores = []
    for frame, prediction in pairs:
        tally.add(frame, prediction)
        scores.append(score_frame(frame, prediction))
    coco = tally.result()
    return _metrics(scores, dict(coco.ap50), dict(coco.ap))


def score_frame(frame: Frame, prediction: Prediction) -> FrameScore:
    """One frame's part of every figure."""
    lanes = score_lanes(frame, prediction) if prediction.has_lanes else None
    return FrameScore(frame.name, match_boxes(frame, prediction), lanes)


def pool(scores: Sequence[FrameScore]) -> Metrics:
    """Figures over frames that were scored one by one; all but mAP, which needs the boxes themselves."""
    ap50 = {label: average_precision((score.boxes for score in scores), label) for label in CLASSES}
    return _metrics(scores, ap50, dict.fromkeys(CLASSES, math.nan))


def confidences(scores: Iterable[FrameScore]) -> tuple[Float[ndarray, "n"], Bool[ndarray, "n"]]:
    """Confidence of every detection that counts, and whether it found an object."""
    matches = [match for score in scores for match in score.boxes.matches]
    score = np.array([match.score for match in matches], dtype=np.float64)
    return score, np.array([match.correct for match in matches], dtype=np.bool_)


def _metrics(scores: Sequence[FrameScore], ap50: dict[str, float], ap: dict[str, float]) -> Metrics:
    lanes = [score.lanes for score in scores if score.lanes is not None]
    errors = np.array([error for score in lanes for error in score.errors])
    median, high = np.percentile(errors, [50, 95]) if len(errors) else (math.nan, math.nan)
    stated = [error for score in lanes for error in score.road_errors]
    return Metrics(
        ap50=_mean(ap50.values()),
        map=_mean(ap.values()),
        ap50_by_class=ap50,
        map_by_class=ap,
        boxes=sum((score.box_counts for score in scores), Counts()),
        lanes=sum((score.lane_counts for score in scores), Counts()),
        lane_error_median=float(median),
        lane_error_p95=float(high),
        invented_lanes=sum(score.invented for score in lanes),
        frames=tuple(scores),
        lane_kind_accuracy=_mean(right for score in lanes for right in score.kinds),
        lane_color_accuracy=_mean(right for score in lanes for right in score.colors),
        lane_road_error_median=float(np.median(stated)) if stated else math.nan,
        distance_band_accuracy=_mean(right for score in scores for right in score.boxes.bands),
        occlusion_error=_mean(error for score in scores for error in score.boxes.occlusion_errors),
        ece=expected_calibration_error(*confidences(scores)),
        has_objects=not scores or any(score.boxes.truths for score in scores),
        has_lanes=not scores or bool(lanes),
    )


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
