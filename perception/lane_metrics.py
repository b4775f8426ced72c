"""How well lane lines were found: CULane's F1, and the error in metres on the road.

CULane (Pan et al. 2018): lines are drawn 30 px wide on a 1640 x 590 canvas, a prediction is right if it overlaps a
truth with IoU > 0.5, and pairs are chosen for the largest total overlap. Where a truth is hidden for longer than a
bridged gap, nobody can tell: those rows of the canvas count neither way for that line.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.optimize import linear_sum_assignment

from perception.attributes import LANE_COLORS, color_index
from perception.frame import Frame
from perception.labels import is_scored_lane
from perception.lane import Lane
from perception.prediction import LanePrediction, Prediction
from perception.targets import bridge, crossings

CANVAS = (1640, 590)
"""Width and height of the canvas [px]."""

LINE_WIDTH = 30
"""Width of a drawn line on the canvas [px]."""

IOU = 0.5
"""Overlap above which a line counts as found."""

GAP = 50
"""A hidden stretch of at most this many canvas rows between visible ones counts as visible."""

INVENTED = 0.25
"""A prediction of which less than this share lies on any one truth is invented, not misplaced."""

REACH = 30.0
"""Errors in metres are taken up to this distance from the camera on the ground [m]."""

SAME_LINE = 2.0
"""A prediction whose mean error is larger describes another line [m]; just over half a lane."""

LEAST_POINTS = 3
"""Truth points that a prediction must reach before an error in metres is taken."""


@dataclass(frozen=True)
class LaneScore:
    """The lines of one picture.

    Attributes:
        tp, fp, fn: found, wrongly predicted and missed lines.
        invented: predictions (of the fp) that lie on no line at all, not even on one that counts neither way.
        errors: horizontal distance on the road between prediction and truth, per visible truth point within 30 m [m];
            the prediction is brought to the road's true height, so that only its place in the picture is judged.
        road_errors: horizontal distance of the same points to the line that the prediction itself puts on the road
            [m]; empty where it puts none.
        kinds, colors: per found line, whether its kind and its colour are right; empty where the model tells none.
    """

    tp: int
    fp: int
    fn: int
    invented: int
    errors: tuple[float, ...]
    road_errors: tuple[float, ...] = ()
    kinds: tuple[bool, ...] = ()
    colors: tuple[bool, ...] = ()


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A truth on the canvas: its line, and the canvas rows where something can be said about it."""

    line: Bool[ndarray, "height width"]
    known: Bool[ndarray, "height"]


def score_lanes(frame: Frame, prediction: Prediction) -> LaneScore:
    """Match the predicted lines of a picture to its true ones."""
    scale = np.array(CANVAS) / (frame.camera.width, frame.camera.height)
    scored = [lane for lane in frame.lanes if is_scored_lane(lane, frame.camera.height)]
    others = [draw(lane.pixels * scale) for lane in frame.lanes if not is_scored_lane(lane, frame.camera.height)]
    truths = [_draw_truth(lane, scale) for lane in scored]
    lines = [draw(line.pixels * scale) for line in prediction.lanes]
    right = _pairs(lines, truths)
    wrong = [line for index, line in enumerate(lines) if index not in right]
    false = [line for line in wrong if all(_coverage(line, other) < IOU for other in others)]
    everything = [truth.line for truth in truths] + others
    invented = sum(all(_coverage(line, truth) < INVENTED for truth in everything) for line in false)
    errors, road_errors = lane_errors(frame, tuple(scored), prediction.lanes)
    found = [(prediction.lanes[line], scored[truth]) for line, truth in right.items()]
    kinds = tuple(line.kind == truth.kind for line, truth in found if line.kind is not None)
    named = [(line.color, LANE_COLORS[color_index(truth.color)]) for line, truth in found]
    colors = tuple(said == true for said, true in named if said is not None)
    missed = len(scored) - len(right)
    return LaneScore(len(right), len(false), missed, invented, errors, road_errors, kinds, colors)


def draw(pixels: Float[ndarray, "n 2"]) -> Bool[ndarray, "height width"]:
    """A polyline [canvas px] as a 30 px wide band."""
    canvas = np.zeros(CANVAS[::-1], dtype=np.uint8)
    points = np.round(np.clip(pixels, -1e4, 1e4)).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [points], isClosed=False, color=1, thickness=LINE_WIDTH)
    return canvas.astype(bool)


def _draw_truth(lane: Lane, scale: Float[ndarray, "2"]) -> _Drawn:
    pixels = lane.pixels * scale
    rows = np.arange(CANVAS[1]) + 0.5
    segment = crossings(pixels[:, 1], rows)
    both = lane.visible[:-1] & lane.visible[1:]
    seen = np.where(segment >= 0, both[np.maximum(segment, 0)], False)
    return _Drawn(draw(pixels), (segment < 0) | bridge(seen, GAP))


