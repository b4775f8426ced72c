"""The raw numbers that the network gives, before they become boxes and lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from perception.config import STRIDES, ModelConfig

ALWAYS: tuple[str, ...] = ("logits", "sides", "centerness", "lane_logits", "lane_exists")
"""Fields of `Outputs` that depend on the picture and that every model has."""


@dataclass(frozen=True, eq=False)
class LaneAttributes:
    """What is told of lines beside where they are.

    Attributes:
        kinds: logits per slot of `LANE_KINDS`.
        colors: logits per slot of `perception.attributes.LANE_COLORS`.
        visible: per slot and row, logit of whether the line is seen there.
    """

    kinds: Float[Tensor, "batch slots kinds"]
    colors: Float[Tensor, "batch slots colors"]
    visible: Float[Tensor, "batch slots rows"]


@dataclass(frozen=True, eq=False)
class Outputs:
    """Everything differentiable in the input picture.

    Attributes:
        logits: class logits per location (cells of the strides 8, 16 and 32, row by row).
        sides: distances from each location to its box's left, top, right and bottom [input px].
        centerness: logit of how central a location is in its box.
        lane_logits: position logits per slot, row and column of stride-8 cells.
        lane_exists: existence logits per slot and row.
        points: each location's x and y [input px].
        picture_size: height and width of the pictures given [px].
        object_attributes: per location, logits of the distance bands, then of occlusion; None without that head.
        lane_attributes: None without that head.
    """

    logits: Float[Tensor, "batch locations classes"]
    sides: Float[Tensor, "batch locations 4"]
    centerness: Float[Tensor, "batch locations"]
    lane_logits: Float[Tensor, "batch slots rows columns"]
    lane_exists: Float[Tensor, "batch slots rows"]
    points: Float[Tensor, "locations 2"]
    picture_size: tuple[int, int]
    object_attributes: Float[Tensor, "batch locations attributes"] | None = None
    lane_attributes: LaneAttributes | None = None

    def __len__(self) -> int:
        return len(self.logits)

    def tensors(self) -> dict[str, Tensor]:
        """All that depends on the picture, by name: what a network outside torch gives; see `from_tensors`."""
        found = {name: getattr(self, name) for name in ALWAYS}
        if self.object_attributes is not None:
            found["object_attributes"] = self.object_attributes
        if self.lane_attributes is not None:
            found |= {
                f"lane_{field.name}": getattr(self.lane_attributes, field.name) for field in fields(LaneAttributes)
            }
        return found

    @classmethod
    def from_tensors(
        cls, found: Mapping[str, Tensor], points: Float[Tensor, "locations 2"], picture_size: tuple[int, int]
    ) -> Outputs:
        """The outputs whose `tensors` were given; a name that is not there is a `KeyError`."""
        plain = {name: found[name] for name in ALWAYS}
        told = None
        if "lane_kinds" in found:
            told = LaneAttributes(**{field.name: found[f"lane_{field.name}"] for field in fields(LaneAttributes)})
        return cls(
            **plain,
            points=points,
            picture_size=picture_size,
            object_attributes=found.get("object_attributes"),
            lane_attributes=told,
        )

    @property
    def boxes(self) -> Float[Tensor, "batch locations 4"]:
        """Left, top, right, bottom of the box at every location [input px]."""
        low = self.points - self.sides[..., :2]
        return torch.cat([low, self.points + self.sides[..., 2:]], -1)

    @property
    def scores(self) -> Float[Tensor, "batch locations classes"]:
        """Confidence per location and class: geometric mean of class probability and centerness."""
        return (self.logits.sigmoid() * self.centerness.sigmoid()[..., None]).sqrt()


def location_strides(config: ModelConfig) -> list[int]:
    """The stride of every location [input px]."""
    counts = [(config.input_height // stride) * (config.input_width // stride) for stride in STRIDES]
    return [stride for stride, count in zip(STRIDES, counts, strict=True) for _ in range(count)]


def location_points(config: ModelConfig) -> Float[Tensor, "locations 2"]:
    """Centres of all cells, finest level first, row by row [input px]."""
    levels = []
    for stride in STRIDES:
        ys = (torch.arange(config.input_height // stride) + 0.5) * stride
        xs = (torch.arange(config.input_width // stride) + 0.5) * stride
        grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
        levels.append(torch.stack([grid_x, grid_y], -1).reshape(-1, 2))
    return torch.cat(levels)
