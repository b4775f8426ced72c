"""Projected gradient descent on the picture (Madry et al. 2017, arXiv 1706.06083), L-infinity, in [0, 1] pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

LEVELS = 255
"""A picture file holds whole multiples of 1 / 255: every attacked picture is rounded to them before it counts."""


@runtime_checkable
class Objective(Protocol):
    """What an attacker wants of pictures: one number per picture, the larger the worse for the model."""

    def __call__(self, images: Float[Tensor, "batch 3 height width"], /) -> Float[Tensor, "batch"]:
        """Differentiable in `images`."""
        ...


@runtime_checkable
class Attack(Protocol):
    """A search for the pictures near `images` that raise `objective` most; needs no base class of ours."""

    def __call__(
        self, objective: Objective, images: Float[Tensor, "batch 3 height width"], *, generator: Generator
    ) -> Attacked:
        """Same images, objective and generator state, same result."""
        ...


@dataclass(frozen=True, eq=False)
class Attacked:
    """The outcome of an attack.

    Attributes:
        images: the worst pictures found: within eps of the clean ones, in [0, 1], multiples of 1 / 255.
        value: the objective at `images`.
        clean_value: the objective at the clean pictures.
        gradient: mean |gradient| of the objective over all steps, per picture; 0 or NaN is a broken attack.
    """

    images: Float[Tensor, "batch 3 height width"]
    value: Float[Tensor, "batch"]
    clean_value: Float[Tensor, "batch"]
    gradient: Float[Tensor, "batch"]


@dataclass(frozen=True)
class PGD:
    """Projected gradient descent; per picture, the best of all steps is stored, and the best of all restarts kept.

    Attributes:
        eps: radius of the L-infinity ball, in [0, 1] pixels.
        steps: gradient steps from each start.
        restarts: random starts, uniform in the ball.
        step_size: of one step; None for 2.5 eps / steps, Madry's choice, which can cross the ball from any start.
    """

    eps: float
    steps: int = 10
    restarts: int = 1
    step_size: float | None = None

    def __call__(
        self, objective: Objective, images: Float[Tensor, "batch 3 height width"], *, generator: Generator
    ) -> Attacked:
        """Raise `objective` within `eps` of `images`; the random starts are drawn from `generator`."""
        step_size = 2.5 * self.eps / self.steps if self.step_size is None else self.step_size
        with torch.no_grad():
            clean_value = objective(images)
        best, best_value = images, clean_value
        slopes = []
        for _ in range(self.restarts):
            start = torch.rand(images.shape, generator=generator, dtype=images.dtype) * 2 - 1
            attacked = (images + self.eps * start).clamp(0, 1)
            found, found_value = images, clean_value
            for _ in range(self.steps):
                value, gradient = _gradient(objective, attacked)
                found, found_value = _keep(found, found_value, attacked, value)
                slopes.append(gradient.abs().mean(dim=(1, 2, 3)))
                attacked = project(attacked + step_size * gradient.sign(), images, self.eps)
            with torch.no_grad():
                found, _ = _keep(found, found_value, attacked, objective(attacked))
                stored = as_file(found, images, self.eps)
                best, best_value = _keep(best, best_value, stored, objective(stored))
        return Attacked(best, best_value, clean_value, torch.stack(slopes).mean(dim=0))


def project(
    attacked: Float[Tensor, "batch 3 height width"], images: Float[Tensor, "batch 3 height width"], eps: float
) -> Float[Tensor, "batch 3 height width"]:
    """The nearest pictures within `eps` of `images` and within [0, 1]."""
    return torch.clamp(attacked, min=images - eps, max=images + eps).clamp(0, 1)


def as_file(
    attacked: Float[Tensor, "batch 3 height width"], images: Float[Tensor, "batch 3 height width"], eps: float
) -> Float[Tensor, "batch 3 height width"]:
    """`attacked` as an 8-bit picture file holds it: whole levels, of which no more than eps allows away from `images`.

    `images` must be multiples of 1 / 255. The thousandth of a level absorbs float error in eps.
    """
    limit = int(eps * LEVELS + 1e-3)
    clean = (images * LEVELS).round()
    levels = (attacked * LEVELS).round()
    return torch.clamp(levels, min=clean - limit, max=clean + limit).clamp(0, LEVELS) / LEVELS


def _gradient(
    objective: Objective, images: Float[Tensor, "batch 3 height width"]
) -> tuple[Float[Tensor, "batch"], Float[Tensor, "batch 3 height width"]]:
    """The objective at `images` and its gradient there; pictures do not influence each other's."""
    images = images.detach().requires_grad_(True)
    value = objective(images)
    (gradient,) = torch.autograd.grad(value.sum(), images)
    return value.detach(), gradient


def _keep(
    best: Float[Tensor, "batch 3 height width"],
    best_value: Float[Tensor, "batch"],
    images: Float[Tensor, "batch 3 height width"],
    value: Float[Tensor, "batch"],
) -> tuple[Float[Tensor, "batch 3 height width"], Float[Tensor, "batch"]]:
    """Per picture, the one with the larger value."""
    better: Bool[Tensor, "batch"] = value > best_value
    return torch.where(better[:, None, None, None], images, best), torch.where(better, value, best_value)
