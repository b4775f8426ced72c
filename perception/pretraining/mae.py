"""Masked autoencoder (He et al. 2022, "Masked autoencoders are scalable vision learners") for the plain transformer.

The encoder sees the visible patches only, which is what makes it cheap; a light decoder gets their codes, and one
learned token in each gap, and paints every patch. Only the hidden ones are judged.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from perception.backbones import Backbone, SimplePyramid
from perception.errors import WhiteoutError
from perception.pretraining.masks import patches_of
from perception.vit import PATCH, VisionTransformer, encoder_block, positions_for

DECODER_WIDTH, DECODER_HEADS, DECODER_LAYERS, DECODER_GRID = 128, 4, 2, 14
"""The decoder's shape: light, since it is thrown away. The paper's: 8 blocks of 512 beside an encoder of 24 of 1024."""

VARIANCE_FLOOR = 1e-6
"""Added to a patch's variance, so that one of a single colour can be normalised."""


class MaskedAutoencoder(nn.Module):
    """Encoder and decoder.

    Attributes:
        unit: side of the squares that are hidden or not [px].
        backbone: what is trained for later use.
    """

    unit = PATCH

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        if not isinstance(backbone, SimplePyramid):
            raise WhiteoutError("pretrain: mae needs a plain transformer (vit_tiny, vit_small); use --method simmim.")
        self.backbone = backbone
        width = self.trunk.positions.shape[1]
        self.narrow = nn.Linear(width, DECODER_WIDTH)
        self.token = nn.Parameter(torch.zeros(DECODER_WIDTH))
        self.positions = nn.Parameter(torch.empty(1, DECODER_WIDTH, DECODER_GRID, DECODER_GRID))
        self.blocks = nn.Sequential(*(encoder_block(DECODER_WIDTH, DECODER_HEADS) for _ in range(DECODER_LAYERS)))
        self.norm = nn.LayerNorm(DECODER_WIDTH, eps=1e-6)
        self.paint = nn.Linear(DECODER_WIDTH, 3 * PATCH * PATCH)
        nn.init.normal_(self.token, std=0.02)
        nn.init.trunc_normal_(self.positions, std=0.02)

    @property
    def trunk(self) -> VisionTransformer:
        """The encoder."""
        trunk = self.backbone.stages[1]
        assert isinstance(trunk, VisionTransformer)
        return trunk

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], hidden: Bool[Tensor, "batch rows columns"]
    ) -> Float[Tensor, ""]:
        """The loss for normalised pictures; every picture has the same number of hidden patches, true in `hidden`."""
        return painting_loss(self.painted(self.encode(images, hidden), hidden), images, hidden)

    def encode(
        self, images: Float[Tensor, "batch 3 height width"], hidden: Bool[Tensor, "batch rows columns"]
    ) -> Float[Tensor, "batch visible channels"]:
        """Codes of the visible patches, row by row."""
        tokens = self.trunk.tokens(images)
        return self.trunk.encode(tokens.gather(1, _places(~hidden, tokens.shape[2])))

    def painted(
        self, codes: Float[Tensor, "batch visible channels"], hidden: Bool[Tensor, "batch rows columns"]
    ) -> Float[Tensor, "batch patches values"]:
        """Every patch's pixels, each patch normalised."""
        batch, rows, columns = hidden.shape
        narrow = self.narrow(codes)
        tokens = self.token.to(narrow.dtype).expand(batch, rows * columns, -1)
        tokens = tokens.scatter(1, _places(~hidden, narrow.shape[2]), narrow)
        place = positions_for(self.positions, rows, columns).flatten(2).mT
        painted: Tensor = self.paint(self.norm(self.blocks(tokens + place)))
        return painted.float()


def painting_loss(
    painted: Float[Tensor, "batch patches values"],
    images: Float[Tensor, "batch 3 height width"],
    hidden: Bool[Tensor, "batch rows columns"],
) -> Float[Tensor, ""]:
    """Mean squared error over the hidden patches, against pixels normalised by their own patch's mean and variance."""
    patches = patches_of(images, PATCH)
    mean, variance = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
    wanted = (patches - mean) / (variance + VARIANCE_FLOOR).sqrt()
    return (painted - wanted).square().mean(-1)[hidden.flatten(1)].mean()


def _places(chosen: Bool[Tensor, "batch rows columns"], width: int) -> Tensor:
    """Indices of the chosen patches of each picture, row by row, for `gather` along patches of `width` values."""
    batch = len(chosen)
    return chosen.flatten(1).nonzero()[:, 1].reshape(batch, -1, 1).expand(-1, -1, width)
