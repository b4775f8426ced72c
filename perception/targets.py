"""What a model should say: labels of frames, brought to the model's input size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor

from perception.attributes import UNKNOWN, band_index, color_index, kind_index
from perception.box import CLASSES, Box
from perception.config import SLOTS, STRIDES, ModelConfig
from perception.frame import Frame
from perception.labels import is_scored
from perception.lane import Lane

PRESENT, ABSENT, IGNORED = 1, 0, -1
"""States of a lane slot in a row: the line is there, is not there, or nobody can tell (hidden, under snow)."""

BRIDGED_ROWS = 4
"""A hidden stretch of at most this many rows between visible ones (behind a car, say) still counts as present."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Labels of a batch in input pixels.

    Attributes:
        boxes: per picture, left, top, right, bottom [input px].
        labels: per picture, class indices into `CLASSES`.
        scored: per picture, false for boxes that count neither way (see `is_scored`).
        lane_x: per slot and row, the line's place [input px]; 0 where not present.
        lane_state: per slot and row, `PRESENT`, `ABSENT` or `IGNORED`.
        bands: per picture, indices into `DISTANCE_BANDS`, `UNKNOWN` where the distance is.
        hidden: per picture, share of each object that others hide.
        lane_kind: per slot, index into `LANE_KINDS`, `UNKNOWN` where there is no line.
        lane_color: per slot, index into `LANE_COLORS`, `UNKNOWN` where there is no line.
        lane_seen: per slot and row, 1 where the line is seen, 0 where it is hidden, `UNKNOWN` where there is none.
    """

    boxes: tuple[Float[Tensor, "_ 4"], ...]
    labels: tuple[Int[Tensor, "_"], ...]
    scored: tuple[Bool[Tensor, "_"], ...]
    lane_x: Float[Tensor, "batch slots rows"]
    lane_state: Int[Tensor, "batch slots rows"]
    bands: tuple[Int[Tensor, "_"], ...]
    hidden: tuple[Float[Tensor, "_"], ...]
    lane_kind: Int[Tensor, "batch slots"]
    lane_color: Int[Tensor, "batch slots"]
    lane_seen: Int[Tensor, "batch slots rows"]

    def __len__(self) -> int:
        return len(self.boxes)

    def to(self, device: torch.device | str) -> Targets:
        """The same on another device."""
        return Targets(
            tuple(value.to(device) for value in self.boxes),
            tuple(value.to(device) for value in self.labels),
            tuple(value.to(device) for value in self.scored),
            self.lane_x.to(device),
            self.lane_state.to(device),
            tuple(value.to(device) for value in self.bands),
            tuple(value.to(device) for value in self.hidden),
            self.lane_kind.to(device),
            self.lane_color.to(device),
            self.lane_seen.to(device),
        )


def targets_from_frames(frames: Sequence[Frame], config: ModelConfig) -> Targets:
    """Targets for a batch of frames of any size."""
    return collate([frame_target(f.boxes, f.lanes, f.image.shape[1], f.image.shape[0], config) for f in frames])


def collate(targets: Sequence[Targets]) -> Targets:
    """One batch from several."""
    return Targets(
        tuple(value for target in targets for value in target.boxes),
        tuple(value for target in targets for value in target.labels),
        tuple(value for target in targets for value in target.scored),
        torch.cat([target.lane_x for target in targets]),
        torch.cat([target.lane_state for target in targets]),
        tuple(value for target in targets for value in target.bands),
        tuple(value for target in targets for value in target.hidden),
        torch.cat([target.lane_kind for target in targets]),
        torch.cat([target.lane_color for target in targets]),
        torch.cat([target.lane_seen for target in targets]),
    )


def frame_target(
    boxes: Sequence[Box],
    lanes: Sequence[Lane],
    width: int,
    height: int,
    config: ModelConfig,
    hidden: Sequence[float] | None = None,
) -> Targets:
    """A batch of one from the labels of a picture of `width` x `height` [px].

    `hidden` is the share of each object that others hide, where the boxes' `visible` means something else.
    """
    scale = np.array([config.input_width / width, config.input_height / height])
    corners = np.array([box.xyxy for box in boxes], dtype=np.float64).reshape(-1, 4) * np.tile(scale, 2)
    lane_x = np.zeros((len(SLOTS), config.rows))
    lane_state = np.full((len(SLOTS), config.rows), ABSENT)
    lane_kind, lane_color = (np.full(len(SLOTS), UNKNOWN) for _ in range(2))
    lane_seen = np.full((len(SLOTS), config.rows), UNKNOWN)
    for lane in lanes:
        if lane.slot in SLOTS:
            slot = SLOTS.index(lane.slot)
            x, state, seen = rows_of_line(lane.pixels * scale, lane.visible, config)
            free = (lane_state[slot] == ABSENT) & (state != ABSENT)
            lane_x[slot][free], lane_state[slot][free], lane_seen[slot][free] = x[free], state[free], seen[free]
            if lane_kind[slot] == UNKNOWN and (state == PRESENT).any():
                lane_kind[slot], lane_color[slot] = kind_index(lane.kind), color_index(lane.color)
    shares = [1 - box.visible for box in boxes] if hidden is None else hidden
    return Targets(
        (torch.from_numpy(corners).float(),),
        (torch.tensor([CLASSES.index(box.label) for box in boxes], dtype=torch.int64),),
        (torch.tensor([is_scored(box, height) for box in boxes], dtype=torch.bool),),
        torch.from_numpy(lane_x).float()[None],
        torch.from_numpy(lane_state).to(torch.int64)[None],
        (torch.tensor([band_index(box.distance) for box in boxes], dtype=torch.int64),),
        (torch.tensor(shares, dtype=torch.float32),),
        torch.from_numpy(lane_kind).to(torch.int64)[None],
        torch.from_numpy(lane_color).to(torch.int64)[None],
        torch.from_numpy(lane_seen).to(torch.int64)[None],
    )


def rows_of_line(
    pixels: Float[ndarray, "n 2"], visible: Bool[ndarray, "n"], config: ModelConfig
) -> tuple[Float[ndarray, "rows"], Int[ndarray, "rows"], Bool[ndarray, "rows"]]:
    """Place [input px] and state of a line at the middle of each row of cells, and whether it is seen right there.

    A line that crosses a row more than once is taken where it does so nearest to the camera. A row is hidden when the
    nearer end of the segment that crosses it is.
    """
    heights = (np.arange(config.rows) + 0.5) * STRIDES[0]
    crossing = crossings(pixels[:, 1], heights)
    found = crossing >= 0
    start = np.maximum(crossing, 0)
    ends = pixels[np.minimum(start + 1, len(pixels) - 1)]
    begin = pixels[start]
    rise = ends[:, 1] - begin[:, 1]
    share = np.clip((heights - begin[:, 1]) / np.where(np.abs(rise) < 1e-9, 1.0, rise), 0, 1)
    x = begin[:, 0] + share * (ends[:, 0] - begin[:, 0])
    seen = np.where(share < 0.5, visible[start], visible[np.minimum(start + 1, len(pixels) - 1)])
    inside = found & (x >= 0) & (x < config.input_width)
    state = np.where(inside, np.where(bridge(seen & inside, BRIDGED_ROWS), PRESENT, IGNORED), ABSENT)
    return np.where(state == PRESENT, x, 0.0), state, seen & inside


def crossings(line: Float[ndarray, "n"], heights: Float[ndarray, "rows"]) -> Int[ndarray, "rows"]:
    """For each of `heights`, the first segment of a polyline with ordinates `line` that reaches it, or -1."""
    low, high = np.minimum(line[:-1], line[1:]), np.maximum(line[:-1], line[1:])
    reaches = (low[None] <= heights[:, None]) & (heights[:, None] <= high[None])
    return np.where(reaches.any(1), reaches.argmax(1), -1)


def bridge(seen: Bool[ndarray, "rows"], longest: int) -> Bool[ndarray, "rows"]:
    """`seen` with runs of at most `longest` false values between true ones filled."""
    filled = seen.copy()
    edges = np.flatnonzero(seen)
    for left, right in pairwise(edges):
        if right - left - 1 <= longest:
            filled[left:right] = True
    return filled
