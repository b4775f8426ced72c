"""Which parts of a picture are hidden from the network, and a picture cut into patches."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.random import Generator
from torch import Tensor

from perception.errors import WhiteoutError


def draw_masks(count: int, rows: int, columns: int, share: float, rng: Generator) -> Bool[Tensor, "count rows columns"]:
    """Random masks, true where hidden; each hides the same number of units, `share` of all, rounded.

    Raises:
        WhiteoutError: so small or large a share that nothing or everything would be hidden.
    """
    units = rows * columns
    hidden = round(share * units)
    if not 0 < hidden < units:
        raise WhiteoutError(
            f"pretrain: a mask of {share:g} hides {hidden} of {units} parts of a picture; "
            "use another --mask or a larger --size."
        )
    order = np.stack([rng.permutation(units) for _ in range(count)])
    return torch.from_numpy(order < hidden).reshape(count, rows, columns)


def patches_of(images: Float[Tensor, "batch 3 height width"], side: int) -> Float[Tensor, "batch patches values"]:
    """The pixels of each `side` x `side` px patch, patches row by row, values by row, column and channel."""
    batch, channels, height, width = images.shape
    rows, columns = height // side, width // side
    cut = images.reshape(batch, channels, rows, side, columns, side)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, side * side * channels)
