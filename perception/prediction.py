"""What a model says about one picture."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from numpy import ndarray

from perception.box import CLASSES


@dataclass(frozen=True)
class Detection:
    """A predicted object: class, left-top-right-bottom [px] in the picture given, confidence 0 to 1.

    Attributes:
        distance_band: one of `perception.attributes.DISTANCE_BANDS`; None if the model does not tell.
        occlusion: share that other things hide, 0 to 1; None if the model does not tell.
    """

    label: str
    xyxy: tuple[float, float, float, float]
    score: float
    distance_band: str | None = None
    occlusion: float | None = None


@dataclass(frozen=True, eq=False)
class LanePrediction:
    """A predicted lane line.

    Attributes:
        pixels: polyline in the picture given, near to far [px].
        score: confidence 0 to 1.
        slot: see `Lane.slot`; 0 if the model has no such notion.
        kind: one of `LANE_KINDS`; None if the model does not tell.
        color: one of `perception.attributes.LANE_COLORS`; None if the model does not tell.
        visible: per point, probability that the line is seen there; None if the model does not tell.
        metres: the same points in world axes [m], NaN above the horizon; None without a camera (`perception.ground`).
    """

    pixels: Float[ndarray, "n 2"]
    score: float
    slot: int = 0
    kind: str | None = None
    color: str | None = None
    visible: Float[ndarray, "n"] | None = None
    metres: Float[ndarray, "n 3"] | None = None


@dataclass(frozen=True)
class Prediction:
    """All objects and lane lines that a model found in one picture, best first.

    Attributes:
        boxes: objects of `classes`.
        lanes: lane lines.
        classes: the object classes that the model knows, of `CLASSES`: of the others its silence says nothing.
        has_lanes: whether the model looks for lane lines at all.
    """

    boxes: tuple[Detection, ...] = ()
    lanes: tuple[LanePrediction, ...] = ()
    classes: tuple[str, ...] = CLASSES
    has_lanes: bool = True
