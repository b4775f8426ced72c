"""What an attacker may want of a foreign model, on its `Evidence`: the wishes of `objectives.py` for others' outputs.

Places are compared in the picture's own pixels. A wish that a model has no say in (lines, for a detector) is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from perception.adapters.lines import lane_absence
from perception.evidence import Evidence, LaneEvidence, ObjectEvidence
from perception.frame import Frame
from perception.labels import is_scored, is_scored_lane
from perception.lane import Lane
from perception.protocols import Network
from robustness.attacks.objectives import MOST_INVENTED

BAND = 12 / 640
"""Cells within this share of the picture's width of a true line count as the line."""

ASIDE = 0.06
"""A bent line is drawn this share of the picture's width away from where it is."""

CERTAIN = 1e-6
"""Confidences are held this far below 1 before the logarithm of their complement is taken."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What a picture truly shows, as these wishes need it.

    Attributes:
        boxes: objects that a model of `classes` must find: left, top, right, bottom [px].
        labels: their places in the evidence's classes.
        all_boxes: the same with those that count neither way, of every class.
        lanes: lines that a model must find.
    """

    boxes: Float[Tensor, "n 4"]
    labels: tuple[int, ...]
    all_boxes: Float[Tensor, "m 4"]
    lanes: tuple[Lane, ...]


Wish = Callable[[Evidence, Truth], Float[Tensor, ""]]


@dataclass(frozen=True, eq=False)
class EvidenceObjective:
    """One wish about one labelled picture: an `attacks.pgd.Objective` for a batch of one."""

    name: str
    network: Network
    frame: Frame

    def __call__(self, images: Float[Tensor, "1 3 height width"], /) -> Float[Tensor, "1"]:
        """How far the wish is fulfilled."""
        evidence: Evidence = self.network(images)
        truth = truth_of(self.frame, evidence)
        wishes = [self.name] if self.name != "all" else [name for name in WISHES if possible(name, evidence, truth)]
        parts = [WISHES[name](evidence, truth) for name in wishes]
        return torch.stack(parts).sum()[None] if parts else images.sum()[None] * 0


def truth_of(frame: Frame, evidence: Evidence) -> Truth:
    """What a frame asks of a model with this evidence."""
    classes = () if evidence.objects is None else evidence.objects.classes
    height = frame.camera.height
    scored = [box for box in frame.boxes if box.label in classes and is_scored(box, height)]
    lanes = tuple(lane for lane in frame.lanes if is_scored_lane(lane, height)) if evidence.lanes is not None else ()
    return Truth(
        torch.tensor([box.xyxy for box in scored]).reshape(-1, 4),
        tuple(classes.index(box.label) for box in scored),
        torch.tensor([box.xyxy for box in frame.boxes]).reshape(-1, 4),
        lanes,
    )


def possible(name: str, evidence: Evidence, truth: Truth) -> bool:
    """Whether there is anything to attack: see `objectives.applies`."""
    return {
        "hide": len(truth.labels) > 0,
        "invent": evidence.objects is not None,
        "bend_lanes": bool(truth.lanes),
        "erase_lanes": bool(truth.lanes),
        "all": True,
    }[name]


def hide(evidence: Evidence, truth: Truth) -> Float[Tensor, ""]:
    """Make true objects vanish: mean log-probability of "not this one" over the boxes that overlap each."""
    objects = _objects(evidence)
    overlap = _overlap(objects.boxes[0], truth.boxes)
    parts = []
    for number, label in enumerate(truth.labels):
        near = overlap[:, number] >= torch.minimum(overlap[:, number].max(), overlap.new_tensor(0.3))
        parts.append(_complement(objects.log_confidence[0, near, label]).mean())
    return torch.stack(parts).mean()


