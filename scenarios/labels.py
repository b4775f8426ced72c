"""From a picture's channels and the world's true state to a labelled `Frame`; the colours are never looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import carla
import cv2
import numpy as np
from jaxtyping import Float, Int64, UInt8, UInt16
from numpy import ndarray

from perception.box import Box
from perception.camera import Camera
from perception.frame import Frame
from scenarios.axes import cuboid_corners, cuboid_from
from scenarios.extension import Extension
from scenarios.lane_truth import lanes_in_view
from scenarios.rig import Picture, Rig
from scenarios.stage import Stage

LABELS = {
    "car": "car",
    "van": "car",
    "truck": "truck",
    "bus": "bus",
    "motorcycle": "motorcycle",
    "bicycle": "bicycle",
}
"""CARLA's `base_type` to `Box.label`. A van counts as a car, as in BDD100K and COCO's own pictures of vans."""

RANGE = 150.0
"""Actors further away are not labelled [m]."""

ACTOR_CLASSES = (12, 13, 14, 15, 16, 18, 19)
"""CARLA's semantic classes of pedestrians, riders and vehicles."""

SILHOUETTE_SHARE = 0.75
"""How much of its cuboid's outline an actor fills, where the server does not tell its silhouette."""

FARTHEST_CM = 65535
"""What "depth" holds where nothing is seen within its range."""


@dataclass(frozen=True)
class Subject:
    """An actor that may be in the picture.

    Attributes:
        number: its instance number in the drive.
        label: one of `perception.box.CLASSES`.
        transform: where it is.
        body: its bounding box in its own axes.
    """

    number: int
    label: str
    transform: carla.Transform
    body: carla.BoundingBox


def label_frame(name: str, picture: Picture, stage: Stage, rig: Rig, extension: Extension | None) -> Frame:
    """The frame of the picture just taken, with boxes, lane lines and masks."""
    subjects = subjects_near(stage, picture.camera)
    if extension is None:
        boxes = boxes_from_pixels(picture, subjects)
        cover = None
    else:
        boxes = boxes_from_visibility(picture, extension.visibility(rig.sensors["rgb"].id), subjects)
        snowy = stage.weather.snow_cover > 0 or stage.weather.snow_banks > 0
        cover = extension.surface if snowy else None
    lanes = lanes_in_view(stage.map, picture.camera, picture.depth, picture.semantic, cover)
    return Frame(
        name=name,
        image=picture.rgb,
        camera=picture.camera,
        boxes=boxes,
        lanes=lanes,
        masks=masks_of(picture, stage.numbers()),
        time=round(stage.time, 6),
        meta={"sun_azimuth_angle": round(stage.weather.sun_azimuth_angle, 3)},
    )


def subjects_near(stage: Stage, camera: Camera) -> dict[int, Subject]:
    """The vehicles and pedestrians within `RANGE`, without the ego vehicle, by actor id."""
    numbers = stage.numbers()
    near: dict[int, Subject] = {}
    for actor in stage.actors:
        label = label_of(actor)
        if label is None or actor.id == stage.ego.id:
            continue
        subject = Subject(numbers[actor.id], label, actor.get_transform(), actor.bounding_box)
        if _distance(subject, camera) <= RANGE:
            near[actor.id] = subject
    return near


def label_of(actor: carla.Actor) -> str | None:
    """The class of an actor, or None if it is neither vehicle nor pedestrian."""
    if actor.type_id.startswith("walker."):
        return "pedestrian"
    if actor.type_id.startswith("vehicle."):
        return LABELS.get(actor.attributes.get("base_type", "car"), "car")
    return None


def boxes_from_visibility(
    picture: Picture, seen: Sequence[Mapping[str, Any]], subjects: Mapping[int, Subject]
) -> tuple[Box, ...]:
    """Boxes around each actor's pixels, with the share of its silhouette that the server tells, nearest first.

    Args:
        picture: its instance numbers are actor ids.
        seen: see `Extension.visibility`.
        subjects: by actor id.
    """
    groups = _groups(picture)
    boxes = []
    for one in seen:
        subject, pixels = subjects.get(one["actor_id"]), groups.get(one["actor_id"] % 2**16)
        if subject is not None and pixels is not None:
            share = len(pixels) / max(one["silhouette_px"], 1)
            box = _box(subject, _extent(pixels), share, picture.camera, truncated=one["truncated"])
            left, top, right, bottom = (round(float(value), 3) for value in one["amodal"])
            truncation = round(float(one["truncation"]), 4)
            boxes.append(replace(box, amodal=(left, top, right, bottom), truncation=truncation))
    return tuple(sorted(boxes, key=lambda box: box.distance))


