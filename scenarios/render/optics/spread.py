"""Light that lens and windscreen scatter: veiling glare and bloom from one measured law.

The law is the CIE Small Angle Disability Glare equation (CIE 146:2002, after Vos and van den Berg):
veil / illuminance = 10 / angle^3 + 5 / angle^2 [1/sr, angle in degrees], valid from 0.1 to 30 degrees. It was measured
on human eyes; scatter by particles of many sizes, which a lens behind a used windscreen has too, follows the same
shape. No standard tells the strength for a windscreen: `WINDSCREEN` is our choice. Inside `CORE` the law is rounded
off, and beyond 30 degrees it is continued.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Complex, Float, Float32
from numpy import ndarray
from scipy.fft import irfft2, next_fast_len, rfft2

from perception.camera import Camera

WINDSCREEN = 1.2
"""Scatter against that of a young human eye."""
CORE = 0.3
"""Where the law is rounded off [deg]."""
SUN_RADIUS = 0.2665
"""[deg]"""
SUN_SOLID_ANGLE = 6.87e-5
COARSE = 0.3
"""Scattered light is computed on pixels up to this wide [deg]."""


def law(angle: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
    """Scattered radiance at an angle [deg] from a source, over the source's irradiance [1/sr]."""
    square = angle**2 + CORE**2
    return np.asarray(WINDSCREEN * (10 / (square * np.sqrt(square)) + 5 / square))


@lru_cache(maxsize=1)
def scattered_share() -> float:
    """Share of the light that is scattered at all: the law over the half-space."""
    edges = np.geomspace(1e-4, 90, 4001)
    middle = np.sqrt(edges[1:] * edges[:-1])
    ring = 2 * np.pi * np.sin(np.deg2rad(middle)) * np.deg2rad(np.diff(edges))
    return float((law(middle) * ring).sum())


def spread(
    radiance: Float[ndarray, "height width 3"], pitch: float, strength: float = 1.0
) -> Float32[ndarray, "height width 3"]:
    """A picture with the light that is scattered inside it.

    Args:
        radiance: linear.
        pitch: angle between pixels in the picture's middle [rad].
        strength: 1 for the law, 0 for none.
    """
    light = np.asarray(radiance, np.float32)
    if strength <= 0:
        return light
    height, width = light.shape[:2]
    step = max(1, int(np.deg2rad(COARSE) / pitch))
    coarse = (-(-width // step), -(-height // step))
    small = cv2.resize(light, coarse, interpolation=cv2.INTER_AREA) if step > 1 else light
    size = (next_fast_len(2 * coarse[1], real=True), next_fast_len(2 * coarse[0], real=True))
    kernel = _kernel(size, round(pitch * width / coarse[0], 9))
    veil = irfft2(rfft2(small, s=size, axes=(0, 1)) * kernel[..., None], s=size, axes=(0, 1))[: coarse[1], : coarse[0]]
    veil = np.ascontiguousarray(veil, np.float32)
    if step > 1:
        veil = cv2.resize(veil, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.maximum(light * np.float32(1 - strength * scattered_share()) + strength * veil, 0), np.float32)


@lru_cache(maxsize=8)
def _kernel(size: tuple[int, int], pitch: float) -> Complex[ndarray, "h w"]:
    """Transform of the law on a grid of pixels of `pitch` [rad]; the middle is integrated finely."""
    y = np.minimum(np.arange(size[0]), size[0] - np.arange(size[0]))[:, None]
    x = np.minimum(np.arange(size[1]), size[1] - np.arange(size[1]))[None]
    values = law(np.rad2deg(np.arctan(np.hypot(x, y) * pitch)))
    near = 6
    fine = (np.arange(-near * 16, (near + 1) * 16) - 8 + 0.5) / 16
    square = law(np.rad2deg(np.arctan(np.hypot(fine[:, None], fine[None]) * pitch)))
    mean = square.reshape(2 * near + 1, 16, 2 * near + 1, 16).mean((1, 3))
    for i in range(-near, near + 1):
        for j in range(-near, near + 1):
            if abs(i) <= size[0] // 2 and abs(j) <= size[1] // 2:
                values[i, j] = mean[near + i, near + j]
    return np.asarray(rfft2(values * pitch**2), np.complex64)


def sun_light(
    camera: Camera, sun: Float[ndarray, "3"], irradiance: Float[ndarray, "3"], visible: float, strength: float = 1.0
) -> Float32[ndarray, "height width 3"]:
    """The sun's disc, and what of its light is scattered over the picture, also from beside it.

    Args:
        camera: the view.
        sun: unit vector towards the sun, world axes.
        irradiance: of a surface facing the sun.
        visible: share of the disc that the camera sees.
        strength: of scatter; 1 for the law.
    """
    local = camera.camera_to_world[:3, :3].T @ sun
    reach = float(np.clip(local[2] * 4 + 0.4, 0, 1))
    if visible * reach <= 0 or not irradiance.any():
        return np.zeros((camera.height, camera.width, 3), np.float32)
    along = camera.pixel_rays() @ local
    angle = np.rad2deg(np.arccos(np.clip(along, -1, 1)))
    edge = np.rad2deg(1 / camera.intrinsics[0, 0]) / 2
    disc = np.clip((SUN_RADIUS + edge - angle) / (2 * edge), 0, 1) / SUN_SOLID_ANGLE
    light = strength * law(angle) + (1 - strength * scattered_share()) * disc
    return np.asarray(light[..., None] * (irradiance * visible * reach), np.float32)
