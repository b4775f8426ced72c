"""The backbones behind one seam, and attention against the formula of the paper."""

from __future__ import annotations

import math

import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn
from torchvision.models.vision_transformer import EncoderBlock

from perception.backbones import BACKBONES, make_backbone
from perception.config import ModelConfig
from perception.model import LaneDetectionModel, images_from_frames, targets_from_frames
from perception.vit import GRID, SelfAttention, VisionTransformer
from tests.perception.scenes import frame

MILLIONS = {
    "mobilenet_v3_large": 3.0,
    "resnet18": 11.2,
    "resnet50": 23.5,
    "swin_t": 27.5,
    "vit_tiny": 5.6,
    "vit_small": 22.0,
}
"""Weights as the papers count them, without classifiers."""


def small(backbone: str) -> LaneDetectionModel:
    torch.manual_seed(0)
    return LaneDetectionModel(
        ModelConfig(backbone=backbone, input_width=96, input_height=64, pyramid_channels=16, tower_convs=1)
    )


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_trains_predicts_and_explains_behind_the_same_heads(name: str) -> None:
    model = small(name)
    assert sum(value.numel() for value in model.backbone.parameters()) / 1e6 == pytest.approx(MILLIONS[name], abs=0.06)
    frames = [frame(10), frame(8)]
    images = images_from_frames(frames)
    outputs = model.train()(images)
    total = torch.stack(list(model.loss(outputs, targets_from_frames(frames, model.config)).values())).sum()
    gradients = torch.autograd.grad(total, list(model.parameters()), allow_unused=True)
    assert all(gradient is not None for gradient in gradients), "every weight takes part"
    model.eval()
    assert len(model.predict(images)) == 2
    for layer in model.explainable_layers.values():
        heat = LayerGradCam(lambda pictures: model.lane_score(model(pictures), 1), layer).attribute(images[:1])
        assert heat.shape[:2] == (1, 1)
        assert float(heat.detach().abs().max()) > 0


@pytest.mark.parametrize("name", BACKBONES)
def test_maps_have_strides_8_16_and_32(name: str) -> None:
    backbone = make_backbone(name).eval()
    with torch.no_grad():
        maps = backbone(torch.rand(1, 3, 96, 160))
    assert {stride: tuple(one.shape[2:]) for stride, one in maps.items()} == {
        "8": (12, 20),
        "16": (6, 10),
        "32": (3, 5),
    }
    assert tuple(one.shape[1] for one in maps.values()) == backbone.channels


def textbook(attention: nn.MultiheadAttention, tokens: Tensor) -> Tensor:
    """Vaswani et al. 2017, section 3.2, head by head: Concat_i(softmax(q_i k_i^T / sqrt(d_k)) v_i) W^O."""
    width, count = attention.embed_dim, attention.num_heads
    size = width // count
    assert attention.in_proj_weight is not None
    assert attention.in_proj_bias is not None
    heads = []
    for head in range(count):
        q, k, v = (
            tokens @ attention.in_proj_weight[part * width + head * size : part * width + (head + 1) * size].T
            + attention.in_proj_bias[part * width + head * size : part * width + (head + 1) * size]
            for part in range(3)
        )
        scores = q @ k.mT / math.sqrt(size)
        shares = scores.exp() / scores.exp().sum(-1, keepdim=True)
        heads.append(shares @ v)
    return torch.cat(heads, -1) @ attention.out_proj.weight.T + attention.out_proj.bias


def test_attention_is_the_textbooks() -> None:
    torch.manual_seed(0)
    attention = SelfAttention(24, 3, batch_first=True).double()
    nn.init.normal_(attention.in_proj_bias)
    nn.init.normal_(attention.out_proj.bias)
    tokens = 3 * torch.randn(2, 11, 24, dtype=torch.float64)
    found, _ = attention(tokens, tokens, tokens)
    torch.testing.assert_close(found, textbook(attention, tokens), rtol=1e-12, atol=1e-12)
    plain = nn.MultiheadAttention(24, 3, batch_first=True).double()
    plain.load_state_dict(attention.state_dict())
    torch.testing.assert_close(found, plain(tokens, tokens, tokens)[0], rtol=1e-12, atol=1e-12)


def test_a_transformer_answers_alike_with_and_without_a_gradient() -> None:
    model = small("vit_tiny").eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        quiet = model(images)
    loud = model(images)
    assert torch.equal(quiet.logits, loud.logits)
    assert torch.equal(quiet.lane_logits, loud.lane_logits)


def test_the_transformers_blocks_are_torchvisions() -> None:
    blocks = VisionTransformer(48, 3).blocks
    assert all(isinstance(block, EncoderBlock) for block in blocks)
    assert all(isinstance(block.self_attention, SelfAttention) for block in blocks)


def test_positions_follow_the_pictures_size() -> None:
    """A ramp of positions stays a ramp on a finer and on a wider grid, and is untouched on its own grid."""
    trunk = VisionTransformer(48, 3).eval()
    seen: list[Tensor] = []
    trunk.blocks.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    ramp = (torch.arange(GRID) + 0.5) / GRID
    with torch.no_grad():
        nn.init.zeros_(trunk.patches.weight)
        nn.init.zeros_(trunk.patches.bias)  # type: ignore[arg-type]
        trunk.positions.copy_(ramp.expand_as(trunk.positions))
        for columns in (GRID, 20, 28):
            assert trunk(torch.rand(1, 3, 16 * 4, 16 * columns)).shape == (1, 48, 4, columns)
            place = seen.pop()[0, :, 0].reshape(4, columns)
            wanted = ((torch.arange(columns) + 0.5) / columns).expand(4, columns)
            torch.testing.assert_close(place[:, 3:-3], wanted[:, 3:-3], atol=5e-3, rtol=0)
