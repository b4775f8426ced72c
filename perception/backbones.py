"""Feature extractors: three stages with strides 8, 16 and 32, by name.

Another network joins by a function that returns a `Backbone` and an entry in `BACKBONES`. torchvision's own pyramid
helpers start at stride 4 or 32 and cut MobileNetV3 at other places, so the stages are cut here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large, resnet18

from perception.config import STRIDES
from perception.errors import WhiteoutError


class Backbone(nn.Module):
    """Three stages, run one after the other.

    Attributes:
        stages: modules that bring the picture to stride 8, then 16, then 32.
        channels: channels that each stage gives.
    """

    def __init__(self, stages: tuple[nn.Module, nn.Module, nn.Module], channels: tuple[int, int, int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels = channels

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> OrderedDict[str, Tensor]:
        """Feature maps by stride ("8", "16", "32"), finest first."""
        features = OrderedDict[str, Tensor]()
        current: Tensor = images
        for stride, stage in zip(STRIDES, self.stages, strict=True):
            current = stage(current)
            features[str(stride)] = current
        return features


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


def _resnet18() -> Backbone:
    """He et al. 2015, "Deep residual learning": 11 million weights."""
    net = resnet18(weights=None)
    fine = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2)
    return Backbone((fine, net.layer3, net.layer4), (128, 256, 512))


BACKBONES: Mapping[str, Callable[[], Backbone]] = {"mobilenet_v3_large": _mobilenet_v3_large, "resnet18": _resnet18}
"""Makers of randomly initialised backbones."""


def make_backbone(name: str) -> Backbone:
    """A randomly initialised backbone; an unknown name is a `WhiteoutError`."""
    if name not in BACKBONES:
        raise WhiteoutError(f"backbone '{name}' is not known; use one of {', '.join(BACKBONES)}.")
    return BACKBONES[name]()
