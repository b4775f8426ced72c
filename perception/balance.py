"""How much each of the model's losses counts: by fixed weights, or by weights that are learned beside the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from perception.errors import WhiteoutError

LOSS_WEIGHTS: Mapping[str, float] = {
    "objects": 1.0,
    "boxes": 1.0,
    "lanes_exist": 2.0,
    "lanes_position": 0.5,
    "object_attributes": 0.2,
    "lane_attributes": 0.2,
}
"""The fixed weights, and where the learned ones begin."""

REGRESSIONS: frozenset[str] = frozenset({"boxes", "lanes_position"})
"""Losses that measure how far off a number is; the others are of classes."""

BALANCES: tuple[str, ...] = ("fixed", "uncertainty")
"""Names of the ways to weigh."""


class Balance(nn.Module):
    """The one loss that training lowers, from the model's losses by name.

    With "uncertainty", Kendall et al. 2018, "Multi-task learning using uncertainty to weigh losses": each task has a
    learned noise, of which s = log variance is kept. A loss L of classes adds exp(-s) L + s / 2 (their equation 10),
    one of numbers exp(-s) L / 2 + s / 2 (equation 7): an uncertain task counts less, and the second term keeps it from
    counting nothing. The noise begins where the weights are the fixed ones.
    """

    def __init__(self, names: Sequence[str], kind: str = "fixed") -> None:
        super().__init__()
        if kind not in BALANCES:
            raise WhiteoutError(f"training: balance is '{kind}'; use one of {', '.join(BALANCES)}.")
        self.names = tuple(names)
        self.log_variance: nn.Parameter | None = None
        if kind == "uncertainty":
            begin = [LOSS_WEIGHTS[name] / _scale(name) for name in names]
            self.log_variance = nn.Parameter(-torch.tensor(begin).log())

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """The sum of the weighed losses."""
        if self.log_variance is None:
            return sum((LOSS_WEIGHTS[name] * losses[name] for name in self.names), losses[self.names[0]].new_zeros(()))
        scales = self.log_variance.new_tensor([_scale(name) for name in self.names])
        stacked = torch.stack([losses[name] for name in self.names])
        return (scales * (-self.log_variance).exp() * stacked + self.log_variance / 2).sum()

    def weights(self) -> dict[str, float]:
        """By how much each loss is multiplied now."""
        if self.log_variance is None:
            return {name: LOSS_WEIGHTS[name] for name in self.names}
        factors = (-self.log_variance.detach()).exp().tolist()
        return {name: _scale(name) * factor for name, factor in zip(self.names, factors, strict=True)}


def _scale(name: str) -> float:
    return 0.5 if name in REGRESSIONS else 1.0
