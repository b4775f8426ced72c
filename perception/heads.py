"""The two heads on the feature pyramid: objects (anchor-free) and lane lines (row anchors)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from perception.attributes import DISTANCE_BANDS, LANE_COLORS
from perception.box import CLASSES
from perception.config import SLOTS, STRIDES, ModelConfig
from perception.lane import LANE_KINDS
from perception.outputs import LaneAttributes

PRIOR = 0.01
"""Probability of an object that the untrained head gives everywhere, so that focal loss starts calm."""


def conv_block(inputs: int, outputs: int, dilation: int = 1) -> nn.Sequential:
    """3 x 3 convolution, group normalisation (independent of the batch's make-up) and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False),
        nn.GroupNorm(16, outputs),
        nn.ReLU(),
    )


class ObjectHead(nn.Module):
    """FCOS (Tian et al. 2019): per cell a class, the distances to the box's four sides, and how central the cell is.

    One set of weights serves all levels; a learned scale per level turns its distances into input pixels.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.pyramid_channels
        self.class_tower = nn.Sequential(*(conv_block(channels, channels) for _ in range(config.tower_convs)))
        self.box_tower = nn.Sequential(*(conv_block(channels, channels) for _ in range(config.tower_convs)))
        self.classes = nn.Conv2d(channels, len(CLASSES), 3, padding=1)
        self.sides = nn.Conv2d(channels, 4, 3, padding=1)
        self.centerness = nn.Conv2d(channels, 1, 3, padding=1)
        self.scales = nn.Parameter(torch.ones(len(STRIDES)))
        nn.init.normal_(self.classes.weight, std=0.01)
        nn.init.normal_(self.sides.weight, std=0.01)
        nn.init.constant_(self.classes.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]
        nn.init.constant_(self.sides.bias, 1.0)  # type: ignore[arg-type]
        told = len(DISTANCE_BANDS) + 1
        self.attributes = nn.Conv2d(channels, told, 3, padding=1) if config.object_attributes else None

    def forward(
        self, features: Mapping[str, Tensor]
    ) -> tuple[
        Float[Tensor, "batch locations classes"],
        Float[Tensor, "batch locations 4"],
        Float[Tensor, "batch locations"],
        Float[Tensor, "batch locations attributes"] | None,
    ]:
        """Class logits, distances left, top, right, bottom [input px], centerness, attributes; finest level first."""
        logits, sides, centers, told = [], [], [], []
        for level, (stride, feature) in enumerate(zip(STRIDES, features.values(), strict=True)):
            by_class, by_box = self.class_tower(feature), self.box_tower(feature)
            distance = nn.functional.softplus(self.sides(by_box).float() * self.scales[level]) * stride
            logits.append(self.classes(by_class).float().flatten(2).mT)
            sides.append(distance.flatten(2).mT)
            centers.append(self.centerness(by_box).float().flatten(1))
            if self.attributes is not None:
                told.append(self.attributes(by_box).float().flatten(2).mT)
        attributes = torch.cat(told, 1) if told else None
        return torch.cat(logits, 1), torch.cat(sides, 1), torch.cat(centers, 1), attributes


class LaneHead(nn.Module):
    """Row anchors: for each slot and row of stride-8 cells, a distribution over columns and whether the line is there.

    Why row anchors and not key points or segmentation: a line is a function of the row for nearly every view from a
    car, so the answer comes ordered and needs no clustering; the mean of a row's distribution is finer than a cell;
    everything is differentiable, which attacks and saliency need; and each row gives one error in metres on the road.
    The price: a line that runs level across the picture (a side road at a junction) is not described.

    Which line is "the first to the left" is a question about the whole picture. The pyramid brings the coarse levels'
    view; column and row coordinates and two dilated convolutions add the place.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.pyramid_channels
        self.features = nn.Sequential(
            conv_block(channels + 2, channels), conv_block(channels, channels, 2), conv_block(channels, channels, 4)
        )
        self.positions = nn.Conv2d(channels, len(SLOTS), 1)
        self.exists = nn.Sequential(
            nn.Conv1d(2 * channels, channels, 5, padding=2), nn.ReLU(), nn.Conv1d(channels, 1, 5, padding=2)
        )
        self.paint = nn.Linear(2 * channels, len(LANE_KINDS) + len(LANE_COLORS)) if config.lane_attributes else None
        self.visible = nn.Conv1d(2 * channels, 1, 5, padding=2) if config.lane_attributes else None

    def forward(
        self, feature: Float[Tensor, "batch channels rows columns"]
    ) -> tuple[Float[Tensor, "batch slots rows columns"], Float[Tensor, "batch slots rows"], LaneAttributes | None]:
        """Position logits per cell, existence logits per row, and attributes; slots in the order of `SLOTS`."""
        batch, _, rows, columns = feature.shape
        ys = torch.linspace(-1, 1, rows, device=feature.device, dtype=feature.dtype)
        xs = torch.linspace(-1, 1, columns, device=feature.device, dtype=feature.dtype)
        place = torch.stack(torch.meshgrid(ys, xs, indexing="ij")).expand(batch, 2, rows, columns)
        shared = self.features(torch.cat([feature, place], 1))
        positions = self.positions(shared).float()
        attention = positions.softmax(3).to(shared.dtype)
        on_line = torch.einsum("bsrc,bkrc->bskr", attention, shared)
        around = shared.mean(3)[:, None].expand_as(on_line)
        evidence = torch.cat([on_line, around], 2).flatten(0, 1)
        exists = self.exists(evidence).float().reshape(batch, len(SLOTS), rows)
        return positions, exists, self._attributes(evidence, exists)

    def _attributes(
        self, evidence: Float[Tensor, "lines features rows"], exists: Float[Tensor, "batch slots rows"]
    ) -> LaneAttributes | None:
        """Kind and colour from the rows where the line is, visibility row by row."""
        if self.paint is None or self.visible is None:
            return None
        where = exists.detach().flatten(0, 1).softmax(-1).to(evidence.dtype)
        told = self.paint(torch.einsum("nfr,nr->nf", evidence, where)).float().reshape(*exists.shape[:2], -1)
        visible = self.visible(evidence).float().reshape(exists.shape)
        return LaneAttributes(told[..., : len(LANE_KINDS)], told[..., len(LANE_KINDS) :], visible)
