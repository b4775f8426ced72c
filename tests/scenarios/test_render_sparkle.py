"""Sparkle of fresh snow: how much of it there is, where, and when it changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perception.camera import Camera
from scenarios.instant import Pose
from scenarios.render.frames import camera_of
from scenarios.render.sky import Sky, sky_of
from scenarios.render.sparkle import FADES, FARTHEST, REFLECTED, SHINING, sparkle
from scenarios.render.tracer import Traced
from scenarios.weather import Weather
from tests.scenarios.rendered import look, view

FRESH = Weather(snow_cover=1.0, temperature=-5.0, sun_altitude_angle=35.0, cloudiness=0.0)
AT = view(480, 300)
NEAR = slice(200, None)
"""Rows that show the ground nearer than 9 m."""


def field(camera: Camera, sky: Sky, albedo: float = 0.9) -> tuple[np.ndarray, Traced]:
    """Depth and picture of an endless sunlit plane below the camera."""
    rays = camera.pixel_rays() @ camera.camera_to_world[:3, :3].T
    down = np.maximum(-rays[..., 2], 1e-6)
    distance = camera.position[2] / down
    depth = np.where(rays[..., 2] < -1e-3, distance * (rays @ camera.camera_to_world[:3, 2]), np.inf)
    shape = (*depth.shape, 3)
    white = np.full(shape, albedo, np.float32)
    sun = (white * sky.sun_irradiance * sky.sun[2] / np.pi).astype(np.float32)
    up = np.broadcast_to(np.array([0, 0, 1], np.float32), shape).copy()
    return depth, Traced(sun, sun, np.zeros(shape, np.float32), white, up, np.zeros(shape, np.float32))


def flashes(weather: Weather = FRESH, at: Pose | None = None, albedo: float = 0.9, seed: int = 0) -> np.ndarray:
    camera = camera_of(AT if at is None else replace(AT, pose=at))
    sky = sky_of(weather, 0)
    found = sparkle(weather, sky, camera, *field(camera, sky, albedo), seed)
    assert found is not None
    return found


def test_all_flashes_together_send_what_the_crystals_mirror() -> None:
    """Small mirrors in all directions reflect like a ball, by Fresnel's share."""
    camera = camera_of(AT)
    sky = sky_of(FRESH, 0)
    depth, traced = field(camera, sky)
    total = 0.0
    for seed in range(60):
        found = sparkle(FRESH, sky, camera, depth, traced, seed)
        assert found is not None
        total += float(found[..., 1].sum())
    near = depth < FARTHEST
    rays = camera.pixel_rays() @ camera.camera_to_world[:3, :3].T
    half = sky.sun - rays
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    cosine = half @ sky.sun
    fresnel = REFLECTED + (1 - REFLECTED) * (1 - cosine) ** 5
    mean = fresnel / (8 * np.pi * cosine) / np.maximum(-rays[..., 2], 0.05) * sky.sun_irradiance[1]
    distance = depth / np.maximum(rays @ camera.camera_to_world[:3, 2], 0.05)
    mean = mean * SHINING * np.clip((FARTHEST - distance) / FADES, 0, 1)
    expected = 60 * float(mean[near].sum())
    assert total == pytest.approx(expected, rel=0.2)


def test_flashes_are_few_and_bright() -> None:
    found = flashes()
    share = (found[NEAR].max(-1) > 0).mean()
    assert 1e-4 < share < 0.01
    lit = found.max(-1) > 0
    snow = float(sky_of(FRESH, 0).sun_irradiance.max()) * 0.9 / np.pi
    assert np.quantile(found[lit].max(-1), 0.9) > 0.5 * snow


def test_others_flash_when_the_eye_moves_and_the_same_when_it_stays() -> None:
    first = flashes()
    np.testing.assert_array_equal(first, flashes())
    first, moved = first[NEAR], flashes(at=replace(AT.pose, x=AT.pose.x + 0.5))[NEAR]
    both = ((first > 0) & (moved > 0)).any(-1).sum()
    assert both < 0.2 * (first.max(-1) > 0).sum()


def test_old_snow_bare_ground_and_shade_do_not_sparkle() -> None:
    assert (flashes(albedo=0.4) == 0).all()
    aged = flashes(FRESH.with_values(snow_age=2.0))
    assert (aged > 0).sum() < 0.4 * (flashes() > 0).sum()
    camera, sky = camera_of(AT), sky_of(FRESH, 0)
    depth, traced = field(camera, sky)
    shaded = sparkle(FRESH, sky, camera, depth, replace(traced, sun=np.zeros_like(traced.sun)), 0)
    assert shaded is not None
    assert not shaded.any()
    for plain in (FRESH.with_values(snow_cover=0.0), FRESH.with_values(snow_age=9.0), FRESH.with_values(slush=1.0)):
        assert sparkle(plain, sky, camera, depth, traced, 0) is None


def test_sparkle_is_in_the_picture_and_not_in_the_glare_mask() -> None:
    shot = look(FRESH.with_values(snow_depth=0.2), at=view(320, 200))
    shot.glare()
    added = shot._flashes
    assert added is not None
    assert (added > 0).any()
    assert (shot.glare()[added.max(-1) > 0] == 0).mean() > 0.9
