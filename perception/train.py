"""Training, top to bottom: read the drives, take steps, average the weights, score, write weights and card."""

from __future__ import annotations

import copy
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.swa_utils import update_bn

from perception.allocator import keep_memory
from perception.balance import Balance
from perception.calibration import fit_temperature
from perception.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint
from perception.config import ModelConfig
from perception.distillation import DISTILLATION_WEIGHTS, Distillation
from perception.errors import WhiteoutError
from perception.inference import evaluate_model
from perception.loader import Loader, usual_workers
from perception.metrics import confidences
from perception.model import LaneDetectionModel
from perception.optimise import move, seed_of, set_rate, weight_groups
from perception.pretraining.backbone_file import load_backbone
from perception.samples import Batch
from perception.shards import FrameSource
from perception.streaming import gather_samples
from perception.training_log import TrainingLog
from perception.weights import Card, load_model, read_card, save_model

STATISTICS_BATCHES = 64
"""Batches from which the final statistics of batch normalisation are measured."""

PRECISIONS = ("auto", "32-true", "bf16-mixed")
"""Number formats, by Fabric's names."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Attributes:
        steps: optimiser steps.
        batch: pictures per step, over all devices.
        learning_rate: AdamW's peak rate, reached after `warmup` steps, then falling to zero along a cosine.
        weight_decay: AdamW's, on kernels only.
        warmup: steps of linear rise.
        average: how much of the averaged weights stays at each step; the average is what is saved.
        clip: largest norm of the gradient.
        seed: of the first weights, the order of the pictures and their variations.
        checkpoint_every: steps between checkpoints.
        precision: Fabric's, "auto" takes "bf16-mixed" where the device computes in it and "32-true" elsewhere.
        balance: how the losses are weighed, see `perception.balance.Balance`.
        patience: validations without a better score after which training ends; the weights with the best score are
            then the ones that are saved. 0 takes all steps and the last weights.
        validate_every: steps between validations, where `patience` asks for them.
        accelerator: "cpu", "cuda", or "auto" for CUDA where there is a device.
        devices: devices that share each batch.
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
    balance: str = "fixed"
    patience: int = 0
    validate_every: int = 500
    accelerator: str = "auto"
    devices: int = 1


@dataclass(frozen=True, eq=False)
class Job:
    """One training; see `train`."""

    drives: Sequence[FrameSource]
    out: Path
    config: TrainConfig
    model_config: ModelConfig
    init: Path | None
    backbone_weights: Path | None
    teacher: Path | None
    val: Sequence[FrameSource]
    resume: bool
    command: str
    workers: int
    log: Path | None


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        step: optimiser steps done.
        losses: running means of the losses.
        best_score: of the validations so far; None before the first.
        best_step: steps done at that validation.
        stale: validations since then.
    """

    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    best_score: float | None = None
    best_step: int = 0
    stale: int = 0