def invent(evidence: Evidence, truth: Truth) -> Float[Tensor, ""]:
    """Make objects appear: mean log-confidence of the surest boxes whose middle lies outside all true boxes."""
    objects = _objects(evidence)
    boxes, surest = objects.boxes[0], objects.log_confidence[0].amax(-1)
    middle = (boxes[:, :2] + boxes[:, 2:]).detach() / 2
    height, width = evidence.picture_size
    inside = ((middle[:, None] > truth.all_boxes[None, :, :2]) & (middle[:, None] < truth.all_boxes[None, :, 2:])).all(
        -1
    )
    free = ~inside.any(1) & (middle >= 0).all(1) & (middle <= middle.new_tensor([width, height])).all(1)
    values = surest[free].topk(min(MOST_INVENTED, int(free.sum()))).values
    return values.mean() if len(values) else surest.sum() * 0


def bend_lanes(evidence: Evidence, truth: Truth) -> Float[Tensor, ""]:
    """Move lines sideways while they stay: absence on the true line, presence on whichever side of it is surer.

    A side beyond the picture's edge is none.
    """
    lanes = _lanes(evidence)
    presence = torch.nn.functional.logsigmoid(lanes.log_odds[0].amax(0))
    step = ASIDE * evidence.picture_size[1]
    bands = [_band(lanes, evidence, truth.lanes, shift) for shift in (-step, step)]
    sides = [_mean(presence, band) for band in bands if band.any()]
    return erase_lanes(evidence, truth) + (torch.stack(sides).max() if sides else 0.0)


def erase_lanes(evidence: Evidence, truth: Truth) -> Float[Tensor, ""]:
    """Make lines vanish: mean log-probability of "no line here" over the cells of the true lines."""
    lanes = _lanes(evidence)
    return _mean(lane_absence(lanes)[0], _band(lanes, evidence, truth.lanes, 0.0))


WISHES: dict[str, Wish] = {"hide": hide, "invent": invent, "bend_lanes": bend_lanes, "erase_lanes": erase_lanes}
"""Every wish by the name that plans use; "all" is the sum of those that are possible."""


def _objects(evidence: Evidence) -> ObjectEvidence:
    assert evidence.objects is not None
    return evidence.objects


def _lanes(evidence: Evidence) -> LaneEvidence:
    assert evidence.lanes is not None
    return evidence.lanes


def _complement(log_confidence: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """log(1 - confidence), finite where the model is certain."""
    return torch.log1p(-log_confidence.exp().clamp(max=1 - CERTAIN))


def _overlap(boxes: Float[Tensor, "n 4"], truths: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    from torchvision.ops import box_iou

    found: Float[Tensor, "n m"] = box_iou(boxes.detach(), truths.to(boxes))
    return found


def _band(
    lanes: LaneEvidence, evidence: Evidence, lines: tuple[Lane, ...], shift: float
) -> Bool[Tensor, "rows columns"]:
    """The cells around the visible parts of true lines, moved sideways by `shift` [px]."""
    reach = BAND * evidence.picture_size[1] / 2
    xs, ys = lanes.xs.double().numpy(), lanes.ys.double().numpy()
    band = np.zeros((len(ys), len(xs)), dtype=bool)
    for line in lines:
        for start in np.flatnonzero(line.visible[:-1] & line.visible[1:]):
            (x0, y0), (x1, y1) = line.pixels[start], line.pixels[start + 1]
            rows = np.flatnonzero((ys >= min(y0, y1)) & (ys <= max(y0, y1)))
            share = (ys[rows] - y0) / (y1 - y0) if y1 != y0 else np.zeros(len(rows))
            places = x0 + share * (x1 - x0) + shift
            band[rows] |= np.abs(xs[None] - places[:, None]) <= reach
    return torch.from_numpy(band)


def _mean(values: Float[Tensor, "rows columns"], chosen: Bool[Tensor, "rows columns"]) -> Float[Tensor, ""]:
    """Mean over the chosen cells; 0 where there are none."""
    return (values * chosen).sum() / max(int(chosen.sum()), 1)
