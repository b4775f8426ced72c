"""The glare audit: what lane lines and objects rest on, and what changes when the renderer takes the glare away.

A heat map shows association, not cause, so each frame is judged twice: as it is, and as its twin picture "no_glare":
the same instant without the sun's specular reflection. The maps are compared with those of a randomised network; the
predictions with glare and without are compared in metres on the road.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from torch import nn

from perception.box_metrics import IOU, overlaps
from perception.config import SLOTS
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.labels import is_scored, is_scored_lane
from perception.lane import Lane
from perception.lane_metrics import LEAST_POINTS, REACH
from perception.model import images_from_frames
from perception.prediction import Detection, LanePrediction, Prediction
from perception.protocols import Network, Predictor, WhiteBox
from robustness.cells import AuditCell, spread
from robustness.gradcam import (
    box_evidence,
    grad_cam,
    lane_evidence,
    layer_of,
    points_at,
    share,
    similarity,
)
from robustness.overlays import as_json, prediction_overlay, truth_overlay
from robustness.rasters import heat_over
from robustness.scoring import SHOWN, Row, predict_one, score_rows
from robustness.store import Result

BAND = 12 / 640
"""Width of the band around a true line that counts as the line, as a share of the picture's width."""

FOUND = 1.0
"""A line counts as found if one is predicted in its slot, on average at most this far off on the road [m]."""

TWIN = "no_glare"
"""The mask kind of the twin picture, and the table's `attack` for what was seen in it."""

Map = Float[ndarray, "height width"]
Pictures = list[tuple[str, UInt8[ndarray, "height width 3"]]]


@dataclass(frozen=True, eq=False)
class Twins:
    """One instant with glare and without, and what the model says about both.

    Attributes:
        glare: pixels that the glare changes.
    """

    frame: Frame
    twin: Frame
    glare: Bool[ndarray, "height width"]
    prediction: Prediction
    without: Prediction


@dataclass(frozen=True, eq=False)
class Maps:
    """Grad-CAM for one line: of the model with glare, without it, and of the randomised network with glare."""

    slot: int
    here: Map
    without: Map
    random: Map


@dataclass(frozen=True, eq=False)
class ObjectMaps:
    """Grad-CAM for one detection in the picture with glare: of the model, and of the randomised network."""

    detection: Detection
    here: Map
    random: Map


def audit(cell: AuditCell, drive: Drive, model: WhiteBox) -> tuple[Result, Pictures]:
    """Judge every frame of a drive with glare and without; explain the lines of the cell's share of them."""
    network = model.network.requires_grad_(False)
    name, _ = layer_of(network, cell.layer)
    control = network.randomised()
    explained = spread(cell.frames, len(drive))
    rows: list[Row] = []
    facts: dict[str, object] = {"layer": name}
    pictures: Pictures = []
    for number in range(len(drive)):
        twins = look(drive[number], model)
        rows.extend(score_rows(twins.twin, twins.without, attack=TWIN))
        rows.extend(effects(twins))
        if number not in explained:
            continue
        maps = [explain(twins, lane.slot, network, control, name) for lane in explainable_lanes(twins)]
        rows.extend(row for one in maps for row in evidence(twins, one))
        if maps and "shown" not in facts:
            pictures += _pictures(twins, maps[0])
            facts["shown"] = _shown(twins, maps[0].slot)
        objects = [explain_object(twins, found, network, control, name) for found in explainable_objects(twins)]
        rows.extend(row for one in objects for row in object_evidence(twins, one))
        if objects and "shown_object" not in facts:
            pictures += _object_pictures(twins, objects[0])
            facts["shown_object"] = _shown(twins, 0) | {"label": objects[0].detection.label}
    return Result(tuple(rows), facts), pictures


def look(frame: Frame, model: Predictor) -> Twins:
    """Ask the model about a frame and its twin.

    Raises:
        WhiteoutError: the frame has no twin.
    """
    if TWIN not in frame.masks or "glare" not in frame.masks:
        raise WhiteoutError(
            f"frame {frame.name}: it has no mask {TWIN!r} or 'glare', so there is nothing to compare it with; play the"
            " scenario on this project's own server, or take audits out of the plan"
        )
    twin = replace(frame, image=frame.masks[TWIN])
    return Twins(frame, twin, frame.masks["glare"] > 0, predict_one(model, frame), predict_one(model, twin))


