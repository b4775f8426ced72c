"""Feature extractors: three stages with strides 8, 16 and 32, by name.

Another network joins by a function that returns a `Backbone` and an entry in `BACKBONES`. torchvision's own pyramid
helpers start at stride 4 or 32 and cut MobileNetV3 at other places, so the stages are cut here.

| name | idea | weights (millions) |
| --- | --- | --- |
| `mobilenet_v3_large` | convolutions for phones | 3.0 |
| `resnet18`, `resnet50` | residual convolutions | 11, 24 |
| `swin_t` | attention in shifted windows, in stages | 28 |
| `vit_tiny`, `vit_small` | global attention at one scale | 5.6, 22 |
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import ResNet, mobilenet_v3_large, resnet18, resnet50, swin_t
from torchvision.models.convnext import LayerNorm2d
from torchvision.ops.misc import Permute

from perception.config import STRIDES
from perception.errors import WhiteoutError
from perception.vit import VisionTransformer


class Backbone(nn.Module):
    """Three stages, run one after the other.

    Attributes:
        stages: modules that bring the picture to stride 8, then 16, then 32.
        channels: channels that each stage gives.
        norms: what is done to each stage's map on its way out, but not on its way to the next stage.
    """

    def __init__(
        self,
        stages: tuple[nn.Module, nn.Module, nn.Module],
        channels: tuple[int, int, int],
        norms: Callable[[int], nn.Module] = nn.Identity,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels = channels
        self.norms = nn.ModuleList(norms(count) for count in channels)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> OrderedDict[str, Tensor]:
        """Feature maps by stride ("8", "16", "32"), finest first."""
        features = OrderedDict[str, Tensor]()
        current: Tensor = images
        for stride, stage, norm in zip(STRIDES, self.stages, self.norms, strict=True):
            current = stage(current)
            features[str(stride)] = norm(current)
        return features


class SimplePyramid(Backbone):
    """ViTDet's pyramid (Li et al. 2022, section 3): all scales are made from the last map of a plain transformer.

    Stride 8 by a transposed convolution, 32 by pooling. The convolutions that ViTDet puts behind each scale are those
    of the feature pyramid that all backbones share.
    """

    def __init__(self, trunk: VisionTransformer, width: int) -> None:
        finer, coarser = nn.ConvTranspose2d(width, width // 2, 2, 2), nn.MaxPool2d(2)
        super().__init__((finer, trunk, coarser), (width // 2, width, width), LayerNorm2d)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> OrderedDict[str, Tensor]:
        """Feature maps by stride ("8", "16", "32"), finest first."""
        finer, trunk, coarser = self.stages
        middle = trunk(images)
        maps = (finer(middle), middle, coarser(middle))
        named = zip(STRIDES, maps, self.norms, strict=True)
        return OrderedDict((str(stride), norm(one)) for stride, one, norm in named)


class FullPrecisionConv(nn.Conv2d):
    """A convolution that is left out of mixed precision.

    Measured on a processor with bfloat16 instructions: the backward pass of MobileNet's depthwise convolutions takes
    two to nine times as long in bfloat16 as in float32, which would eat more than mixed precision saves elsewhere.
    """

    def forward(self, features: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels _ _"]:
        """Convolve in float32."""
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.float())


def _keep_depthwise_precise(module: nn.Module) -> None:
    """Replace the depthwise convolutions in `module` by `FullPrecisionConv`s with the same weights' names."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.groups == child.in_channels > 1:
            precise = FullPrecisionConv(
                child.in_channels,
                child.out_channels,
                child.kernel_size,  # type: ignore[arg-type]
                child.stride,  # type: ignore[arg-type]
                child.padding,  # type: ignore[arg-type]
                child.dilation,  # type: ignore[arg-type]
                child.groups,
                bias=child.bias is not None,
            )
            precise.load_state_dict(child.state_dict())
            setattr(module, name, precise)
        else:
            _keep_depthwise_precise(child)


def _mobilenet_v3_large() -> Backbone:
    """Howard et al. 2019, "Searching for MobileNetV3": 3.0 million weights."""
    layers = mobilenet_v3_large(weights=None).features
    _keep_depthwise_precise(layers)
    return Backbone((layers[:7], layers[7:13], layers[13:]), (40, 112, 960))


def _resnet(net: ResNet, channels: tuple[int, int, int]) -> Backbone:
    """He et al. 2015, "Deep residual learning"."""
    fine = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2)
    return Backbone((fine, net.layer3, net.layer4), channels)


def _swin_t() -> Backbone:
    """Liu et al. 2021, "Swin transformer"; as in its detectors, each map is normalised on its way out."""
    layers = swin_t(weights=None).features
    inwards, outwards = Permute([0, 2, 3, 1]), Permute([0, 3, 1, 2])
    fine = nn.Sequential(*layers[:4], outwards)
    middle, coarse = (nn.Sequential(inwards, *layers[first : first + 2], outwards) for first in (4, 6))
    return Backbone((fine, middle, coarse), (192, 384, 768), LayerNorm2d)


def _vit(width: int, heads: int) -> Backbone:
    """Widths and heads of Touvron et al. 2021, "Training data-efficient image transformers"."""
    return SimplePyramid(VisionTransformer(width, heads), width)


BACKBONES: Mapping[str, Callable[[], Backbone]] = {
    "mobilenet_v3_large": _mobilenet_v3_large,
    "resnet18": lambda: _resnet(resnet18(weights=None), (128, 256, 512)),
    "resnet50": lambda: _resnet(resnet50(weights=None), (512, 1024, 2048)),
    "swin_t": _swin_t,
    "vit_tiny": lambda: _vit(192, 3),
    "vit_small": lambda: _vit(384, 6),
}
"""Makers of randomly initialised backbones."""


def make_backbone(name: str) -> Backbone:
    """A randomly initialised backbone; an unknown name is a `WhiteoutError`."""
    if name not in BACKBONES:
        raise WhiteoutError(f"backbone '{name}' is not known; use one of {', '.join(BACKBONES)}.")
    return BACKBONES[name]()
