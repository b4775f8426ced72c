"""PGD on problems whose answer is known, and against torchattacks' PGD."""

from __future__ import annotations

import pytest
import torch
import torchattacks
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor, nn

from robustness.attacks.pgd import LEVELS, PGD, as_file, project


def pictures(count: int, seed: int = 0) -> Float[Tensor, "batch 3 height width"]:
    """Random 8-bit pictures."""
    return torch.randint(0, 256, (count, 3, 8, 8), generator=torch.Generator().manual_seed(seed)).float() / LEVELS


def generator() -> torch.Generator:
    """The same random starts every time."""
    return torch.Generator().manual_seed(1)


def test_a_linear_objective_is_raised_to_its_known_maximum() -> None:
    weights = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(2))
    images = pictures(3)

    def objective(x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b"]:
        return (x * weights).sum((1, 2, 3))

    eps = 4 / 255
    attacked = PGD(eps, steps=10)(objective, images, generator=generator())
    corner = (images + eps * weights.sign()).clamp(0, 1)
    assert torch.allclose(attacked.images, corner, atol=1e-6)
    assert torch.allclose(attacked.value, objective(corner), atol=1e-4)


def test_eps_zero_gives_the_very_same_pictures() -> None:
    images = pictures(4)
    attacked = PGD(0.0, steps=3, restarts=2)(lambda x: x.square().sum((1, 2, 3)), images, generator=generator())
    assert torch.equal(attacked.images, images)
    assert torch.equal(attacked.value, attacked.clean_value)


def test_each_picture_keeps_its_own_best() -> None:
    """One picture of the batch is at its maximum already: any start is worse, so it must come back untouched."""
    images = pictures(2)
    images[0] = 0.0
    signs = torch.tensor([-1.0, 1.0])
    attacked = PGD(8 / 255, steps=1, restarts=3, step_size=1e-6)(
        lambda x: signs * x.sum((1, 2, 3)), images, generator=generator()
    )
    assert torch.equal(attacked.images[0], images[0])
    assert attacked.value[1] > attacked.clean_value[1]


def test_more_restarts_are_never_worse() -> None:
    """An objective with many bumps, on which single starts get stuck."""
    images = pictures(6)

    def bumpy(x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b"]:
        return torch.sin(x * 400).sum((1, 2, 3))

    one = PGD(4 / 255, steps=2, restarts=1)(bumpy, images, generator=generator())
    many = PGD(4 / 255, steps=2, restarts=6)(bumpy, images, generator=generator())
    assert (many.value >= one.value).all()
    assert (many.value > one.value).any()


@given(eps=st.integers(0, 40), seed=st.integers(0, 1000), reach=st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_stored_pictures_stay_in_the_ball_and_on_whole_levels(eps: int, seed: int, reach: float) -> None:
    images = pictures(1, seed)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed)) * reach
    stored = as_file(project(images + noise, images, eps / 255), images, eps / 255)
    levels = stored * LEVELS
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert int((levels.round() - (images * LEVELS).round()).abs().max()) <= eps
    assert float(stored.min()) >= 0
    assert float(stored.max()) <= 1


def classifier() -> nn.Sequential:
    """A small smooth classifier with fixed weights."""
    torch.manual_seed(5)
    last = nn.Linear(8 * 36, 5)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Softplus(), nn.Flatten(), last)
    last.weight.data *= 20
    return net.eval().requires_grad_(False)


@pytest.mark.parametrize("eps", [2 / 255, 8 / 255])
def test_agrees_with_torchattacks(eps: float) -> None:
    """Same loss, steps and step size: the rise of the loss must be the same within a few per cent, ours not less."""
    net, images = classifier(), pictures(16)
    labels = net(images).argmax(1)

    def loss(x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b"]:
        return nn.functional.cross_entropy(net(x), labels, reduction="none")

    torch.manual_seed(0)
    theirs = loss(torchattacks.PGD(net, eps=eps, alpha=eps / 4, steps=20)(images, labels)) - loss(images)
    ours = PGD(eps, steps=20, step_size=eps / 4)(loss, images, generator=generator())
    rise = ours.value - ours.clean_value
    assert float(rise.mean()) == pytest.approx(float(theirs.mean()), rel=0.03)
    assert float(rise.min()) > 0
