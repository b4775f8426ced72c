"""What a model says about one picture."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from numpy import ndarray

from perception.box import CLASSES


@dataclass(frozen=True)
class Detection:
    """A predicted object: class, left-top-right-bottom [px] in the picture given, confidence 0 to 1."""

    label: str
    xyxy: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True, eq=False)
class LanePrediction:
    """A predicted lane line.

    Attributes:
        pixels: polyline in the picture given, near to far [px].
        score: confidence 0 to 1.
        slot: see `Lane.slot`; 0 if the model has no such notion.
    """

    pixels: Float[ndarray, "n 2"]
    score: float
    slot: int = 0


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