def explainable_lanes(twins: Twins) -> list[Lane]:
    """The true lines that a model must find and that have a slot of its; none if it looks for no lines."""
    height = twins.frame.camera.height
    if not twins.prediction.has_lanes:
        return []
    return [lane for lane in twins.frame.lanes if lane.slot in SLOTS and is_scored_lane(lane, height)]


def explain(twins: Twins, slot: int, model: Network, control: Network, layer: str) -> Maps:
    """Three maps for the line in `slot`."""

    def explained(frame: Frame, of: Network) -> Map:
        module: nn.Module = of.explainable_layers[layer]
        return grad_cam(of, images_from_frames([frame]), lane_evidence(of, slot), module)

    return Maps(slot, explained(twins.frame, model), explained(twins.twin, model), explained(twins.frame, control))


def evidence(twins: Twins, maps: Maps) -> list[Row]:
    """Where the evidence for a line lies; glare on the line's own band counts as the line."""
    lane = next(lane for lane in explainable_lanes(twins) if lane.slot == maps.slot)
    band = band_around(lane, twins.frame)
    glare = twins.glare & ~band
    facts = {
        "on_glare": share(maps.here, glare),
        "on_lane": share(maps.here, band),
        "pixels_glare": float(glare.mean()),
        "pixels_lane": float(band.mean()),
        "on_glare_random": share(maps.random, glare),
        "on_lane_random": share(maps.random, band),
        "on_lane_no_glare": share(maps.without, band),
        "pointing": float(points_at(maps.here, band)),
        "similarity_random": similarity(maps.here, maps.random),
    }
    return [_row(twins.frame, name, value) for name, value in facts.items()]


def explainable_objects(twins: Twins) -> list[Detection]:
    """The detections that find an object that a model must find, the surest first."""
    truths = [box for box in twins.frame.boxes if is_scored(box, twins.frame.camera.height)]
    found = []
    for claim in sorted(twins.prediction.boxes, key=lambda box: -box.score):
        same = [truth.xyxy for truth in truths if truth.label == claim.label]
        if claim.score >= SHOWN and same and overlaps([claim.xyxy], same)[0].max() >= IOU:
            found.append(claim)
    return found


def explain_object(twins: Twins, detection: Detection, model: Network, control: Network, layer: str) -> ObjectMaps:
    """Two maps for a detection."""
    images = images_from_frames([twins.frame])
    here, random = (
        grad_cam(of, images, box_evidence(of, detection), of.explainable_layers[layer]) for of in (model, control)
    )
    return ObjectMaps(detection, here, random)


def object_evidence(twins: Twins, maps: ObjectMaps) -> list[Row]:
    """Where the evidence for a detection lies; glare inside its box counts as the object."""
    height, width = twins.glare.shape
    left, top, right, bottom = maps.detection.xyxy
    box = np.zeros((height, width), dtype=bool)
    box[max(0, math.floor(top)) : math.ceil(bottom), max(0, math.floor(left)) : math.ceil(right)] = True
    facts = {
        "object_on_glare": share(maps.here, twins.glare & ~box),
        "object_on_box": share(maps.here, box),
        "object_pixels_box": float(box.mean()),
        "object_on_box_random": share(maps.random, box),
    }
    return [_row(twins.frame, name, value) for name, value in facts.items()]


def effects(twins: Twins) -> list[Row]:
    """What removing the glare changes: per true line in metres and existence, per true object in existence."""
    rows = []
    for lane in explainable_lanes(twins):
        here, without = _line(twins.prediction, lane.slot), _line(twins.without, lane.slot)
        error, error_without = road_distance(twins.frame, lane, here), road_distance(twins.frame, lane, without)
        found, found_without = error <= FOUND, error_without <= FOUND
        rows.append(_row(twins.frame, "moved_m", _moved(twins.frame, lane, here, without)))
        if found and found_without:
            rows.append(_row(twins.frame, "error_m", error))
            rows.append(_row(twins.frame, "error_no_glare_m", error_without))
        rows.append(_row(twins.frame, "harm_m", min(error, FOUND)))
        rows.append(_row(twins.frame, "harm_no_glare_m", min(error_without, FOUND)))
        rows.append(_row(twins.frame, "lane_regained", float(found_without and not found)))
        rows.append(_row(twins.frame, "lane_lost", float(found and not found_without)))
    for found, found_without in zip(_objects(twins, twins.prediction), _objects(twins, twins.without), strict=True):
        rows.append(_row(twins.frame, "object_regained", float(found_without and not found)))
        rows.append(_row(twins.frame, "object_lost", float(found and not found_without)))
    return rows


