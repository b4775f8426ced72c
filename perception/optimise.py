"""What every training does with an optimiser: the rate by step, decay on kernels only, a bounded gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from perception.errors import WhiteoutError


@runtime_checkable
class Scheduled(Protocol):
    """What the rate depends on.

    Attributes:
        steps: optimiser steps.
        learning_rate: the peak rate, reached after `warmup` steps, then falling to zero along a cosine.
        warmup: steps of linear rise, a tenth of all steps at most.
        clip: largest norm of the gradient.
    """

    @property
    def steps(self) -> int: ...  # noqa: D102
    @property
    def learning_rate(self) -> float: ...  # noqa: D102
    @property
    def warmup(self) -> int: ...  # noqa: D102
    @property
    def clip(self) -> float: ...  # noqa: D102


def schedule(step: int, config: Scheduled) -> float:
    """Share of the peak learning rate at a step: linear rise, then a cosine to zero."""
    warmup = min(config.warmup, max(config.steps // 10, 1))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(config.steps - warmup, 1)))


def weight_groups(modules: Iterable[nn.Module], decay: float) -> list[dict[str, Any]]:
    """Parameters for an optimiser: kernels decay, vectors do not."""
    parameters = [value for module in modules for value in module.parameters()]
    kernels, vectors = ([v for v in parameters if (v.ndim >= 2) is many] for many in (True, False))
    return [{"params": kernels, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def set_rate(optimizer: Optimizer, step: int, config: Scheduled) -> None:
    """Bring the optimiser to the rate of a step."""
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * schedule(step, config)


def move(optimizer: Optimizer, parameters: Sequence[Tensor], step: int, config: Scheduled) -> None:
    """Bound the gradient and take the step; a gradient that is no number is a `WhiteoutError`."""
    norm = clip_grad_norm_(parameters, config.clip)
    if not torch.isfinite(norm):
        raise WhiteoutError(
            f"training diverged at step {step + 1} (the gradient is {float(norm)}); use a smaller --rate"
        )
    optimizer.step()


def seed_of(*numbers: int) -> int:
    """One seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