def boxes_from_pixels(picture: Picture, subjects: Mapping[int, Subject]) -> tuple[Box, ...]:
    """Boxes on a plain CARLA server, nearest first.

    Its instance pictures number objects in a way of their own, so every actor, from near to far, takes the group of
    pixels that overlaps its projected cuboid most. The visible share is an estimate: visible pixels against the
    `SILHOUETTE_SHARE` of the cuboid's outline that lies in the picture.
    """
    groups = {number: pixels for number, pixels in _groups(picture).items() if len(pixels)}
    boxes: list[Box] = []
    for subject in sorted(subjects.values(), key=lambda s: _distance(s, picture.camera)):
        outline = _outline(subject, picture.camera)
        if outline is None or not groups:
            continue
        extent = (*outline.min(axis=0), *outline.max(axis=0))
        frame = _clipped(extent, picture.camera)
        best = max(groups, key=lambda number: _overlap(_extent(groups[number]), frame))
        if _overlap(_extent(groups[best]), frame) < 0.1:
            continue
        pixels = groups.pop(best)
        silhouette = max(SILHOUETTE_SHARE * _area_in_picture(outline, picture.camera), 1.0)
        share = min(1.0, len(pixels) / silhouette)
        boxes.append(_box(subject, _extent(pixels), share, picture.camera, truncated=extent != frame))
    return tuple(boxes)


def masks_of(picture: Picture, numbers: Mapping[int, int]) -> dict[str, ndarray]:
    """The frame's rasters; actor ids become the drive's instance numbers."""
    table = np.zeros(2**16, dtype=np.uint16)
    for actor, number in numbers.items():
        table[actor % 2**16] = number
    masks: dict[str, ndarray] = {
        "semantic": picture.semantic,
        "instance": table[picture.instance],
        "depth": _centimetres(picture.depth),
    }
    return {**masks, **picture.extras}


def _centimetres(depth: Float[ndarray, "height width"]) -> UInt16[ndarray, "height width"]:
    return np.asarray(np.minimum(np.rint(depth * 100.0), FARTHEST_CM), dtype=np.uint16)


def _box(subject: Subject, xyxy: Sequence[float], share: float, camera: Camera, *, truncated: bool) -> Box:
    left, top, right, bottom = (float(value) for value in xyxy)
    return Box(
        label=subject.label,
        xyxy=(left, top, right, bottom),
        visible=round(min(1.0, share), 4),
        truncated=truncated,
        distance=round(_distance(subject, camera), 3),
        instance=subject.number,
        cuboid=cuboid_from(subject.transform, subject.body),
    )


def _distance(subject: Subject, camera: Camera) -> float:
    center = np.array(cuboid_from(subject.transform, subject.body).center)
    return float(np.linalg.norm(center - camera.position))


def _groups(picture: Picture) -> dict[int, Int64[ndarray, "n 2"]]:
    """Pixels (column, row) of each object that is a vehicle or pedestrian, by its number in the picture."""
    rows, columns = np.nonzero(np.isin(picture.semantic, ACTOR_CLASSES))
    numbers = picture.instance[rows, columns]
    return {int(n): np.column_stack([columns, rows])[numbers == n] for n in np.unique(numbers) if n}


def _extent(pixels: Int64[ndarray, "n 2"]) -> tuple[float, float, float, float]:
    left, top = pixels.min(axis=0)
    right, bottom = pixels.max(axis=0) + 1
    return float(left), float(top), float(right), float(bottom)


def _outline(subject: Subject, camera: Camera) -> Float[ndarray, "n 2"] | None:
    """A cuboid's convex outline in the picture [px]; None where it is out of view or reaches behind the camera."""
    pixels, depth = camera.project(cuboid_corners(cuboid_from(subject.transform, subject.body)))
    if (depth <= 0.1).any():
        return None
    hull: ndarray = cv2.convexHull(pixels.astype(np.float32))
    outline = np.asarray(hull[:, 0, :], dtype=np.float64)
    extent = (*outline.min(axis=0), *outline.max(axis=0))
    left, top, right, bottom = _clipped(extent, camera)
    return outline if right > left and bottom > top else None


def _clipped(extent: Sequence[float], camera: Camera) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in extent)
    return max(left, 0.0), max(top, 0.0), min(right, float(camera.width)), min(bottom, float(camera.height))


def _area_in_picture(outline: Float[ndarray, "n 2"], camera: Camera) -> float:
    canvas: UInt8[ndarray, "height width"] = np.zeros((camera.height, camera.width), dtype=np.uint8)
    cv2.fillConvexPoly(canvas, np.rint(outline).astype(np.int32), 1)
    return float(canvas.sum())


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(width * height / (sum(areas) - width * height))
