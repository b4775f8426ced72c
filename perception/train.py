"""Training, top to bottom: read the drives, take steps, average the weights, score, write weights and card."""

from __future__ import annotations

import copy
import math
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.optim import AdamW, Optimizer
from torch.optim.swa_utils import update_bn

from perception.allocator import keep_memory
from perception.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint
from perception.config import ModelConfig
from perception.errors import WhiteoutError
from perception.inference import evaluate_model
from perception.model import LaneDetectionModel
from perception.samples import Batch, Sample, make_batch
from perception.shards import FrameSource
from perception.streaming import gather_samples
from perception.weights import Card, load_model, read_card, save_model

LOSS_WEIGHTS: Mapping[str, float] = {"objects": 1.0, "boxes": 1.0, "lanes_exist": 2.0, "lanes_position": 0.5}
"""How much each of the model's losses counts."""

STATISTICS_BATCHES = 64
"""Batches from which the final statistics of batch normalisation are measured."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Attributes:
        steps: optimiser steps.
        batch: pictures per step.
        learning_rate: AdamW's peak rate, reached after `warmup` steps, then falling to zero along a cosine.
        weight_decay: AdamW's, on kernels only.
        warmup: steps of linear rise.
        average: how much of the averaged weights stays at each step; the average is what is saved.
        clip: largest norm of the gradient.
        seed: of the first weights, the order of the pictures and their variations.
        checkpoint_every: steps between checkpoints.
        precision: Fabric's, "auto" takes "bf16-mixed" where the processor computes in it and "32-true" elsewhere.
    """

    steps: int = 4000
    batch: int = 8
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    warmup: int = 200
    average: float = 0.998
    clip: float = 10.0
    seed: int = 0
    checkpoint_every: int = 100
    precision: str = "auto"


@dataclass(eq=False)
class State:
    """What changes while training."""

    model: LaneDetectionModel
    averaged: LaneDetectionModel
    optimizer: Optimizer
    step: int = 0

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        """What a checkpoint holds besides the optimizer."""
        return {"model": self.model, "averaged": self.averaged}


def train(
    drives: Sequence[FrameSource],
    out: Path,
    config: TrainConfig,
    *,
    model_config: ModelConfig | None = None,
    init: Path | None = None,
    val: Sequence[FrameSource] = (),
    resume: bool = False,
    command: str = "",
) -> Card:
    """Train on `drives` (or shards), write weights and card to `out`, and return the card.

    With `init`, training begins at those weights, and their configuration holds, instead of at random ones.

    The card's metrics are those of the written weights on `val`, or on `drives` if there is none.
    """
    if not drives:
        raise WhiteoutError("train: no drive was given; name at least one folder of labelled frames.")
    if out.suffix != ".safetensors":
        raise WhiteoutError(f"{out}: weights are written as safetensors; let the name end in .safetensors.")
    keep_memory()
    fabric = Fabric(accelerator="cpu", devices=1, precision=_precision(config.precision))
    state = start(config, model_config or ModelConfig(), init)
    inputs = describe(drives, val, config, state.model.config)
    if init is not None:
        inputs["init"] = {"weights_hash": state.model.weights_hash(), "facts": read_card(init).facts}
    if resume and checkpoint_path(out).exists():
        state.step = load_checkpoint(checkpoint_path(out), state.modules, state.optimizer, inputs)
    facts: dict[str, object] = {**inputs, "command": command, "versions": _versions()}
    samples = gather_samples(drives, state.model.config)
    losses = run(fabric, state, samples, config, out, inputs)
    settle_statistics(state.averaged, samples, config)
    save_model(state.averaged, out, facts)
    facts |= {"losses": losses, "metrics": evaluate_model(load_model(out), val or drives).to_dict()}
    card = save_model(state.averaged, out, facts)
    checkpoint_path(out).unlink(missing_ok=True)
    return card


