"""Pictures of the report: packed as JPEGs that fit together into one page.

What is drawn *over* a picture (truth, predictions) is vector graphics, see `charts.overlay`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from perception.raster import read_raster

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