@dataclass(eq=False)
class State:
    """What changes while training: everything that a checkpoint holds."""

    model: LaneDetectionModel
    averaged: LaneDetectionModel
    best: LaneDetectionModel
    balance: Balance
    optimizer: Optimizer
    progress: Progress
    distillation: Distillation | None = None

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint holds besides optimizer and progress."""
        return {**self.trained, "averaged": self.averaged, "best": self.best}

    @property
    def trained(self) -> dict[str, nn.Module]:
        """What the optimiser moves."""
        distillation = {} if self.distillation is None else {"distillation": self.distillation}
        return {"model": self.model, "balance": self.balance, **distillation}


def train(
    drives: Sequence[FrameSource],
    out: Path,
    config: TrainConfig,
    *,
    model_config: ModelConfig | None = None,
    init: Path | None = None,
    backbone_weights: Path | None = None,
    teacher: Path | None = None,
    val: Sequence[FrameSource] = (),
    resume: bool = False,
    command: str = "",
    workers: int | None = None,
    log: Path | None = None,
) -> Card:
    """Train on `drives` (or shards), write weights and card to `out`, and return the card.

    With `init`, training begins at those weights, and their configuration holds, instead of at random ones; with
    `backbone_weights`, only the backbone begins at those of a pre-training or another model. With `teacher`, the model
    also learns from the answers and features of that one. Without `model_config`, the model has the heads for
    attributes.
    `workers` processes make the batches (None: as many as suit the machine), and `log` takes curves for TensorBoard;
    neither changes the weights. With `resume`, training goes on at the checkpoint beside `out`, if there is one.

    The card's metrics are those of the written weights on `val`, or on `drives` if there is none.
    """
    accelerator = pick_accelerator(config.accelerator)
    workers = usual_workers(accelerator) if workers is None else workers
    job = Job(
        drives,
        out,
        config,
        model_config or ModelConfig(object_attributes=True, lane_attributes=True),
        init,
        backbone_weights,
        teacher,
        val,
        resume,
        command,
        workers,
        log,
    )
    _check(job)
    fabric = Fabric(
        accelerator=accelerator,
        devices=config.devices,
        strategy="ddp_spawn" if config.devices > 1 else "auto",
        precision=pick_precision(config.precision, accelerator),
    )
    card: Card = fabric.launch(partial(train_on, job=job))  # as an argument Fabric would search and refuse it
    return card


def train_on(fabric: Fabric, job: Job) -> Card | None:
    """Train on the devices of `fabric`; the first process writes the weights and returns their card."""
    keep_memory()
    state = start(
        job.config,
        job.model_config,
        job.init,
        fabric.device,
        backbone_weights=job.backbone_weights,
        teacher=job.teacher,
    )
    inputs = describe(job, state.model.config, fabric)
    if job.resume and checkpoint_path(job.out).exists():
        saved = load_checkpoint(checkpoint_path(job.out), state.modules, state.optimizer, inputs)
        state.progress = Progress(**saved)
    samples = gather_samples(job.drives, state.model.config)
    part = (fabric.global_rank, fabric.world_size)
    loader = Loader(samples, job.config.batch, job.config.seed, state.model.config, job.workers, part)
    take_steps(fabric, state, loader, job, inputs)
    card = finish(state, loader, job, inputs) if fabric.is_global_zero else None
    fabric.barrier()
    return card


def start(
    config: TrainConfig,
    model_config: ModelConfig,
    init: Path | None = None,
    device: torch.device | str = "cpu",
    *,
    backbone_weights: Path | None = None,
    teacher: Path | None = None,
) -> State:
    """Fresh weights, or those of `init` or `backbone_weights`, a fresh optimiser, and what a teacher asks for."""
    torch.manual_seed(config.seed)
    fresh = LaneDetectionModel(model_config) if init is None else load_model(init).requires_grad_(True)
    if backbone_weights is not None:
        load_backbone(backbone_weights, fresh.backbone, fresh.config.backbone)
    model = fresh.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    balance = Balance(model.losses, config.balance).to(device)
    averaged = copy.deepcopy(model).requires_grad_(requires_grad=False).eval()
    distillation = None
    if teacher is not None:
        distillation = Distillation(load_model(teacher).to(device), fresh.config).to(device)
    learning = [module for module in (model, balance, distillation) if module is not None]
    optimizer = AdamW(weight_groups(learning, config.weight_decay), lr=config.learning_rate)
    return State(model.train(), averaged, copy.deepcopy(averaged), balance, optimizer, Progress(), distillation)


def take_steps(fabric: Fabric, state: State, loader: Loader, job: Job, inputs: Mapping[str, object]) -> None:
    """Take the steps that are left, with validations and checkpoints, until the last one or until patience ends."""
    config, progress = job.config, state.progress
    last = progress.step if _out_of_patience(progress, config) else config.steps
    with TrainingLog(progress.step, config.steps, job.log, silent=not fabric.is_global_zero) as log:
        for batch in loader.batches(progress.step, last):
            losses = take_step(fabric, state, batch.to(fabric.device), config)
            progress.step += 1
            progress.losses = {k: 0.95 * progress.losses.get(k, v) + 0.05 * v for k, v in losses.items()}
            facts = {f"weight/{name}": value for name, value in state.balance.weights().items()}
            log.step(progress.step, progress.losses, {**facts, "waiting": loader.waiting.share})
            ends = progress.step == config.steps
            if config.patience and (ends or progress.step % config.validate_every == 0):
                validate(fabric, state, job, log)
            if progress.step % config.checkpoint_every == 0 and not ends and fabric.is_global_zero:
                save_checkpoint(checkpoint_path(job.out), asdict(progress), state.modules, state.optimizer, inputs)
            if _out_of_patience(progress, config):
                break


def take_step(fabric: Fabric, state: State, batch: Batch, config: TrainConfig) -> dict[str, float]:
    """One optimiser step; returns the batch's mean losses."""
    step = state.progress.step
    torch.manual_seed(seed_of(config.seed, step, fabric.global_rank))  # for what a network drops by chance
    set_rate(state.optimizer, step, config)
    images = batch.images.contiguous(memory_format=torch.channels_last)
    with fabric.autocast():
        features = state.model.features(images)
        outputs = state.model.answer(features, state.model.input_size)
        taught = {} if state.distillation is None else state.distillation(images, features, outputs)
    losses = {key: value.mean() for key, value in state.model.loss(outputs, batch.targets).items()}
    state.optimizer.zero_grad()
    beside = [DISTILLATION_WEIGHTS[key] * value for key, value in taught.items()]
    fabric.backward(sum(beside, state.balance(losses)))
    losses |= taught
    parameters = [value for module in state.trained.values() for value in module.parameters()]
    share_gradients(fabric, parameters)
    move(state.optimizer, parameters, step, config)
    update_average(state, config.average)
    return {key: float(value.detach()) for key, value in losses.items()}


