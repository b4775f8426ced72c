"""Which labels count: one rule for training and for every metric."""

from __future__ import annotations

import numpy as np

from perception.box import Box
from perception.config import SLOTS
from perception.lane import Lane

LEAST_VISIBLE = 0.25
"""Least visible share of an object that a model must find."""

LEAST_HEIGHT = 8 / 384
"""Least height of a box as a share of the picture's height (8 px of 384)."""

LEAST_WIDTH = 4 / 384
"""Least width of a box as a share of the picture's height (4 px at a height of 384)."""


def is_scored(box: Box, picture_height: int) -> bool:
    """Whether a model must find `box` in a picture of `picture_height` [px].

    A box that is mostly hidden, tiny or a crowd is neither asked for nor held against a model that finds it: training
    gives its region no weight, and metrics treat it as COCO's crowd regions (matches to it are ignored).
    """
    width = box.xyxy[2] - box.xyxy[0]
    large = box.height >= LEAST_HEIGHT * picture_height and width >= LEAST_WIDTH * picture_height
    return large and box.visible >= LEAST_VISIBLE and not box.crowd


LEAST_LANE_LENGTH = 40 / 384
"""Least visible length of a line in the picture as a share of its height."""


def is_scored_lane(lane: Lane, picture_height: int) -> bool:
    """Whether a model must find `lane` in a picture of `picture_height` [px].

    Lines beyond the second on either side (slot 0: unknown, counts) and lines of which hardly anything is visible are
    neither asked for nor held against a model that finds them.
    """
    steps = np.linalg.norm(np.diff(lane.pixels, axis=0), axis=1)
    length = steps[lane.visible[:-1] & lane.visible[1:]].sum()
    return (lane.slot == 0 or lane.slot in SLOTS) and bool(length >= LEAST_LANE_LENGTH * picture_height)
