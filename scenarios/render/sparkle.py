"""Sparkle of fresh snow: crystals that mirror the sun straight into the camera.

Each crystal is a small mirror that faces anywhere. How many of a pixel's flash is drawn from a number that its place on
the ground and the direction between eye and sun are hashed to: the same place flashes again only for the same sun and
eye (the idea of Jakob et al. 2014, "Discrete stochastic microfacet models"). Flashes are added after denoising, which
would take them for noise.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, UInt32
from numpy import ndarray

from perception.camera import Camera
from scenarios.render.optics.exposure import LUMINANCE
from scenarios.render.optics.spread import SUN_SOLID_ANGLE
from scenarios.render.sky import Sky
from scenarios.render.tracer import Traced
from scenarios.weather import Weather

CRYSTAL = 4e-7
"""Area of a crystal's face [m2]: a grain of fresh snow is about half a millimetre wide."""
SHINING = 0.05
"""Share of the snow that faces as smooth as a mirror take: assumed."""
REFLECTED = 0.018
"""Reflectance of ice at right angles (refractive index 1.31)."""
AGES = 1.0
"""Days after which the facets have rounded to 1/e: assumed."""
FARTHEST, FADES = 18.0, 8.0
"""Flashes are too many and too weak to be seen one by one from here on, and fewer are drawn that much before [m]."""
CELL = 0.02
"""Width of a place on the ground [m]."""
TURN = 0.005
"""How far eye and sun may turn until others flash [rad]: about the sun's radius."""
WHITE, LEVEL, SUNLIT = 0.7, 0.7, 0.3
"""Ground is sunlit snow from this reflectance, this upward normal and this share of the sun's light on."""


def sparkle(
    weather: Weather, sky: Sky, camera: Camera, depth: Float[ndarray, "height width"], traced: Traced, seed: int
) -> Float32[ndarray, "height width 3"] | None:
    """Radiance of the flashes in a picture; None where there can be none.

    Args:
        weather: fresh, dry, untrodden snow sparkles most.
        sky: the sun.
        camera: the view.
        depth: along the optical axis [m].
        traced: the picture, for what is sunlit snow in it.
        seed: of the crystals.
    """
    freshness = weather.snow_cover * (1 - weather.slush) * np.exp(-weather.snow_age / AGES)
    if freshness < 0.05 or not sky.sun_irradiance.any():
        return None
    rows, columns = np.nonzero((traced.normal[..., 2] > LEVEL) & (depth < FARTHEST) & (traced.albedo.min(-1) > WHITE))
    reaching = traced.albedo[rows, columns] * (sky.sun_irradiance * max(float(sky.sun[2]), 0.03) / np.pi)
    sunlit = traced.sun[rows, columns] @ LUMINANCE > SUNLIT * (reaching @ LUMINANCE)
    rows, columns = rows[sunlit], columns[sunlit]
    look = camera.pixel_rays()[rows, columns] @ camera.camera_to_world[:3, :3].T
    distance = depth[rows, columns] / np.maximum(look @ camera.camera_to_world[:3, 2], 0.05)
    half = sky.sun - look
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    pixel = 1 / float(camera.intrinsics[0, 0]) ** 2
    area = pixel * distance**2 / np.maximum(-look[:, 2], 0.05)
    cosine = np.clip(half @ sky.sun, 0.02, 1)
    share = SUN_SOLID_ANGLE / (4 * cosine) / (2 * np.pi)
    expected = freshness * SHINING * area / CRYSTAL * share * np.clip((FARTHEST - distance) / FADES, 0, 1)
    place = camera.position + look * distance[:, None]
    first, second = _chances(place, half, seed)
    flashing = first < np.minimum(expected, 1)
    fresnel = REFLECTED + (1 - REFLECTED) * (1 - cosine) ** 5
    strength = fresnel * CRYSTAL / (SUN_SOLID_ANGLE * pixel * distance**2) * -np.log(second)
    light = np.zeros((*depth.shape, 3), np.float32)
    light[rows[flashing], columns[flashing]] = (strength[:, None] * sky.sun_irradiance)[flashing]
    return light


def _chances(
    place: Float[ndarray, "n 3"], half: Float[ndarray, "n 3"], seed: int
) -> tuple[Float[ndarray, "n"], Float[ndarray, "n"]]:
    """Two numbers in (0, 1) for each place and half vector."""
    state = np.full(len(place), seed & 0xFFFFFFFF, np.uint32)
    for values in (np.floor(place[:, :2] / CELL), np.floor(half / TURN)):
        for column in values.astype(np.int64).T:
            state = _mixed(state ^ column.astype(np.uint32))
    again = _mixed(state)
    return (state + 0.5) / 2.0**32, (again + 0.5) / 2.0**32


def _mixed(state: UInt32[ndarray, "n"]) -> UInt32[ndarray, "n"]:
    """One step of PCG (Jarzynski and Olano 2020, "Hash functions for GPU rendering")."""
    state = state * np.uint32(747796405) + np.uint32(2891336453)
    word = ((state >> ((state >> np.uint32(28)) + np.uint32(4))) ^ state) * np.uint32(277803737)
    return np.asarray((word >> np.uint32(22)) ^ word, np.uint32)
