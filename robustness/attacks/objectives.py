"""What an attacker may want of a detection and lane model: one number per picture, larger is worse for the model.

All are differentiable and built on the raw outputs, before thresholds and non-maximum suppression, which have no useful
gradient. That they do what they say is not taken on trust: attacked pictures are scored again by the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from perception.config import ModelConfig
from perception.detection import assign
from perception.frame import Frame
from perception.model import Outputs, Targets, targets_from_frames
from perception.outputs import location_strides
from perception.targets import PRESENT

MOST_INVENTED = 50
"""How many of the strongest empty places `invent` works on: enough to fill a picture, few enough to follow."""


@runtime_checkable
class AttackableModel(Protocol):
    """What an objective asks of a model; `perception.model.LaneDetectionModel` is one."""

    config: ModelConfig

    def __call__(self, images: Float[Tensor, "batch 3 height width"], /) -> Outputs:
        """Raw outputs."""
        ...

    def loss(self, outputs: Outputs, targets: Targets) -> dict[str, Float[Tensor, "batch"]]:
        """Training losses per picture."""
        ...


Rule = Callable[[AttackableModel, Outputs, Targets], Float[Tensor, "batch"]]


@dataclass(frozen=True, eq=False)
class ModelObjective:
    """One wish about one batch of labelled pictures: an `attacks.pgd.Objective`.

    Attributes:
        name: a key of `RULES`.
        model: what is attacked.
        targets: what the pictures truly show.
    """

    name: str
    model: AttackableModel
    targets: Targets

    def __call__(self, images: Float[Tensor, "batch 3 height width"], /) -> Float[Tensor, "batch"]:
        """How far the wish is fulfilled, per picture."""
        return RULES[self.name](self.model, self.model(images), self.targets)


def objective(name: str, model: AttackableModel, frames: Sequence[Frame]) -> ModelObjective:
    """The wish `name` about `frames`."""
    return ModelObjective(name, model, targets_from_frames(frames, model.config))


def applies(name: str, frame: Frame, config: ModelConfig) -> bool:
    """Whether there is anything to attack: nothing can be hidden on an empty road, no line bent where none is seen."""
    targets = targets_from_frames([frame], config)
    if name == "hide":
        return bool(targets.scored[0].any())
    if name in ("bend_lanes", "erase_lanes"):
        return bool((targets.lane_state == PRESENT).any())
    return True


def hide(model: AttackableModel, outputs: Outputs, targets: Targets) -> Float[Tensor, "batch"]:
    """Make true objects vanish: mean log-probability of "nothing here" over the places that could tell of them.

    Those are the places inside their boxes and those that the training makes responsible: a small box may hold none.
    """
    inside = (_inside(outputs, targets, scored_only=True) | _responsible(model.config, outputs, targets))[..., None]
    nothing = -softplus(outputs.logits) * inside
    return nothing.sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)


def invent(_: AttackableModel, outputs: Outputs, targets: Targets) -> Float[Tensor, "batch"]:
    """Make objects appear: mean log-confidence of the most confident places outside all true boxes."""
    confidence = (logsigmoid(outputs.logits.amax(-1)) + logsigmoid(outputs.centerness)) / 2
    empty = confidence.masked_fill(_inside(outputs, targets, scored_only=False), -torch.inf)
    strongest = empty.topk(min(MOST_INVENTED, empty.shape[1])).values
    return torch.where(strongest.isfinite(), strongest, 0.0).mean(1)


def bend_lanes(model: AttackableModel, outputs: Outputs, targets: Targets) -> Float[Tensor, "batch"]:
    """Push visible lane lines sideways while they stay: the position loss, less what erasing the line would give."""
    losses = model.loss(outputs, targets)
    return losses["lanes_position"] - _gone(outputs, targets)


def erase_lanes(_: AttackableModel, outputs: Outputs, targets: Targets) -> Float[Tensor, "batch"]:
    """Make visible lane lines vanish: mean log-probability of "no line here" over the rows that show one."""
    present = (targets.lane_state == PRESENT).float()
    return -(softplus(outputs.lane_exists) * present).sum((1, 2)) / present.sum((1, 2)).clamp(min=1)


def everything(model: AttackableModel, outputs: Outputs, targets: Targets) -> Float[Tensor, "batch"]:
    """Be wrong in every way at once: the sum of all training losses, as in Madry et al."""
    return torch.stack(list(model.loss(outputs, targets).values())).sum(0)


RULES: dict[str, Rule] = {
    "hide": hide,
    "invent": invent,
    "bend_lanes": bend_lanes,
    "erase_lanes": erase_lanes,
    "all": everything,
}
"""Every wish by the name that plans use."""


def _inside(outputs: Outputs, targets: Targets, *, scored_only: bool) -> Bool[Tensor, "batch locations"]:
    """Which locations lie inside a true box."""
    rows = []
    for boxes, scored in zip(targets.boxes, targets.scored, strict=True):
        kept = boxes[scored] if scored_only else boxes
        low = (outputs.points[:, None] > kept[None, :, :2]).all(-1)
        high = (outputs.points[:, None] < kept[None, :, 2:]).all(-1)
        rows.append((low & high).any(1))
    return torch.stack(rows)


def _responsible(config: ModelConfig, outputs: Outputs, targets: Targets) -> Bool[Tensor, "batch locations"]:
    """Which locations must find a true box that counts."""
    strides = outputs.points.new_tensor(location_strides(config))
    return torch.stack(
        [
            assign(outputs.points, strides, boxes, scored).box >= 0
            for boxes, scored in zip(targets.boxes, targets.scored, strict=True)
        ]
    )


def _gone(outputs: Outputs, targets: Targets) -> Float[Tensor, "batch"]:
    """Mean cross-entropy of the line's existence over the rows that show one."""
    present = (targets.lane_state == PRESENT).float()
    return (softplus(-outputs.lane_exists) * present).sum((1, 2)) / present.sum((1, 2)).clamp(min=1)
