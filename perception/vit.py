"""A plain vision transformer (Dosovitskiy et al. 2021) for pictures of any size, from torchvision's encoder blocks."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, linear, scaled_dot_product_attention
from torchvision.models.vision_transformer import EncoderBlock

PATCH = 16
"""Side of a patch, and so the stride of the map [px]."""

GRID = 14
"""Side of the learned grid of positions [patches]: a picture of 224 px, as public weights have it."""

LAYERS = 12
"""Encoder blocks."""


class SelfAttention(nn.MultiheadAttention):
    """Multi-head self-attention (Vaswani et al. 2017, section 3.2.2), always by `scaled_dot_product_attention`.

    The weights and their names are those of `nn.MultiheadAttention`, whose own forward takes another path, with other
    rounding, where no gradient is wanted; then an attack would work on other numbers than the prediction.

    Attributes:
        causal: whether a token takes from itself and earlier ones only, as in a text that is read from its start.
    """

    causal: bool = False

    def forward(  # type: ignore[override]
        self,
        query: Float[Tensor, "batch tokens width"],
        _key: Float[Tensor, "batch tokens width"],
        _value: Float[Tensor, "batch tokens width"],
        *,
        need_weights: bool = False,
    ) -> tuple[Float[Tensor, "batch tokens width"], None]:
        """What the tokens `query` take from each other; signature and answer are those that `EncoderBlock` expects."""
        assert not need_weights, "the fused kernel keeps no weights"
        batch, tokens, width = query.shape
        mixed = linear(query, self.in_proj_weight, self.in_proj_bias)
        split = mixed.view(batch, tokens, 3, self.num_heads, width // self.num_heads)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind()
        heads = scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out_proj(heads.transpose(1, 2).reshape(batch, tokens, width)), None


class VisionTransformer(nn.Module):
    """Pictures to one map of stride 16: patches, positions, `LAYERS` blocks of global attention; no class token.

    The learned positions lie on a grid of `GRID` x `GRID` and are interpolated to the picture's own, so that one set of
    weights takes every size.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, PATCH, PATCH)
        self.positions = nn.Parameter(torch.empty(1, width, GRID, GRID))
        nn.init.trunc_normal_(self.positions, std=0.02)
        self.blocks = nn.Sequential(*(encoder_block(width, heads) for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channels rows columns"]:
        """The map of a picture whose sides are multiples of 16."""
        return self.mapped(self.patches(images))

    def mapped(self, patches: Float[Tensor, "batch width rows columns"]) -> Float[Tensor, "batch width rows columns"]:
        """The map of embedded patches, which have no positions yet."""
        return self.encode(self._placed(patches)).mT.reshape(patches.shape)

    def tokens(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch patches channels"]:
        """Embedded patches with their positions, row by row: what `encode` takes, all of it or a part."""
        return self._placed(self.patches(images))

    def encode(self, tokens: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        """What the blocks make of tokens."""
        encoded: Tensor = self.norm(self.blocks(tokens))
        return encoded

    def _placed(self, patches: Tensor) -> Tensor:
        return (patches + positions_for(self.positions, *patches.shape[2:])).flatten(2).mT

    def fix_grid(self, height: int, width: int) -> None:
        """Hold the positions for pictures of this size [px] alone, so that nothing is left to interpolate."""
        placed = positions_for(self.positions, height // PATCH, width // PATCH)
        self.positions = nn.Parameter(placed.detach(), requires_grad=False)


def positions_for(grid: Float[Tensor, "1 width _ _"], rows: int, columns: int) -> Float[Tensor, "1 width rows columns"]:
    """Learned positions on a grid, brought to another grid."""
    if grid.shape[2:] == (rows, columns):
        return grid
    return interpolate(grid, (rows, columns), mode="bicubic", align_corners=False, antialias=True)


def encoder_block(width: int, heads: int, *, causal: bool = False) -> EncoderBlock:
    """A block of attention and a perceptron four times as wide; a causal one looks at earlier tokens only."""
    block = EncoderBlock(heads, width, 4 * width, dropout=0.0, attention_dropout=0.0)
    block.self_attention = SelfAttention(width, heads, batch_first=True)
    block.self_attention.causal = causal
    return block
