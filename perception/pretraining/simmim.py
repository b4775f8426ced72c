"""SimMIM (Xie et al. 2022, "SimMIM: a simple framework for masked image modeling") for Swin and plain transformers.

Hidden squares of 32 px are replaced by one learned token behind the patch embedding; the whole network runs as it
will later, and one linear layer paints the pixels. Only the hidden ones are judged, by their absolute error.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from perception.backbones import Backbone, SimplePyramid
from perception.errors import WhiteoutError
from perception.vit import VisionTransformer

UNIT = 32
"""Side of the squares that are hidden or not [px]: the paper's, best of those that it tried, and Swin's last stride."""


class SimMim(nn.Module):
    """A backbone with a token for what is hidden, and the linear layer that paints.

    Attributes:
        unit: side of the squares that are hidden or not [px].
        backbone: what is trained for later use.
    """

    unit = UNIT

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        plain = isinstance(backbone, SimplePyramid)
        self.stride = 16 if plain else 32
        self.token = nn.Parameter(torch.empty(_token_width(backbone)))
        self.paint = nn.Conv2d(backbone.channels[1 if plain else 2], 3 * self.stride**2, 1)
        nn.init.trunc_normal_(self.token, std=0.02)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], hidden: Bool[Tensor, "batch rows columns"]
    ) -> Float[Tensor, ""]:
        """The loss for normalised pictures; true in `hidden` marks squares of `unit` px that are hidden."""
        return painting_loss(self.painted(self.encode(images, hidden)), images, hidden)

    def encode(
        self, images: Float[Tensor, "batch 3 height width"], hidden: Bool[Tensor, "batch rows columns"]
    ) -> Float[Tensor, "batch channels _ _"]:
        """The backbone's last map, computed from the visible pixels only."""
        if isinstance(self.backbone, SimplePyramid):
            trunk = self.backbone.stages[1]
            assert isinstance(trunk, VisionTransformer)
            replaced = torch.where(_spread(hidden, 2)[:, None], self.token[:, None, None], trunk.patches(images))
            return trunk.mapped(replaced)
        fine, middle, coarse = self.backbone.stages
        assert isinstance(fine, nn.Sequential)
        embedding, *blocks = fine
        features = torch.where(_spread(hidden, 8)[..., None], self.token, embedding(images))
        for block in blocks:
            features = block(features)
        last: Tensor = self.backbone.norms[2](coarse(middle(features)))
        return last

    def painted(self, features: Float[Tensor, "batch channels _ _"]) -> Float[Tensor, "batch 3 height width"]:
        """Pictures, normalised as the ones that were given."""
        return pixel_shuffle(self.paint(features).float(), self.stride)


def painting_loss(
    painted: Float[Tensor, "batch 3 height width"],
    images: Float[Tensor, "batch 3 height width"],
    hidden: Bool[Tensor, "batch rows columns"],
) -> Float[Tensor, ""]:
    """Mean absolute error over the hidden pixels."""
    return (painted - images).abs().mean(1)[_spread(hidden, UNIT)].mean()


def _token_width(backbone: Backbone) -> int:
    """Channels behind the patch embedding."""
    if isinstance(backbone, SimplePyramid):
        return backbone.channels[1]
    first = backbone.stages[0][0]  # type: ignore[index]
    if not (isinstance(first, nn.Sequential) and isinstance(first[0], nn.Conv2d) and first[0].stride == (4, 4)):
        raise WhiteoutError("pretrain: simmim needs a transformer; use --backbone swin_t, vit_tiny or vit_small.")
    return first[0].out_channels


def _spread(hidden: Bool[Tensor, "batch rows columns"], times: int) -> Bool[Tensor, "batch finer_rows finer_columns"]:
    """The same mask on a grid that is `times` as fine."""
    return hidden.repeat_interleave(times, 1).repeat_interleave(times, 2)
