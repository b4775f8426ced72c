"""The pictures that outputs are compared on and that activations are measured on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from perception.config import ModelConfig
from perception.model import images_from_frames, to_size
from perception.shards import FrameSource

COARSE = 8
"""Side of the patches that drawn pictures are blended from [px]."""


def input_pictures(drives: Sequence[FrameSource], config: ModelConfig, count: int) -> Float[Tensor, "n 3 height width"]:
    """Up to `count` frames, evenly spaced over all drives, at the model's input size; at least one frame."""
    places = [(drive, index) for drive in drives for index in range(len(drive))]
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)
    frames = (places[number][0][places[number][1]] for number in chosen)
    size = (config.input_height, config.input_width)
    return torch.cat([to_size(images_from_frames([frame]), size) for frame in frames])


def drawn_pictures(config: ModelConfig, count: int) -> Float[Tensor, "n 3 height width"]:
    """Soft colours with fine grain, the same every time: for timing, and for comparing where no drive is at hand."""
    generator = torch.Generator().manual_seed(0)
    height, width = config.input_height, config.input_width
    soft = torch.rand(count, 3, height // COARSE, width // COARSE, generator=generator)
    grain = torch.randn(count, 3, height, width, generator=generator)
    blended = interpolate(soft, (height, width), mode="bilinear", align_corners=False)
    return (blended + 0.05 * grain).clamp(0, 1)
