"""What a foreign network says before thresholds: the form that every decoder gives and every white-box tool takes.

All of it is differentiable in the picture, and places are in the pixels of the picture given [px].
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ObjectEvidence:
    """A box and its confidences at every location.

    Attributes:
        boxes: left, top, right, bottom [px].
        log_confidence: logarithm of the confidence that the threshold is laid on, per class.
        classes: what the classes are called, of `CLASSES`.
    """

    boxes: Float[Tensor, "batch locations 4"]
    log_confidence: Float[Tensor, "batch locations classes"]
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LaneEvidence:
    """How strongly each cell speaks for a line.

    Attributes:
        log_odds: above 0 where there rather is a line; one channel for all lines, or one for each line.
        xs: each column's place [px].
        ys: each row's place [px], from the top down.
        one_line_each: whether a channel holds one line, which crosses a row once.
    """

    log_odds: Float[Tensor, "batch channels rows columns"]
    xs: Float[Tensor, "columns"]
    ys: Float[Tensor, "rows"]
    one_line_each: bool = False


@dataclass(frozen=True, eq=False)
class Evidence:
    """Both, where the network has them.

    Attributes:
        picture_size: height and width of the pictures given [px].
    """

    objects: ObjectEvidence | None
    lanes: LaneEvidence | None
    picture_size: tuple[int, int]
