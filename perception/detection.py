"""Objects: which location must find which box, the losses per picture, and the way back to boxes.

FCOS (Tian et al. 2019): a location is responsible for a box if it lies near the box's centre and the box's size suits
the location's level. Losses: focal loss for the class, generalised IoU for the sides, cross-entropy for centerness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot
from torchvision.ops import batched_nms, box_iou, generalized_box_iou_loss, sigmoid_focal_loss

from perception.attributes import DISTANCE_BANDS
from perception.box import CLASSES
from perception.calibration import calibrated
from perception.config import STRIDES
from perception.outputs import Outputs
from perception.prediction import Detection
from perception.targets import Targets

LEVEL_REACH: tuple[tuple[float, float], ...] = ((0.0, 48.0), (48.0, 112.0), (112.0, float("inf")))
"""For each stride, the largest distance from location to side that it is responsible for [input px]."""

CENTER_RADIUS = 1.5
"""A responsible location lies at most this many strides from the box's centre, in x and in y."""

NMS_IOU = 0.6
"""Of two boxes of one class that overlap more than this, the weaker one is dropped."""

MOST_DETECTIONS = 100
"""Boxes kept per picture."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """What each location of one picture must say.

    Attributes:
        box: index of the box a location is responsible for, -1 if none.
        counts: false where no class loss is taken (inside boxes that count neither way).
    """

    box: Int[Tensor, "locations"]
    counts: Bool[Tensor, "locations"]


def assign(
    points: Float[Tensor, "locations 2"],
    strides: Float[Tensor, "locations"],
    boxes: Float[Tensor, "n 4"],
    scored: Bool[Tensor, "n"],
) -> Assignment:
    """Give each location the smallest box that it suits; every scored box gets one location at least."""
    if len(boxes) == 0:
        free = torch.full((len(points),), -1, device=points.device)
        return Assignment(free, torch.ones_like(free, dtype=torch.bool))
    sides = torch.cat([points[:, None] - boxes[None, :, :2], boxes[None, :, 2:] - points[:, None]], -1)
    inside = sides.amin(-1) > 0
    offset = (points[:, None] - (boxes[None, :, :2] + boxes[None, :, 2:]) / 2).abs().amax(-1)
    low, high = (strides.new_tensor([reach[side] for reach in LEVEL_REACH]) for side in (0, 1))
    level = torch.log2(strides / STRIDES[0]).round().long()
    reach = sides.amax(-1)
    suits = inside & (offset < CENTER_RADIUS * strides[:, None])
    suits &= (reach >= low[level][:, None]) & (reach < high[level][:, None]) & scored
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    cost = torch.where(suits, area[None].expand_as(offset), torch.inf)
    smallest, box = cost.min(1)
    box = torch.where(smallest.isfinite(), box, -1)
    for missed in torch.nonzero(scored & ~suits.any(0)).flatten().tolist():
        box[_nearest(offset[:, missed], strides, float((boxes[missed, 2:] - boxes[missed, :2]).amax()) / 2)] = missed
    return Assignment(box, ~(inside & ~scored).any(1) | (box >= 0))


def _nearest(offset: Float[Tensor, "locations"], strides: Float[Tensor, "locations"], half: float) -> int:
    """The location of the level for boxes of half size `half` that is nearest to a box's centre."""
    level = next(index for index, (low, high) in enumerate(LEVEL_REACH) if low <= half < high)
    return int(torch.where(strides == STRIDES[level], offset, torch.inf).argmin())


def assign_all(outputs: Outputs, targets: Targets, strides: Float[Tensor, "locations"]) -> list[Assignment]:
    """What each location of each picture must say."""
    labels = zip(targets.boxes, targets.scored, strict=True)
    return [assign(outputs.points, strides, boxes, scored) for boxes, scored in labels]


