"""A student learns from a teacher beside the labels: its soft answers (Hinton et al. 2015) and its features.

Hinton's loss is for one class of several, softened by a temperature. Lane positions are that, over the columns of a
row; objects and the lines' existence are yes or no per class, so there the same loss is taken between two outcomes.
Features are imitated as in FitNets (Romero et al. 2015) and Chen et al. 2017, "Learning efficient object detection
models with knowledge distillation": every level of the pyramid, through a 1 x 1 convolution that is thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import kl_div, logsigmoid, mse_loss

from perception.config import STRIDES, ModelConfig
from perception.errors import WhiteoutError
from perception.model import LaneDetectionModel
from perception.outputs import Outputs

TEMPERATURE = 2.0
"""Logits are divided by it before they are compared: what a teacher thinks of the wrong answers then shows."""

DISTILLATION_WEIGHTS: Mapping[str, float] = {"teacher_objects": 1.0, "teacher_lanes": 1.0, "teacher_features": 1.0}
"""How much each loss counts beside the weighed losses of the labels."""

SURE = 0.05
"""What a location of the background, where the teacher is sure of nothing, counts at least: there are many of them."""


class Distillation(nn.Module):
    """The losses against one teacher; its own weights are the adapters.

    Attributes:
        adapters: by stride, from the student's channels to the teacher's; an identity at first, if both have as many.
    """

    def __init__(self, teacher: LaneDetectionModel, student: ModelConfig) -> None:
        super().__init__()
        given = teacher.config
        if teacher.input_size != (student.input_height, student.input_width):
            raise WhiteoutError(
                f"train: the teacher sees {given.input_width} x {given.input_height} px and the student "
                f"{student.input_width} x {student.input_height}; give both the same --size."
            )
        widths = student.pyramid_channels, given.pyramid_channels
        self.adapters = nn.ModuleDict({str(stride): _adapter(*widths) for stride in STRIDES})
        self._teacher = (
            teacher.eval().requires_grad_(requires_grad=False),
        )  # no submodule: it is not trained or saved

    @property
    def teacher(self) -> LaneDetectionModel:
        """The teacher, fixed."""
        return self._teacher[0]

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], features: Mapping[str, Tensor], outputs: Outputs
    ) -> dict[str, Float[Tensor, ""]]:
        """Mean losses of a batch, by the names in `DISTILLATION_WEIGHTS`, from the student's features and outputs."""
        with torch.no_grad():
            wanted = self.teacher.features(images)
            answers = self.teacher.answer(wanted, outputs.picture_size)
        levels = [mse_loss(self.adapters[key](features[key]).float(), wanted[key].float()) for key in self.adapters]
        return {
            "teacher_objects": object_imitation(outputs, answers),
            "teacher_lanes": lane_imitation(outputs, answers),
            "teacher_features": torch.stack(levels).mean(),
        }


def object_imitation(student: Outputs, teacher: Outputs) -> Float[Tensor, ""]:
    """Class logits: mean over locations, each weighed by the teacher's strongest probability there."""
    weights = teacher.logits.sigmoid().amax(-1).clamp(min=SURE)
    losses = two_way_loss(student.logits, teacher.logits).sum(-1)
    return (weights * losses).sum() / weights.sum()


def lane_imitation(student: Outputs, teacher: Outputs) -> Float[Tensor, ""]:
    """Existence of each row's line, and its place where the teacher thinks that there is one."""
    sure = teacher.lane_exists.sigmoid()
    places = softened_loss(student.lane_logits, teacher.lane_logits)
    exists = two_way_loss(student.lane_exists, teacher.lane_exists)
    return exists.mean() + (sure * places).sum() / sure.sum().clamp(min=1.0)


def softened_loss(
    student: Float[Tensor, "*batch classes"], teacher: Float[Tensor, "*batch classes"], temperature: float = TEMPERATURE
) -> Float[Tensor, "*batch"]:
    """Hinton et al. 2015, section 2: divergence of the softened distributions, times the temperature squared."""
    mine, theirs = ((logits / temperature).log_softmax(-1) for logits in (student, teacher))
    return kl_div(mine, theirs, reduction="none", log_target=True).sum(-1) * temperature**2


def two_way_loss(
    student: Float[Tensor, "*shape"], teacher: Float[Tensor, "*shape"], temperature: float = TEMPERATURE
) -> Float[Tensor, "*shape"]:
    """The same where the answer is yes or no: two outcomes with the logits x and 0."""
    mine, theirs = student / temperature, teacher / temperature
    yes = kl_div(logsigmoid(mine), logsigmoid(theirs), reduction="none", log_target=True)
    no = kl_div(logsigmoid(-mine), logsigmoid(-theirs), reduction="none", log_target=True)
    return (yes + no) * temperature**2


def _adapter(channels: int, wanted: int) -> nn.Conv2d:
    adapter = nn.Conv2d(channels, wanted, 1)
    nn.init.dirac_(adapter.weight)
    nn.init.zeros_(adapter.bias)  # type: ignore[arg-type]
    return adapter