def _pairs(lines: list[Bool[ndarray, "height width"]], truths: list[_Drawn]) -> dict[int, int]:
    """Indices of the lines that found a truth, and of what they found."""
    if not lines or not truths:
        return {}
    overlap = np.array([[_overlap(line, truth) for truth in truths] for line in lines])
    chosen = linear_sum_assignment(-overlap)
    return {int(line): int(truth) for line, truth in zip(*chosen, strict=True) if overlap[line, truth] > IOU}


def _overlap(line: Bool[ndarray, "height width"], truth: _Drawn) -> float:
    """Intersection over union in the rows where the truth is known."""
    a, b = line[truth.known], truth.line[truth.known]
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 0.0


def _coverage(line: Bool[ndarray, "height width"], other: Bool[ndarray, "height width"]) -> float:
    """Share of `line` that lies on `other`."""
    return float(np.count_nonzero(line & other) / max(np.count_nonzero(line), 1))


def lane_errors(
    frame: Frame, truths: tuple[Lane, ...], lines: tuple[LanePrediction, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Errors [m] of the predictions that describe a truth, per visible truth point within `REACH`: two kinds.

    First, each truth point is compared with the prediction in the same picture row, projected to the truth's local
    height. Pairs are chosen for the least total error; a pair further apart than `SAME_LINE` on average is none.
    Second, for the same pairs, the distance to the line on the road that the prediction states (`road_distances`).
    """
    if not truths or not lines:
        return (), ()
    errors = [[_pair_errors(frame, truth, line) for line in lines] for truth in truths]
    cost = np.array([[np.mean(e) if len(e) else SAME_LINE for e in row] for row in errors])
    chosen = linear_sum_assignment(np.minimum(cost, SAME_LINE))
    pairs = [(i, j) for i, j in zip(*chosen, strict=True) if cost[i, j] < SAME_LINE]
    stated = [road_distances(frame, truths[i], lines[j]) for i, j in pairs]
    return tuple(float(e) for i, j in pairs for e in errors[i][j]), tuple(float(e) for part in stated for e in part)


def road_distances(frame: Frame, truth: Lane, line: LanePrediction) -> Float[ndarray, "n"]:
    """Horizontal distance [m] of a truth's visible points within `REACH` to a prediction's line in metres.

    Only points that lie beside the line count, not those before its near end or beyond its far end.
    """
    away = np.linalg.norm(truth.metres[:, :2] - frame.camera.position[:2], axis=1)
    points = truth.metres[truth.visible & (away <= REACH), :2]
    if line.metres is None or len(points) == 0:
        return np.zeros(0)
    stated = line.metres[np.isfinite(line.metres).all(1), :2]
    if len(stated) < LEAST_POINTS:
        return np.zeros(0)
    begin, along = stated[:-1], np.diff(stated, axis=0)
    length = np.maximum((along**2).sum(1), 1e-12)
    share = ((points[:, None] - begin) * along).sum(-1) / length
    foot = begin + np.clip(share, 0, 1)[..., None] * along
    distance = np.linalg.norm(points[:, None] - foot, axis=-1)
    nearest = distance.argmin(1)
    rows = np.arange(len(points))
    before = (nearest == 0) & (share[rows, nearest] < 0)
    beyond = (nearest == len(along) - 1) & (share[rows, nearest] > 1)
    beside: Float[ndarray, "n"] = distance[rows, nearest][~before & ~beyond]
    return beside


def _pair_errors(frame: Frame, truth: Lane, line: LanePrediction) -> Float[ndarray, "n"]:
    """Distances [m] at the truth's points; empty if fewer than `LEAST_POINTS` can be compared."""
    camera = frame.camera
    order = np.argsort(line.pixels[:, 1])
    xs, ys = line.pixels[order, 0], line.pixels[order, 1]
    rows = truth.pixels[:, 1]
    away = np.linalg.norm(truth.metres[:, :2] - camera.position[:2], axis=1)
    use = truth.visible & (away <= REACH) & (rows >= ys[0]) & (rows <= ys[-1]) & (rows < camera.height)
    if np.count_nonzero(use) < LEAST_POINTS:
        return np.zeros(0)
    places = np.column_stack([np.interp(rows[use], ys, xs), rows[use]])
    found = np.concatenate(
        [camera.ground_points(place[None], float(z)) for place, z in zip(places, truth.metres[use, 2], strict=True)]
    )
    errors = np.linalg.norm(found[:, :2] - truth.metres[use, :2], axis=1)
    finite: Float[ndarray, "n"] = errors[np.isfinite(errors)]
    return finite
