"""A sanity check before a long training: a sound network learns a few pictures by heart in minutes.

If it does not, labels, losses or the way back to boxes and lines are broken, or the learning rate is unfit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

from lightning_fabric import Fabric
from torch.optim.swa_utils import update_bn

from perception.config import ModelConfig
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.labels import is_scored, is_scored_lane
from perception.metrics import Metrics, evaluate
from perception.model import images_from_frames
from perception.samples import batch_of, to_sample
from perception.shards import FrameSource
from perception.train import TrainConfig, pick_accelerator, pick_precision, start, take_step
from perception.training_log import TrainingLog

FALLEN = 0.5
"""The loss must end below this share of where it began."""

FOUND = 0.9
"""Least share of the objects, and of the lines, that must be found again."""


@dataclass(frozen=True)
class Overfit:
    """How well a few pictures were learned by heart.

    Attributes:
        first, last: the loss at the first and at the last step.
        metrics: of the same pictures.
    """

    first: float
    last: float
    metrics: Metrics

    @property
    def fell(self) -> bool:
        """Whether the loss fell enough."""
        return self.last < FALLEN * self.first

    @property
    def boxes_found(self) -> bool:
        """Whether the objects were found again."""
        return self.metrics.boxes.recall >= FOUND

    @property
    def lanes_found(self) -> bool:
        """Whether the lines were found again."""
        return self.metrics.lanes.recall >= FOUND

    @property
    def passed(self) -> bool:
        """Whether all is well."""
        return self.fell and self.boxes_found and self.lanes_found

    def sentences(self) -> list[str]:
        """What is to be said about it."""
        boxes, lanes = self.metrics.boxes, self.metrics.lanes
        facts = (
            (self.fell, f"the loss went from {self.first:.3f} to {self.last:.3f}"),
            (self.boxes_found, f"{boxes.tp} of {boxes.tp + boxes.fn} objects were found again"),
            (self.lanes_found, f"{lanes.tp} of {lanes.tp + lanes.fn} lane lines were found again"),
        )
        return [f"{'ok' if well else 'NOT OK'}: {sentence}" for well, sentence in facts]


def overfit(drives: Sequence[FrameSource], count: int, config: TrainConfig, model_config: ModelConfig) -> Overfit:
    """Learn the first `count` pictures that show an object and a lane line, without variation, and ask for them."""
    frames = list(islice(filter(_shows_both, chain.from_iterable(drives)), count))
    if not frames:
        raise WhiteoutError("train: no picture of these drives shows both an object and a lane line; name others.")
    accelerator = pick_accelerator(config.accelerator)
    fabric = Fabric(accelerator=accelerator, devices=1, precision=pick_precision(config.precision, accelerator))
    fabric.launch()
    state = start(config, model_config, device=fabric.device)
    batch = batch_of([to_sample(frame, model_config) for frame in frames], model_config).to(fabric.device)
    totals: list[float] = []
    with TrainingLog(0, config.steps) as log:
        for step in range(config.steps):
            state.progress.step = step
            losses = take_step(fabric, state, batch, config)
            weights = state.balance.weights()
            totals.append(sum(weights[name] * value for name, value in losses.items()))
            log.step(step + 1, losses, {})
    update_bn([batch.images], state.model)
    model = state.model.eval()
    answers = [model.predict(images_from_frames([frame]))[0] for frame in frames]
    return Overfit(totals[0], totals[-1], evaluate(frames, answers))


def _shows_both(frame: Frame) -> bool:
    height = frame.camera.height
    boxes, lanes = (
        (is_scored(box, height) for box in frame.boxes),
        (is_scored_lane(lane, height) for lane in frame.lanes),
    )
    return any(boxes) and any(lanes)
