"""From a picture to what a network takes, differentiable, and the way back from its pixels to the picture's."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, pad

from perception.adapters.description import Input


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in the network's input.

    Attributes:
        picture: height and width of the picture [px].
        inner: height and width that it has in the input [px].
        top, left: where it begins there [px].
        canvas: height and width of the input [px].
    """

    picture: tuple[int, int]
    inner: tuple[int, int]
    top: int
    left: int
    canvas: tuple[int, int]

    def x(self, across: Tensor) -> Tensor:
        """Places across the input [px] as places across the picture [px]."""
        return (across - self.left) * (self.picture[1] / self.inner[1])

    def y(self, down: Tensor) -> Tensor:
        """Places down the input [px] as places down the picture [px]."""
        return (down - self.top) * (self.picture[0] / self.inner[0])


def placement(height: int, width: int, taken: Input) -> Placement:
    """Where a picture of a size [px] comes to lie."""
    canvas = (taken.height, taken.width)
    if taken.resize == "stretch":
        return Placement((height, width), canvas, 0, 0, canvas)
    scale = min(taken.height / height, taken.width / width)
    if taken.anchor == "top_left":
        inner = (max(1, int(height * scale)), max(1, int(width * scale)))
        return Placement((height, width), inner, 0, 0, canvas)
    inner = (max(1, round(height * scale)), max(1, round(width * scale)))
    return Placement((height, width), inner, (taken.height - inner[0]) // 2, (taken.width - inner[1]) // 2, canvas)


def prepare(images: Float[Tensor, "batch 3 height width"], taken: Input) -> Float[Tensor, "batch _ _ _"]:
    """Pictures (RGB in [0, 1]) as the network takes them."""
    place = placement(images.shape[2], images.shape[3], taken)
    if tuple(images.shape[2:]) != place.inner:
        images = interpolate(images, place.inner, mode="bilinear", align_corners=False, antialias=taken.antialias)
    (height, width), (rows, columns) = place.canvas, place.inner
    if place.inner != place.canvas:
        sides = (place.left, width - columns - place.left, place.top, height - rows - place.top)
        images = pad(images, sides, value=taken.pad / 255)
    if taken.channels == "BGR":
        images = images.flip(1)
    mean, std = (images.new_tensor(values).view(1, 3, 1, 1) for values in (taken.mean, taken.std))
    values = (images * taken.range - mean) / std
    return values.permute(0, 2, 3, 1) if taken.layout == "NHWC" else values


def on_picture(cells: Float[Tensor, "1 1 rows columns"], place: Placement) -> Float[Tensor, "height width"]:
    """A map over the whole input, enlarged bilinearly to it, as a map over the picture."""
    whole = interpolate(cells, place.canvas, mode="bilinear", align_corners=False)
    (rows, columns), top, left = place.inner, place.top, place.left
    inner = whole[:, :, top : top + rows, left : left + columns]
    return interpolate(inner, place.picture, mode="bilinear", align_corners=False)[0, 0]


def as_images(images: object) -> Float[Tensor, "batch 3 height width"]:
    """Pictures given as an array or as a tensor, as a float tensor."""
    return torch.as_tensor(images).float()
