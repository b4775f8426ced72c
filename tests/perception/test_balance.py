"""Weighing the losses: the fixed weights, and Kendall's, against what the paper's formulas say."""

from __future__ import annotations

import math

import pytest
import torch

from perception.balance import LOSS_WEIGHTS, Balance
from perception.errors import WhiteoutError
from perception.model import LOSSES
from perception.train import TrainConfig, start
from tests.perception.test_train import CONFIG

LOSS = {"objects": 2.0, "boxes": 0.5, "lanes_exist": 0.1, "lanes_position": 3.0}


def losses() -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in LOSS.items()}


def test_fixed_weights_are_a_plain_sum() -> None:
    assert float(Balance(LOSSES)(losses())) == pytest.approx(2.0 + 0.5 + 2 * 0.1 + 0.5 * 3.0)
    assert list(Balance(LOSSES).parameters()) == []


def test_learned_weights_begin_at_the_fixed_ones() -> None:
    assert Balance(LOSSES, "uncertainty").weights() == pytest.approx({name: LOSS_WEIGHTS[name] for name in LOSSES})


def test_the_learned_sum_is_the_papers() -> None:
    """Kendall et al. 2018: 1 / (2 sigma^2) L + log sigma for numbers, 1 / sigma^2 L + log sigma for classes."""
    balance = Balance(LOSSES, "uncertainty")
    sigma = {"objects": 0.7, "boxes": 1.3, "lanes_exist": 0.4, "lanes_position": 2.0}
    assert balance.log_variance is not None
    with torch.no_grad():
        balance.log_variance.copy_(torch.tensor([2 * math.log(sigma[name]) for name in LOSSES]))
    half = {"objects": 1.0, "boxes": 0.5, "lanes_exist": 1.0, "lanes_position": 0.5}
    wanted = sum(half[name] * LOSS[name] / sigma[name] ** 2 + math.log(sigma[name]) for name in LOSSES)
    assert float(balance(losses())) == pytest.approx(wanted, rel=1e-5)


def test_noise_settles_where_the_paper_says() -> None:
    """At the minimum the variance is the loss of a task of numbers, and twice that of a task of classes."""
    balance = Balance(LOSSES, "uncertainty")
    optimizer = torch.optim.Adam(balance.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        balance(losses()).backward()
        optimizer.step()
    for name, weight in balance.weights().items():
        assert weight == pytest.approx(1 / (2 * LOSS[name]), rel=0.01), name


def test_the_optimiser_moves_the_noise_and_does_not_shrink_it() -> None:
    state = start(TrainConfig(balance="uncertainty"), CONFIG)
    groups = state.optimizer.param_groups
    of = [group["weight_decay"] for group in groups if any(p is state.balance.log_variance for p in group["params"])]
    assert of == [0.0]
    with pytest.raises(WhiteoutError, match="balance is 'luck'"):
        start(TrainConfig(balance="luck"), CONFIG)
