"""Hidden patches: how many, that nothing of them leaks, and that they alone are judged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from perception.backbones import make_backbone
from perception.errors import WhiteoutError
from perception.pretraining.mae import MaskedAutoencoder
from perception.pretraining.mae import painting_loss as mae_loss
from perception.pretraining.masks import draw_masks, patches_of
from perception.pretraining.simmim import SimMim
from perception.pretraining.simmim import painting_loss as simmim_loss

HEIGHT, WIDTH = 64, 96
CASES = (("mae", "vit_tiny"), ("simmim", "vit_tiny"), ("simmim", "swin_t"))


def painter(method: str, backbone: str) -> MaskedAutoencoder | SimMim:
    torch.manual_seed(0)
    made = make_backbone(backbone)
    return MaskedAutoencoder(made) if method == "mae" else SimMim(made)


def masks(unit: int, count: int = 2, seed: int = 0) -> Tensor:
    return draw_masks(count, HEIGHT // unit, WIDTH // unit, 0.5, np.random.default_rng(seed))


def in_pixels(hidden: Tensor, unit: int) -> Tensor:
    """True at hidden pixels, batch x 1 x height x width."""
    return torch.from_numpy(np.kron(hidden.numpy(), np.ones((1, unit, unit), dtype=bool)))[:, None]


@pytest.mark.parametrize(("rows", "columns", "share", "wanted"), [(4, 6, 0.75, 18), (2, 3, 0.6, 4), (9, 15, 0.75, 101)])
def test_the_hidden_share_is_exact_in_every_picture(rows: int, columns: int, share: float, wanted: int) -> None:
    drawn = draw_masks(5, rows, columns, share, np.random.default_rng(3))
    assert drawn.flatten(1).sum(1).tolist() == [wanted] * 5
    assert len({tuple(mask.flatten().tolist()) for mask in drawn}) > 1
    assert torch.equal(drawn, draw_masks(5, rows, columns, share, np.random.default_rng(3)))


def test_every_part_is_hidden_as_often_as_any_other() -> None:
    often = draw_masks(4000, 2, 3, 0.5, np.random.default_rng(0)).float().mean(0)
    torch.testing.assert_close(often, torch.full((2, 3), 0.5), atol=0.03, rtol=0)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.95, 1.0])
def test_a_mask_of_nothing_or_all_is_a_sentence(share: float) -> None:
    with pytest.raises(WhiteoutError, match="use another --mask"):
        draw_masks(1, 2, 3, share, np.random.default_rng(0))


def test_patches_hold_their_own_pixels() -> None:
    images = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6).float()
    patches = patches_of(images, 2)
    assert patches.shape == (2, 6, 12)
    torch.testing.assert_close(patches[1, 4].reshape(2, 2, 3), images[1, :, 2:4, 2:4].permute(1, 2, 0))


@pytest.mark.parametrize(("method", "backbone"), CASES)
def test_codes_do_not_depend_on_hidden_pixels(method: str, backbone: str) -> None:
    model = painter(method, backbone).eval()
    hidden = masks(model.unit)
    images = torch.randn(2, 3, HEIGHT, WIDTH)
    outside = in_pixels(hidden, model.unit)
    with torch.no_grad():
        codes = model.encode(images, hidden)
        assert torch.equal(model.encode(torch.where(outside, torch.randn_like(images), images), hidden), codes)
        assert not torch.allclose(model.encode(torch.where(outside, images, images + 1), hidden), codes)


def test_the_masked_encoder_is_the_backbone_itself_where_nothing_is_hidden() -> None:
    """The order of patches, their positions and the blocks are those of the later network."""
    images = torch.randn(1, 3, HEIGHT, WIDTH)
    nothing = torch.zeros(1, HEIGHT // 16, WIDTH // 16, dtype=torch.bool)
    with torch.no_grad():
        mae = painter("mae", "vit_tiny").eval()
        assert isinstance(mae, MaskedAutoencoder)
        torch.testing.assert_close(mae.encode(images, nothing).mT.reshape(1, 192, 4, 6), mae.trunk(images))
        nothing = torch.zeros(1, HEIGHT // 32, WIDTH // 32, dtype=torch.bool)
        swin = painter("simmim", "swin_t").eval()
        torch.testing.assert_close(swin.encode(images, nothing), swin.backbone(images)["32"])


@pytest.mark.parametrize(("method", "backbone"), CASES)
def test_only_hidden_pixels_are_judged(method: str, backbone: str) -> None:
    model = painter(method, backbone).eval()
    hidden = masks(model.unit)
    images = torch.randn(2, 3, HEIGHT, WIDTH)
    outside = in_pixels(hidden, model.unit)
    changed = torch.randn_like(images)
    judge = mae_loss if method == "mae" else simmim_loss
    with torch.no_grad():
        codes = model.encode(images, hidden)
        painted = model.painted(codes, hidden) if isinstance(model, MaskedAutoencoder) else model.painted(codes)
        loss = judge(painted, images, hidden)
        assert judge(painted, torch.where(outside, images, changed), hidden) == loss
        assert judge(painted, torch.where(outside, changed, images), hidden) != loss
        assert model(images, hidden) == loss


def test_losses_are_those_of_the_papers_by_hand() -> None:
    images = torch.randn(1, 3, 32, 64)
    hidden = torch.tensor([[[True, False]]])
    painted = torch.randn(1, 3, 32, 64)
    wanted = (painted[..., :32] - images[..., :32]).abs().mean()
    torch.testing.assert_close(simmim_loss(painted, images, hidden), wanted)
    hidden = torch.zeros(1, 2, 4, dtype=torch.bool)
    hidden[0, 1, 2] = True
    patch = images[0, :, 16:, 32:48].permute(1, 2, 0).flatten()
    normal = (patch - patch.mean()) / (patch.var() + 1e-6).sqrt()
    values = torch.randn(1, 8, 768)
    torch.testing.assert_close(mae_loss(values, images, hidden), ((values[0, 6] - normal) ** 2).mean())


@pytest.mark.parametrize(("method", "backbone"), CASES)
def test_every_weight_that_is_used_learns(method: str, backbone: str) -> None:
    model = painter(method, backbone)
    hidden = masks(model.unit)
    model(torch.randn(2, 3, HEIGHT, WIDTH), hidden).backward()
    beside = (
        ("backbone.norms", "backbone.stages.0") if backbone == "vit_tiny" else ("backbone.norms.0", "backbone.norms.1")
    )
    for name, value in model.named_parameters():
        assert (value.grad is None) == name.startswith(beside), name


def test_a_backbone_that_does_not_suit_is_a_sentence() -> None:
    with pytest.raises(WhiteoutError, match="use --method simmim"):
        MaskedAutoencoder(make_backbone("swin_t"))
    with pytest.raises(WhiteoutError, match="simmim needs a transformer"):
        SimMim(make_backbone("resnet18"))
    with pytest.raises(WhiteoutError, match="simmim needs a transformer"):
        SimMim(make_backbone("mobilenet_v3_large"))


def test_the_decoder_tells_places_apart() -> None:
    """With one code everywhere, what is painted differs by place alone."""
    model = painter("mae", "vit_tiny").eval()
    assert isinstance(model, MaskedAutoencoder)
    nn.init.normal_(model.positions)
    with torch.no_grad():
        painted = model.painted(torch.ones(1, 12, 192), masks(16, 1))
    assert float(painted.std(1).mean()) > 0.01
