"""Losses per picture of what is told of objects and lines beside their places; unknown labels cost nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from perception.attributes import UNKNOWN
from perception.detection import Assignment
from perception.outputs import LaneAttributes
from perception.targets import Targets


def object_attribute_losses(
    attributes: Float[Tensor, "batch locations kinds"], targets: Targets, assigned: Sequence[Assignment]
) -> Float[Tensor, "batch"]:
    """Cross-entropy of band and of occlusion (a share), per responsible location."""
    found = []
    for index, one in enumerate(assigned):
        mine = one.box[one.box >= 0]
        said = attributes[index][one.box >= 0]
        bands, hidden = targets.bands[index][mine], targets.hidden[index][mine]
        known = bands != UNKNOWN
        band = cross_entropy(said[known, :-1], bands[known], reduction="sum") / known.sum().clamp(min=1)
        share = binary_cross_entropy_with_logits(said[:, -1], hidden, reduction="sum") / max(len(mine), 1)
        found.append(band + share)
    return torch.stack(found)


def lane_attribute_losses(said: LaneAttributes, targets: Targets) -> Float[Tensor, "batch"]:
    """Cross-entropy of kind and colour per line, and of visibility per row that a line crosses."""
    there = targets.lane_kind != UNKNOWN
    lines = there.sum(1).clamp(min=1)
    kinds = cross_entropy(said.kinds.mT, targets.lane_kind, ignore_index=UNKNOWN, reduction="none")
    colors = cross_entropy(said.colors.mT, targets.lane_color, ignore_index=UNKNOWN, reduction="none")
    rows = (targets.lane_seen != UNKNOWN).float()
    seen = binary_cross_entropy_with_logits(said.visible, targets.lane_seen.clamp(min=0).float(), reduction="none")
    by_row = (seen * rows).sum((1, 2)) / rows.sum((1, 2)).clamp(min=1)
    return (kinds + colors).sum(1) / lines + by_row
