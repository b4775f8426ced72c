"""Ghosts of the sun: light that two surfaces of the lens reflect on its way, spread over images of the aperture.

Each pair of surfaces makes a ghost on the line from the sun's image through the picture's middle. Coated glass reflects
about half a per cent at each of the two (Hullin et al. 2011, "Physically-based real-time lens flare rendering", for
the cause); places, sizes and tints are those of no real lens.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from perception.camera import Camera

TWICE_REFLECTED = 0.005**2
GHOSTS = (
    (-0.35, 2.6, (1.0, 0.8, 0.5)),
    (-0.7, 4.0, (0.5, 0.9, 1.0)),
    (-1.15, 6.5, (0.6, 1.0, 0.6)),
    (0.45, 2.0, (1.0, 0.6, 0.9)),
)
"""Place along the line (1 the sun, 0 the middle), radius [deg] and tint of each."""
DEFAULT = 0.1
"""CARLA's `lens_flare_intensity` that stands for a coated lens."""


def ghosts(
    camera: Camera,
    sun: Float[ndarray, "3"],
    irradiance: Float[ndarray, "3"],
    visible: float,
    *,
    intensity: float,
    blades: int,
) -> Float32[ndarray, "height width 3"]:
    """Light of the sun's ghosts; none while the sun is outside the picture."""
    light = np.zeros((camera.height, camera.width, 3), np.float32)
    image, depth = camera.project(camera.position[None] + sun[None] * 1000)
    size = np.array([camera.width, camera.height])
    if intensity * visible <= 0 or depth[0] <= 0 or not ((image[0] >= 0) & (image[0] <= size)).all():
        return light
    middle = size / 2
    for place, radius, tint in GHOSTS:
        center = middle + (image[0] - middle) * place
        extent = np.deg2rad(radius) * camera.intrinsics[0, 0]
        low = np.clip(np.floor(center - extent), 0, size).astype(int)
        high = np.clip(np.ceil(center + extent), 0, size).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5 - center[0], np.arange(low[1], high[1]) + 0.5 - center[1])
        cover = np.clip((1 - _radius(x, y, blades) / extent) * 5, 0, 1)
        strength = TWICE_REFLECTED * intensity / DEFAULT / (np.pi * np.deg2rad(radius) ** 2)
        light[low[1] : high[1], low[0] : high[0]] += cover[..., None] * (strength * visible * irradiance * tint)
    return light


def _radius(x: Float[ndarray, "h w"], y: Float[ndarray, "h w"], blades: int) -> Float[ndarray, "h w"]:
    """Distance from the middle, in polygons of `blades` corners (circles below three)."""
    distance = np.hypot(x, y)
    if blades < 3:
        return distance
    wedge = np.pi / blades
    angle = np.mod(np.arctan2(y, x), 2 * wedge) - wedge
    return np.asarray(distance * np.cos(angle) / np.cos(wedge))
