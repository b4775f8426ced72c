"""What is drawn over a picture: labels and predictions as plain polylines and boxes, and their way through JSON."""

from __future__ import annotations

from typing import Any

from perception.frame import Frame
from perception.prediction import Prediction
from robustness.scoring import SHOWN
from robustness.summary import Overlay, OverlayBox


def truth_overlay(frame: Frame) -> Overlay:
    """A frame's labels, to be drawn."""
    boxes = tuple(OverlayBox(box.label, _corners(box.xyxy), 1.0) for box in frame.boxes)
    lines = tuple(_points(lane.pixels[lane.visible].tolist()) for lane in frame.lanes if lane.visible.sum() >= 2)
    return Overlay(boxes, lines)


def prediction_overlay(prediction: Prediction) -> Overlay:
    """What a model says, to be drawn."""
    boxes = tuple(
        OverlayBox(box.label, _corners(box.xyxy), round(box.score, 3)) for box in prediction.boxes if box.score >= SHOWN
    )
    return Overlay(boxes, tuple(_points(lane.pixels.tolist()) for lane in prediction.lanes))


def as_json(overlay: Overlay) -> dict[str, object]:
    """An overlay as cells keep it."""
    boxes = [[box.label, list(box.xyxy), box.score] for box in overlay.boxes]
    return {"boxes": boxes, "lanes": [[list(point) for point in lane] for lane in overlay.lanes]}


def from_json(content: Any) -> Overlay:
    """An overlay as it was kept."""
    boxes = tuple(OverlayBox(label, _corners(tuple(xyxy)), score) for label, xyxy, score in content["boxes"])
    return Overlay(boxes, tuple(tuple((x, y) for x, y in lane) for lane in content["lanes"]))


def _corners(xyxy: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (round(value, 1) for value in xyxy)
    return left, top, right, bottom


def _points(pixels: list[list[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((round(x, 1), round(y, 1)) for x, y in pixels)
