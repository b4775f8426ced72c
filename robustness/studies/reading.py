"""How well a public model reads a picture of ours: counts per picture that are added up later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from perception.box_metrics import overlaps
from perception.lane import Lane
from robustness.studies.public_models import Found

REACH = 35.0
"""Lane lines count up to this distance along the optical axis [m]."""
TOLERANCE = 4
"""A pixel of a line is found if the model drew one this near [px]."""
ROAD, SIDEWALK, MARKING, GROUND = 1, 2, 24, (1, 2, 10, 24)
"""CARLA's classes: road, sidewalk with its kerb, painted lines; and all of the ground, with grass."""
INVENTED_LENGTH = 40.0
"""A drawn blob this long [px] that lies off every line is an invented line."""
OVERLAP = 0.5
"""Intersection over union from which a box counts as found."""


@dataclass(frozen=True)
class LaneCount:
    """Pixels of our lines, those of them that were found; pixels the model drew on the ground, those of them right."""

    lines: int
    found: int
    drawn: int
    right: int


@dataclass(frozen=True)
class Target:
    """An object that a detector should see: "person" or "vehicle", its box, visible share, distance [m]."""

    kind: str
    xyxy: tuple[float, float, float, float]
    visible: float
    distance: float


@dataclass(frozen=True)
class ObjectCount:
    """Objects of one band of distance that had to be found, and those of them that were."""

    wanted: int
    found: int


def count_lanes(
    drawn: Bool[ndarray, "height width"],
    semantic: UInt8[ndarray, "height width"],
    depth: Float[ndarray, "height width"],
    lanes: Sequence[Lane],
) -> LaneCount:
    """Compare what a model drew with the lane lines of a picture.

    A line's pixels are the paint within `TOLERANCE` of a labelled lane line, so that crossings and stop lines do not
    count as lines; nearer than `REACH`. What the model drew is right if it is within `TOLERANCE` of what BDD100K's
    labels call a lane marking (Yu et al. 2020): any paint, a labelled line with the gaps of its dashes, a kerb's edge
    ("road curb" is one of its kinds). Drawn pixels off the ground or beyond `REACH` do not count.
    """
    near = depth < REACH
    wanted = (semantic == MARKING) & near & _grown(_drawn_lines(lanes, semantic.shape))
    counted = drawn & near & np.isin(semantic, GROUND)
    right = counted & _grown(_all_lines(semantic, lanes))
    return LaneCount(int(wanted.sum()), int((wanted & _grown(drawn)).sum()), int(counted.sum()), int(right.sum()))


def count_objects(found: Sequence[Found], targets: Sequence[Target], kind: str, nearest: float, farthest: float,
                  visible: float) -> ObjectCount:  # fmt: skip
    """Objects of a kind between two distances, at least `visible` in view, each matched to its best free detection."""
    wanted = [t for t in targets if t.kind == kind and nearest <= t.distance < farthest and t.visible >= visible]
    boxes = [f.xyxy for f in found if f.kind == kind]
    if not wanted or not boxes:
        return ObjectCount(len(wanted), 0)
    shared, _ = overlaps(boxes, [t.xyxy for t in wanted])
    hits = 0
    for row in shared:
        best = int(row.argmax())
        if row[best] >= OVERLAP:
            hits += 1
            shared[:, best] = -1
    return ObjectCount(len(wanted), hits)


def false_boxes(found: Sequence[Found], targets: Sequence[Target]) -> int:
    """Detections that lie on no object, whatever its kind, distance and visible share: less than half of the box."""
    if not found or not targets:
        return len(found)
    shared, covered = overlaps([f.xyxy for f in found], [t.xyxy for t in targets])
    return int(((shared < OVERLAP) & (covered < OVERLAP)).all(axis=1).sum())


def count_invented(
    drawn: Bool[ndarray, "height width"],
    semantic: UInt8[ndarray, "height width"],
    depth: Float[ndarray, "height width"],
    lanes: Sequence[Lane],
) -> int:
    """Lines that a model drew where there is none: blobs on the ground, `INVENTED_LENGTH` long, off all lines."""
    off = drawn & (depth < REACH) & np.isin(semantic, GROUND) & ~_grown(_grown(_all_lines(semantic, lanes)))
    _, _, stats, _ = cv2.connectedComponentsWithStats(off.astype(np.uint8), connectivity=8)
    lengths = np.hypot(stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT])
    return int((lengths >= INVENTED_LENGTH).sum())


def _all_lines(semantic: UInt8[ndarray, "height width"], lanes: Sequence[Lane]) -> Bool[ndarray, "height width"]:
    """Paint, labelled lines, and where the road meets a kerb."""
    sidewalk = cv2.dilate((semantic == SIDEWALK).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    kerb = sidewalk & np.isin(semantic, (ROAD, MARKING))
    return np.asarray((semantic == MARKING) | kerb | _drawn_lines(lanes, semantic.shape))


def _drawn_lines(lanes: Sequence[Lane], shape: tuple[int, ...]) -> Bool[ndarray, "height width"]:
    canvas = np.zeros(shape, np.uint8)
    for lane in lanes:
        points = np.clip(lane.pixels, -1e4, 1e4)
        cv2.polylines(canvas, [np.rint((points - 0.5) * 16).astype(np.int32)], False, 1, 1, cv2.LINE_8, 4)
    return canvas > 0


def _grown(mask: Bool[ndarray, "height width"]) -> Bool[ndarray, "height width"]:
    side = 2 * TOLERANCE + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)
