"""Which labels count: one rule for training and for every metric."""

from __future__ import annotations

from perception.box import Box

LEAST_VISIBLE = 0.25
"""Least visible share of an object that a model must find."""

LEAST_HEIGHT = 8 / 384
"""Least height of a box as a share of the picture's height (8 px of 384)."""

LEAST_WIDTH = 4 / 384
"""Least width of a box as a share of the picture's height (4 px at a height of 384)."""


def is_scored(box: Box, picture_height: int) -> bool:
    """Whether a model must find `box` in a picture of `picture_height` [px].

    A box that is mostly hidden or tiny is neither asked for nor held against a model that finds it: training gives
    its region no weight, and metrics treat it as COCO's crowd regions (matches to it are ignored).
    """
    width = box.xyxy[2] - box.xyxy[0]
    large = box.height >= LEAST_HEIGHT * picture_height and width >= LEAST_WIDTH * picture_height
    return large and box.visible >= LEAST_VISIBLE