def start(config: TrainConfig, model_config: ModelConfig, init: Path | None = None) -> State:
    """Fresh weights, or those of `init`, and a fresh optimiser."""
    torch.manual_seed(config.seed)
    fresh = LaneDetectionModel(model_config) if init is None else load_model(init).requires_grad_(True)
    model = fresh.to(memory_format=torch.channels_last)
    kernels = [value for value in model.parameters() if value.ndim >= 2]
    vectors = [value for value in model.parameters() if value.ndim < 2]
    groups = [{"params": kernels, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    averaged = copy.deepcopy(model).requires_grad_(requires_grad=False)
    return State(model.train(), averaged, AdamW(groups, lr=config.learning_rate))


def run(
    fabric: Fabric,
    state: State,
    samples: Sequence[Sample],
    config: TrainConfig,
    out: Path,
    inputs: Mapping[str, object],
) -> dict[str, float]:
    """Take the steps that are left, with checkpoints; returns the last steps' mean losses."""
    recent: dict[str, float] = {}
    with _progress(state.step, config.steps) as show:
        while state.step < config.steps:
            batch = make_batch(samples, state.step, config.batch, config.seed, state.model.config)
            losses = take_step(fabric, state, batch, config)
            state.step += 1
            recent = {key: 0.95 * recent.get(key, value) + 0.05 * value for key, value in losses.items()}
            show(state.step, recent)
            if state.step % config.checkpoint_every == 0 and state.step < config.steps:
                save_checkpoint(checkpoint_path(out), state.step, state.modules, state.optimizer, inputs)
    return recent


def take_step(fabric: Fabric, state: State, batch: Batch, config: TrainConfig) -> dict[str, float]:
    """One optimiser step; returns the batch's mean losses."""
    for group in state.optimizer.param_groups:
        group["lr"] = config.learning_rate * schedule(state.step, config)
    images = batch.images.contiguous(memory_format=torch.channels_last)
    with fabric.autocast():
        outputs = state.model(images)
    losses = {key: value.mean() for key, value in state.model.loss(outputs, batch.targets).items()}
    total = sum((LOSS_WEIGHTS[key] * value for key, value in losses.items()), torch.zeros(()))
    state.optimizer.zero_grad()
    fabric.backward(total)
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.clip)
    if not torch.isfinite(norm):
        raise WhiteoutError(
            f"training diverged at step {state.step + 1} (the gradient is {float(norm)}); use a smaller --rate"
        )
    state.optimizer.step()
    update_average(state, config.average)
    return {key: float(value.detach()) for key, value in losses.items()}


def schedule(step: int, config: TrainConfig) -> float:
    """Share of the peak learning rate at a step: linear rise, then a cosine to zero."""
    warmup = min(config.warmup, max(config.steps // 10, 1))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(config.steps - warmup, 1)))


@torch.no_grad()
def update_average(state: State, keep: float) -> None:
    """Move the averaged weights and statistics towards the current ones; early averages forget faster."""
    keep = min(keep, (1 + state.step) / (10 + state.step))
    for mean, now in zip(state.averaged.state_dict().values(), state.model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(now, 1 - keep)
        else:
            mean.copy_(now)


def settle_statistics(model: LaneDetectionModel, samples: Sequence[Sample], config: TrainConfig) -> None:
    """Measure batch normalisation's statistics anew for averaged weights, which no batch has ever passed through."""
    batches = range(config.steps, config.steps + min(STATISTICS_BATCHES, config.steps))
    images = (make_batch(samples, step, config.batch, config.seed, model.config).images for step in batches)
    update_bn(images, model)


def describe(
    drives: Sequence[FrameSource], val: Sequence[FrameSource], config: TrainConfig, model_config: ModelConfig
) -> dict[str, object]:
    """Everything that the weights depend on, for the card and to refuse a checkpoint of another training."""

    def data(some: Sequence[FrameSource]) -> list[dict[str, object]]:
        return [{"drive": drive.path.name, "frames": len(drive), "content_hash": drive.content_hash} for drive in some]

    return {
        "training": asdict(config) | {"precision": _precision(config.precision)},
        "model": model_config.to_dict(),
        "data": {"train": data(drives), "val": data(val)},
    }


def _versions() -> dict[str, str | int]:
    packages = ("torch", "torchvision", "numpy", "albumentations")
    versions = {name: version(name) for name in packages}
    return {"python": platform.python_version(), **versions, "threads": torch.get_num_threads()}


def _precision(wanted: str) -> str:
    """Fabric's name of the number format to compute in."""
    if wanted != "auto":
        return wanted
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"  # noqa: SLF001


@contextmanager
def _progress(done: int, total: int) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """A progress bar; the function it gives takes the steps done and the losses to show."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[losses]}"))
    with Progress(TextColumn("training"), *columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("training", total=total, completed=done, losses="")

        def show(step: int, losses: Mapping[str, float]) -> None:
            text = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
            progress.update(task, completed=step, losses=text)

        yield show