def object_losses(
    outputs: Outputs, targets: Targets, assignments: Sequence[Assignment]
) -> tuple[Float[Tensor, "batch"], Float[Tensor, "batch"]]:
    """Per picture: class loss, and the loss of sides and centerness; both per responsible location."""
    by_class, by_box = [], []
    predicted = outputs.boxes
    for index, assigned in enumerate(assignments):
        boxes, labels = targets.boxes[index], targets.labels[index]
        positive = assigned.box >= 0
        wanted = torch.zeros_like(outputs.logits[index])
        mine = assigned.box[positive]
        wanted[positive] = one_hot(labels[mine], len(CLASSES)).to(wanted.dtype)
        focal = sigmoid_focal_loss(outputs.logits[index], wanted, alpha=0.25, gamma=2.0).sum(1)
        count = max(len(mine), 1)
        by_class.append((focal * assigned.counts).sum() / count)
        overlap = generalized_box_iou_loss(predicted[index][positive], boxes[mine], reduction="sum")
        central = _centerness(outputs.points[positive], boxes[mine])
        center = binary_cross_entropy_with_logits(outputs.centerness[index][positive], central, reduction="sum")
        by_box.append((overlap + center) / count)
    return torch.stack(by_class), torch.stack(by_box)


def _centerness(points: Float[Tensor, "n 2"], boxes: Float[Tensor, "n 4"]) -> Float[Tensor, "n"]:
    """FCOS equation 3: 1 in the middle of a box, 0 at its border (and outside)."""
    low = (points - boxes[:, :2]).clamp(min=0)
    high = (boxes[:, 2:] - points).clamp(min=0)
    return (torch.minimum(low, high) / torch.maximum(low, high).clamp(min=1e-6)).prod(1).sqrt()


def decode_objects(
    outputs: Outputs, index: int, threshold: float, input_size: tuple[int, int], temperature: float = 1.0
) -> tuple[Detection, ...]:
    """Boxes of picture `index` in its own pixels, best first; `input_size` is the model's height and width [px].

    `threshold` is held against the confidences before they are calibrated with `temperature`.
    """
    score, place = outputs.scores[index].flatten().sort(descending=True, stable=True)
    kept = int((score > threshold).sum().clamp(max=1000))
    score, place = score[:kept], place[:kept]
    location, label = place // len(CLASSES), place % len(CLASSES)
    height, width = input_size
    limits = outputs.points.new_tensor([width, height, width, height])
    corners = outputs.boxes[index][location].clamp(min=0).minimum(limits)
    best = batched_nms(corners, score, label, NMS_IOU)[:MOST_DETECTIONS]
    corners = corners * _to_picture(outputs, input_size)
    bands, hidden = _attributes(outputs, index, location[best])
    rows = zip(label[best].tolist(), corners[best].tolist(), score[best].tolist(), bands, hidden, strict=True)
    return tuple(
        Detection(CLASSES[number], (box[0], box[1], box[2], box[3]), calibrated(value, temperature), band, share)
        for number, box, value, band, share in rows
        if box[2] > box[0] and box[3] > box[1]
    )


def _attributes(
    outputs: Outputs, index: int, location: Int[Tensor, "n"]
) -> tuple[Sequence[str | None], Sequence[float | None]]:
    """Distance bands and occlusions that some locations tell; None where the model has no head for them."""
    if outputs.object_attributes is None:
        return [None] * len(location), [None] * len(location)
    told = outputs.object_attributes[index, location]
    bands = [DISTANCE_BANDS[number] for number in told[:, :-1].argmax(1).tolist()]
    return bands, told[:, -1].sigmoid().tolist()


def object_evidence(
    outputs: Outputs, index: int, detection: Detection, input_size: tuple[int, int]
) -> Float[Tensor, ""]:
    """The class logit of the location that gave `detection` (its own picture's pixels) in picture `index`."""
    label = CLASSES.index(detection.label)
    wanted = outputs.points.new_tensor(detection.xyxy) / _to_picture(outputs, input_size)
    with torch.no_grad():
        overlap = box_iou(wanted[None], outputs.boxes[index])[0]
        location = int((overlap * outputs.scores[index][:, label]).argmax())
    return outputs.logits[index, location, label]


def _to_picture(outputs: Outputs, input_size: tuple[int, int]) -> Float[Tensor, "4"]:
    """Factors from input pixels to the picture's own, for left, top, right, bottom."""
    across, down = outputs.picture_size[1] / input_size[1], outputs.picture_size[0] / input_size[0]
    return outputs.points.new_tensor([across, down, across, down])
