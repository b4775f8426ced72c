"""Pictures of the report: heat maps blended in, perturbations magnified, everything packed as small JPEGs.

What is drawn *over* a picture (truth, predictions) is vector graphics, see `charts.overlay`; this file makes rasters.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from perception.raster import read_raster

HEAT_COLORS = cv2.COLORMAP_INFERNO
"""Rises evenly in lightness, so it also reads without colour vision and in grey print."""

SETTINGS: tuple[tuple[int, float], ...] = (
    (88, 1.0), (80, 1.0), (70, 1.0), (60, 1.0), (50, 1.0), (55, 0.7), (45, 0.5), (40, 0.35), (35, 0.25), (30, 0.15),
)  # fmt: skip
"""JPEG quality and scale, tried in order until all pictures fit."""


@dataclass(frozen=True)
class Packed:
    """All pictures as data URIs, by path, and the JPEG quality and scale that made them fit."""

    uris: dict[str, str]
    quality: int
    scale: float


def blend_heat(
    image: UInt8[ndarray, "height width 3"], heat: Float[ndarray, "height width"], strength: float = 0.6
) -> UInt8[ndarray, "height width 3"]:
    """A heat map over a grey picture: the warmer and brighter, the more evidence.

    Args:
        image: RGB picture.
        heat: evidence per pixel, at least 0, of the picture's size; scaled by its own maximum.
        strength: how much of the heat map's colour replaces the picture where the heat is highest, 0 to 1.
    """
    top = float(heat.max())
    share = np.clip(heat / top, 0, 1) if top > 0 else np.zeros_like(heat)
    colors = cv2.cvtColor(cv2.applyColorMap((255 * share).astype(np.uint8), HEAT_COLORS), cv2.COLOR_BGR2RGB)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    weight = strength * np.sqrt(share)[..., None]
    return np.asarray((1 - weight) * grey + weight * colors).round().astype(np.uint8)


def magnify(
    clean: UInt8[ndarray, "height width 3"], attacked: UInt8[ndarray, "height width 3"]
) -> tuple[UInt8[ndarray, "height width 3"], int]:
    """The perturbation around mid-grey, and the whole number by which it had to be multiplied to be seen well."""
    change = attacked.astype(np.int32) - clean.astype(np.int32)
    largest = int(np.abs(change).max())
    factor = max(1, 127 // largest) if largest else 1
    return np.clip(128 + factor * change, 0, 255).astype(np.uint8), factor


def pack(folder: Path, paths: Iterable[str], budget: int) -> Packed:
    """Read the pictures at `paths` under `folder`; make them JPEG data URIs that take at most `budget` bytes together.

    If even the coarsest setting is too large, that one is returned: a report with small pictures beats none.
    """
    rasters = {path: _rgb(read_raster(folder / path)) for path in dict.fromkeys(paths)}
    packed = Packed({}, *SETTINGS[0])
    for quality, scale in SETTINGS:
        packed = Packed({path: _uri(raster, quality, scale) for path, raster in rasters.items()}, quality, scale)
        if sum(map(len, packed.uris.values())) <= budget:
            break
    return packed


def _rgb(raster: ndarray) -> UInt8[ndarray, "height width 3"]:
    raster = raster if raster.dtype == np.uint8 else (raster / 257).astype(np.uint8)
    return raster if raster.ndim == 3 else np.repeat(raster[..., None], 3, axis=2)


def _uri(raster: UInt8[ndarray, "height width 3"], quality: int, scale: float) -> str:
    if scale < 1:
        raster = cv2.resize(raster, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(raster, cv2.COLOR_RGB2BGR), flags)
    assert done
    return "data:image/jpeg;base64," + base64.b64encode(bytes(data)).decode()