def band_around(lane: Lane, frame: Frame) -> Bool[ndarray, "height width"]:
    """The pixels around a true line where it is visible."""
    canvas = np.zeros(frame.image.shape[:2], dtype=np.uint8)
    width = max(1, round(BAND * frame.camera.width))
    for start in range(len(lane.pixels) - 1):
        if lane.visible[start] and lane.visible[start + 1]:
            ends = np.round(lane.pixels[start : start + 2]).astype(int).tolist()
            cv2.line(canvas, ends[0], ends[1], 1, width)
    return canvas.astype(bool)


def road_distance(
    frame: Frame, truth: Lane, line: LanePrediction | None, other: Float[ndarray, "n 2"] | None = None
) -> float:
    """Mean distance [m] on the road between a predicted line and `other` (the truth, if not given), within `REACH`.

    Both are compared in the rows of the truth's visible points, at the truth's height; infinite where there is no line
    or fewer than `LEAST_POINTS` rows in common.
    """
    if line is None:
        return math.inf
    camera = frame.camera
    rows = truth.pixels[:, 1]
    away = np.linalg.norm(truth.metres[:, :2] - camera.position[:2], axis=1)
    use = truth.visible & (away <= REACH)
    places = []
    for pixels in (line.pixels, truth.pixels if other is None else other):
        order = np.argsort(pixels[:, 1], kind="stable")
        xs, ys = pixels[order, 0], pixels[order, 1]
        use &= (rows >= ys[0]) & (rows <= ys[-1])
        places.append(np.column_stack([np.interp(rows, ys, xs), rows]))
    if np.count_nonzero(use) < LEAST_POINTS:
        return math.inf
    ground = [_ground(frame, place[use], truth.metres[use, 2]) for place in places]
    distance = np.linalg.norm(ground[0] - ground[1], axis=1)
    return float(distance[np.isfinite(distance)].mean()) if np.isfinite(distance).any() else math.inf


def _ground(frame: Frame, pixels: Float[ndarray, "n 2"], heights: Float[ndarray, "n"]) -> Float[ndarray, "n 2"]:
    points = [
        frame.camera.ground_points(pixel[None], float(z))[0, :2] for pixel, z in zip(pixels, heights, strict=True)
    ]
    return np.array(points)


def _moved(frame: Frame, truth: Lane, here: LanePrediction | None, without: LanePrediction | None) -> float:
    """How far the predicted line is from where it is predicted without glare [m]."""
    return math.inf if without is None else road_distance(frame, truth, here, without.pixels)


def _line(prediction: Prediction, slot: int) -> LanePrediction | None:
    return next((line for line in prediction.lanes if line.slot == slot), None)


def _objects(twins: Twins, prediction: Prediction) -> list[bool]:
    """Which of the objects that a model must find, of the classes that it knows, it finds."""
    known = [box for box in twins.frame.boxes if box.label in prediction.classes]
    truths = [box for box in known if is_scored(box, twins.frame.camera.height)]
    found = []
    for truth in truths:
        claims = [box.xyxy for box in prediction.boxes if box.label == truth.label and box.score >= SHOWN]
        found.append(bool(claims) and bool((overlaps(claims, [truth.xyxy])[0] >= IOU).any()))
    return found


def _row(frame: Frame, metric: str, value: float) -> Row:
    known = math.isfinite(value)
    return Row(frame.name, "audit", "0", metric, value if known else 0.0, known)


def _pictures(twins: Twins, maps: Maps) -> Pictures:
    return [
        ("heat", heat_over(twins.frame.image, maps.here)),
        ("heat-no-glare", heat_over(twins.twin.image, maps.without)),
        ("heat-random", heat_over(twins.frame.image, maps.random)),
    ]


def _object_pictures(twins: Twins, maps: ObjectMaps) -> Pictures:
    return [
        ("object-heat", heat_over(twins.frame.image, maps.here)),
        ("object-heat-random", heat_over(twins.frame.image, maps.random)),
    ]


def _shown(twins: Twins, slot: int) -> dict[str, object]:
    """The facts behind the report's pictures of an audit."""
    return {
        "frame": twins.frame.name,
        "slot": slot,
        "truth": as_json(truth_overlay(twins.frame)),
        "prediction": as_json(prediction_overlay(twins.prediction)),
        "without": as_json(prediction_overlay(twins.without)),
    }
