"""The loop that fits any network whose forward pass is its loss: rate, checkpoints and progress as in `train.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from perception.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint
from perception.errors import WhiteoutError
from perception.optimise import move, seed_of, set_rate, weight_groups
from perception.train import pick_accelerator, pick_precision
from perception.training_log import TrainingLog

Batches = Callable[[int], Sequence[Tensor]]
"""What the network takes at a step; by its number alone, so that a resumed fit sees what an undisturbed one saw."""


@dataclass(frozen=True)
class FitConfig:
    """How to fit.

    Attributes:
        steps: optimiser steps.
        batch: pictures per step.
        learning_rate: AdamW's peak rate, reached after `warmup` steps, then falling to zero along a cosine.
        weight_decay: AdamW's, on kernels only.
        warmup: steps of linear rise.
        clip: largest norm of the gradient.
        seed: of the first weights, the order of the pictures and what is hidden.
        checkpoint_every: steps between checkpoints.
        precision: Fabric's, "auto" takes "bf16-mixed" where the device computes in it and "32-true" elsewhere.
        accelerator: "cpu", "cuda", or "auto" for CUDA where there is a device.
    """

    steps: int = 4000
    batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: int = 200
    clip: float = 3.0
    seed: int = 0
    checkpoint_every: int = 100
    precision: str = "auto"
    accelerator: str = "auto"


def make_fabric(config: FitConfig) -> Fabric:
    """The device to compute on."""
    accelerator = pick_accelerator(config.accelerator)
    fabric = Fabric(accelerator=accelerator, devices=1, precision=pick_precision(config.precision, accelerator))
    fabric.launch()
    return fabric


def describe_fit(config: FitConfig, fabric: Fabric) -> dict[str, object]:
    """The settings with what "auto" became."""
    kind = fabric.device.type
    return asdict(config) | {"accelerator": kind, "precision": pick_precision(config.precision, kind)}


def fit(
    fabric: Fabric,
    network: nn.Module,
    batches: Batches,
    config: FitConfig,
    out: Path,
    inputs: Mapping[str, object],
    *,
    resume: bool = False,
) -> float:
    """Lower the loss `network(*batches(step))`; returns its running mean over the last steps.

    The checkpoint beside `out` is left to the caller, who removes it once the weights are written. `inputs` is all
    that the weights depend on; with `resume`, a checkpoint made with others is a `WhiteoutError`.
    """
    network.to(fabric.device).train()
    optimizer = AdamW(weight_groups([network], config.weight_decay), lr=config.learning_rate, betas=(0.9, 0.95))
    step, mean = 0, float("nan")
    if resume and checkpoint_path(out).exists():
        saved = load_checkpoint(checkpoint_path(out), {"network": network}, optimizer, inputs)
        step, mean = int(saved["step"]), float(saved["loss"])
    with TrainingLog(step, config.steps) as log:
        while step < config.steps:
            batch = [value.to(fabric.device) for value in batches(step)]
            loss = take_step(fabric, network, optimizer, batch, step, config)
            mean = loss if step == 0 else 0.95 * mean + 0.05 * loss
            step += 1
            log.step(step, {"loss": mean}, {})
            if step % config.checkpoint_every == 0 and step < config.steps:
                progress = {"step": step, "loss": mean}
                save_checkpoint(checkpoint_path(out), progress, {"network": network}, optimizer, inputs)
    return mean


def take_step(
    fabric: Fabric, network: nn.Module, optimizer: Optimizer, batch: Sequence[Tensor], step: int, config: FitConfig
) -> float:
    """One optimiser step; returns the loss before it."""
    torch.manual_seed(seed_of(config.seed, step))  # for what a network drops by chance
    set_rate(optimizer, step, config)
    with fabric.autocast():
        loss: Tensor = network(*batch)
    optimizer.zero_grad()
    fabric.backward(loss)
    move(optimizer, list(network.parameters()), step, config)
    return float(loss.detach())


def check_out(out: Path) -> None:
    """Refuse a name that weights cannot have."""
    if out.suffix != ".safetensors":
        raise WhiteoutError(f"{out}: weights are written as safetensors; let the name end in .safetensors.")