def share_gradients(fabric: Fabric, parameters: Iterable[Tensor]) -> None:
    """Give every process the mean gradient over all processes, each of which saw an equal part of the batch."""
    if fabric.world_size > 1:
        for value in parameters:
            if value.grad is not None:
                value.grad = fabric.all_reduce(value.grad, reduce_op="mean")


@torch.no_grad()
def update_average(state: State, keep: float) -> None:
    """Move the averaged weights and statistics towards the current ones; early averages forget faster."""
    keep = min(keep, (1 + state.progress.step) / (10 + state.progress.step))
    for mean, now in zip(state.averaged.state_dict().values(), state.model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(now, 1 - keep)
        else:
            mean.copy_(now)


def validate(fabric: Fabric, state: State, job: Job, log: TrainingLog) -> None:
    """Score the averaged weights, and keep them if they are the best so far."""
    progress = state.progress
    score = None
    if fabric.is_global_zero:
        metrics = evaluate_model(state.averaged, job.val, progress=False)
        figures = {"ap50": metrics.ap50, "lane_f1": metrics.lane_f1}
        known = {name: value for name, value in figures.items() if not math.isnan(value)}
        score = sum(known.values()) / max(len(known), 1)
        log.validation(progress.step, {**known, "score": score})
    score = fabric.broadcast(score)
    if progress.best_score is None or score > progress.best_score:
        progress.best_score, progress.best_step, progress.stale = score, progress.step, 0
        state.best.load_state_dict(state.averaged.state_dict())
    else:
        progress.stale += 1


def finish(state: State, loader: Loader, job: Job, inputs: Mapping[str, object]) -> Card:
    """Settle, write and score the weights; say how long training waited for data."""
    model = (state.best if job.config.patience else state.averaged).cpu()
    settle_statistics(model, loader, job.config)
    calibrate(model, job)
    waiting, progress = loader.waiting, state.progress
    facts: dict[str, object] = {**inputs, "command": job.command, "versions": versions()}
    save_model(model, job.out, facts)
    facts |= {"losses": progress.losses, "loss_weights": state.balance.weights(), "steps": progress.step}
    facts |= {"best_step": progress.best_step, "best_score": progress.best_score} if job.config.patience else {}
    facts |= {"waiting": {"data_s": waiting.data, "total_s": waiting.total, "share": waiting.share}}
    facts |= {"metrics": evaluate_model(load_model(job.out), job.val or job.drives).to_dict()}
    card = save_model(model, job.out, facts)
    checkpoint_path(job.out).unlink(missing_ok=True)
    spent = f"{waiting.share:.1%} of {waiting.total:.1f} s with {loader.workers} workers"
    Console(stderr=True).print(f"waiting for data: {spent}", highlight=False)
    return card


def calibrate(model: LaneDetectionModel, job: Job) -> None:
    """Fit the temperature of the boxes' confidences on the validation drives; without any it stays 1."""
    model.config = replace(model.config, score_temperature=1.0)
    if job.val:
        save_model(model, job.out)
        frames = evaluate_model(load_model(job.out), job.val).frames
        model.config = replace(model.config, score_temperature=fit_temperature(*confidences(frames)))


def settle_statistics(model: LaneDetectionModel, loader: Loader, config: TrainConfig) -> None:
    """Measure batch normalisation's statistics anew for averaged weights, which no batch has ever passed through."""
    whole = Loader(loader.samples, config.batch, config.seed, model.config, loader.workers)
    batches = whole.batches(config.steps, config.steps + min(STATISTICS_BATCHES, config.steps))
    update_bn((batch.images for batch in batches), model)


def describe(job: Job, model_config: ModelConfig, fabric: Fabric) -> dict[str, object]:
    """Everything that the weights depend on, for the card and to refuse a checkpoint of another training."""

    def data(some: Sequence[FrameSource]) -> list[dict[str, object]]:
        return [{"drive": drive.path.name, "frames": len(drive), "content_hash": drive.content_hash} for drive in some]

    accelerator = fabric.device.type
    picked = {"accelerator": accelerator, "precision": pick_precision(job.config.precision, accelerator)}
    begun = {"init": job.init, "backbone_weights": job.backbone_weights, "teacher": job.teacher}
    return {
        "training": asdict(job.config) | picked,
        "model": model_config.to_dict(),
        "data": {"train": data(job.drives), "val": data(job.val)},
        **{name: describe_weights(path) for name, path in begun.items() if path is not None},
    }


def describe_weights(path: Path) -> dict[str, object]:
    """What other weights are, for the card of those that learned from them."""
    card = read_card(path)
    return {"weights_hash": card.weights_hash, "facts": card.facts}


def pick_accelerator(wanted: str) -> str:
    """Fabric's name of the kind of device to compute on."""
    there = torch.cuda.is_available()
    if wanted not in ("auto", "cpu", "cuda") or (wanted == "cuda" and not there):
        raise WhiteoutError(
            f"training: there is no device '{wanted}' here; use cpu{', cuda' if there else ''} or auto."
        )
    return ("cuda" if there else "cpu") if wanted == "auto" else wanted


def pick_precision(wanted: str, accelerator: str) -> str:
    """Fabric's name of the number format to compute in."""
    if wanted not in PRECISIONS:
        raise WhiteoutError(f"training: precision is '{wanted}'; use one of {', '.join(PRECISIONS)}.")
    if wanted != "auto":
        return wanted
    pays = torch.cuda.is_bf16_supported() if accelerator == "cuda" else torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
    return "bf16-mixed" if pays else "32-true"


def _check(job: Job) -> None:
    config = job.config
    if not job.drives:
        raise WhiteoutError("train: no drive was given; name at least one folder of labelled frames.")
    if job.out.suffix != ".safetensors":
        raise WhiteoutError(f"{job.out}: weights are written as safetensors; let the name end in .safetensors.")
    if config.patience and not job.val:
        raise WhiteoutError("train: patience needs drives to validate on; name them with --val.")
    if config.batch % config.devices:
        raise WhiteoutError(
            f"train: {config.devices} devices cannot share {config.batch} pictures per step evenly; change --batch."
        )


def _out_of_patience(progress: Progress, config: TrainConfig) -> bool:
    return bool(config.patience) and progress.stale >= config.patience


def versions() -> dict[str, str | int]:
    """Versions of what computes, and the number of threads, for a card."""
    packages = ("torch", "torchvision", "numpy", "albumentations")
    found = {name: version(name) for name in packages}
    return {"python": platform.python_version(), **found, "threads": torch.get_num_threads()}
