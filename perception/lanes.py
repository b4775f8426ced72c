"""Lane lines: losses per picture, and the way from row distributions back to polylines."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from perception.attributes import LANE_COLORS
from perception.config import SLOTS, STRIDES
from perception.lane import LANE_KINDS
from perception.outputs import Outputs
from perception.prediction import LanePrediction
from perception.targets import IGNORED, PRESENT, Targets

LEAST_ROWS = 3
"""Rows that a predicted line must have."""

DISTANCE_WEIGHT = 0.25
"""Weight of one cell of distance against one nat of cross-entropy."""

WINDOW = 3
"""Cells on each side of the strongest one that say where the line is; a second, far peak must not pull it away."""


def lane_losses(outputs: Outputs, targets: Targets) -> tuple[Float[Tensor, "batch"], Float[Tensor, "batch"]]:
    """Per picture: existence loss over the rows that count, and position loss over the rows with a line.

    The position loss is the cross-entropy to the two cells around the line (weighted so that their mean is the line's
    place) plus `DISTANCE_WEIGHT` times the distance between that place and the predicted distribution's mean, in cells.
    """
    counts = (targets.lane_state != IGNORED).float()
    present = (targets.lane_state == PRESENT).float()
    exists = binary_cross_entropy_with_logits(outputs.lane_exists, present, reduction="none") * counts
    by_exists = exists.sum((1, 2)) / counts.sum((1, 2)).clamp(min=1)
    columns = outputs.lane_logits.shape[-1]
    place = (targets.lane_x / STRIDES[0] - 0.5).clamp(0, columns - 1)
    left = place.floor().long().clamp(max=columns - 2)
    share = place - left
    log_share = outputs.lane_logits.log_softmax(-1)
    neighbours = log_share.gather(-1, torch.stack([left, left + 1], -1))
    entropy = -(neighbours[..., 0] * (1 - share) + neighbours[..., 1] * share)
    distance = (_mean(log_share.exp()) - place).abs()
    by_position = ((entropy + DISTANCE_WEIGHT * distance) * present).sum((1, 2)) / present.sum((1, 2)).clamp(min=1)
    return by_exists, by_position


def lane_places(outputs: Outputs) -> Float[Tensor, "batch slots rows"]:
    """Where each line crosses each row [input px]: the mean of the distribution near its strongest cell."""
    share = outputs.lane_logits.softmax(-1)
    cells = torch.arange(share.shape[-1], device=share.device)
    near = (cells - share.argmax(-1, keepdim=True)).abs() <= WINDOW
    local = share * near
    return (_mean(local / local.sum(-1, keepdim=True)) + 0.5) * STRIDES[0]


def decode_lanes(
    outputs: Outputs, index: int, threshold: float, input_size: tuple[int, int]
) -> tuple[LanePrediction, ...]:
    """Lines of picture `index` in its own pixels, near to far, best first; `input_size` is height and width [px]."""
    probability = outputs.lane_exists[index].sigmoid()
    places = lane_places(outputs)[index]
    rows = (torch.arange(places.shape[-1], device=places.device) + 0.5) * STRIDES[0]
    scale = places.new_tensor([outputs.picture_size[1] / input_size[1], outputs.picture_size[0] / input_size[0]])
    lines = []
    for number, slot in enumerate(SLOTS):
        there = probability[number] > threshold
        if int(there.sum()) < LEAST_ROWS:
            continue
        pixels = torch.stack([places[number][there], rows[there]], -1) * scale
        score = float(probability[number][there].mean())
        points = pixels.flip(0).double().cpu().numpy()
        said = outputs.lane_attributes
        if said is None:
            lines.append(LanePrediction(points, score, slot))
            continue
        kind = LANE_KINDS[int(said.kinds[index, number].argmax())]
        color = LANE_COLORS[int(said.colors[index, number].argmax())]
        visible = said.visible[index, number][there].sigmoid().flip(0).double().cpu().numpy()
        lines.append(LanePrediction(points, score, slot, kind, color, visible))
    return tuple(sorted(lines, key=lambda line: -line.score))


def lane_evidence(outputs: Outputs, slot: int) -> Float[Tensor, "batch"]:
    """How strongly each picture speaks for its line in `slot`.

    The sum over rows of the existence logit and the log-probability of the strongest cell, weighted by the row's
    existence probability, which is held constant.
    """
    number = SLOTS.index(slot)
    exists = outputs.lane_exists[:, number]
    strongest = outputs.lane_logits[:, number].log_softmax(-1).amax(-1)
    return (exists.sigmoid().detach() * (exists + strongest)).sum(-1)


def _mean(share: Float[Tensor, "*rows columns"]) -> Float[Tensor, "*rows"]:
    """Mean column of a distribution [cells]."""
    return (share * torch.arange(share.shape[-1], device=share.device, dtype=share.dtype)).sum(-1)
