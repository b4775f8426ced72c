"""Air through real lenses: how far each pixel looks through fog, what the sun adds, whose motion streaks drops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from scenarios.instant import Instant, Pose
from scenarios.render.air import EYE, KOSCHMIEDER, VISIBILITY_AT_FULL_FOG
from scenarios.render.frames import camera_of
from scenarios.render.labels import MARKING, ROAD
from scenarios.render.precipitation import opacity, streak_ends
from scenarios.render.shot import Shot
from scenarios.render.spray import spray
from scenarios.weather import Weather, preset
from tests.scenarios.rendered import LANE, car, look, view

ABOVE = 3.0
"""Height of a camera that looks straight down on the road [m]."""
K1, K2, FISH = -0.12, 0.008, 0.02
LENSES = {
    "pinhole": {},
    "brown_conrady": {"whiteout_lens_k1": str(K1), "whiteout_lens_k2": str(K2)},
    "fisheye": {"whiteout_lens_k1": str(FISH)},
}
FULL = KOSCHMIEDER / VISIBILITY_AT_FULL_FOG
"""Extinction of the thickest fog [1/m]."""
FOG = preset("low-sun-wet", 0.0).with_values(fog_density=15.0)


def angles_off_axis(lens: str, width: int, height: int, fov: float) -> Float[ndarray, "height width"]:
    """Angle between each pixel's ray and the optical axis, from the published polynomial read backwards in a table."""
    angle = np.linspace(0, 1.35, 200_001)
    flat = np.tan(angle)
    drawn = {
        "pinhole": flat,
        "brown_conrady": flat * (1 + K1 * flat**2 + K2 * flat**4),
        "fisheye": angle * (1 + FISH * angle**2),
    }[lens]
    half = np.deg2rad(fov / 2)
    edge = half * (1 + FISH * half**2) if lens == "fisheye" else np.tan(half)
    rising = np.cumprod(np.diff(drawn, prepend=-1.0) > 0).astype(bool)
    x = (np.arange(width) + 0.5) / width * 2 - 1
    y = ((np.arange(height) + 0.5) / height * 2 - 1) * height / width
    return np.interp(np.hypot(x, y[:, None]) * edge, drawn[rising], angle[rising])


def kept(shot: Shot) -> Float[ndarray, "height width"]:
    """Share of the scene's light that the air of a picture lets through."""
    black = np.zeros((shot.view.height, shot.view.width, 3), np.float32)
    return np.asarray(
        (shot._air.through(black + 1, shot._distance) - shot._air.through(black, shot._distance)).mean(-1)
    )


@pytest.mark.parametrize("start", [0.0, 2.0])
@pytest.mark.parametrize("lens", LENSES)
def test_fog_dims_by_the_distance_along_each_pixels_own_ray(lens: str, start: float) -> None:
    """A flat road seen from straight above: as far as the height over the cosine of the angle off the axis."""
    at = view(160, 80, fov=110.0, pose=Pose(60.0, 0.0, ABOVE, pitch=-90.0),
              attributes={**LENSES[lens], "whiteout_lens": lens})  # fmt: skip
    shot = look(Weather(fog_density=100.0, fog_distance=start), at=at)
    flat = np.isin(shot.semantic(), (ROAD, MARKING))
    angle = angles_off_axis(lens, 160, 80, 110.0)
    assert angle[flat].max() > np.deg2rad(45)
    expected = np.exp(-FULL * np.maximum(ABOVE / np.cos(angle[flat]) - start, 0))
    np.testing.assert_allclose(kept(shot)[flat], expected, rtol=2e-3)


@pytest.mark.parametrize("lens", LENSES)
def test_fog_that_thins_out_dims_by_the_integral_along_the_ray(lens: str) -> None:
    """Density at each height by hand, summed up along the way from where the fog begins to the road."""
    falloff, start = 0.4, 1.0
    at = view(160, 80, fov=110.0, pose=Pose(60.0, 0.0, ABOVE, pitch=-90.0),
              attributes={**LENSES[lens], "whiteout_lens": lens})  # fmt: skip
    shot = look(Weather(fog_density=100.0, fog_distance=start, fog_falloff=falloff), at=at)
    flat = np.isin(shot.semantic(), (ROAD, MARKING))
    cosine = np.cos(angles_off_axis(lens, 160, 80, 110.0)[flat])
    share = (np.arange(2000) + 0.5) / 2000
    path = start + share[:, None] * (ABOVE / cosine - start)
    density = np.exp(-falloff * (EYE - path * cosine))
    expected = np.exp(-FULL * (density.mean(0) * (ABOVE / cosine - start)))
    np.testing.assert_allclose(kept(shot)[flat], expected, rtol=3e-3)


def test_a_fisheye_sees_fog_before_what_stands_beside_it() -> None:
    """A look beside or behind the image plane has no depth, and yet it meets the road."""
    at = view(160, 160, fov=220.0, pose=Pose(60.0, 0.0, ABOVE), attributes={"whiteout_lens": "fisheye"})
    shot = look(Weather(fog_density=100.0), at=at)
    beside = np.isinf(shot.depth()) & np.isin(shot.semantic(), (ROAD, MARKING))
    assert beside.sum() > 100
    down = (shot.camera.pixel_rays() @ shot.camera.camera_to_world[2, :3])[beside]
    np.testing.assert_allclose(kept(shot)[beside], np.exp(FULL * ABOVE / down), rtol=0.02)


def test_without_the_sun_there_is_no_glow_around_it() -> None:
    """The sky in thick fog: brighter around the sun, and alike everywhere once the sun is taken away."""
    shot = look(FOG, at=view(160, 100, attributes={"whiteout_sensor_noise": "0", "bloom_intensity": "0"}))
    sky = np.isinf(shot.depth())
    sun = shot.camera.camera_to_world[:3, :3].T @ shot._sky.sun
    apart = np.rad2deg(np.arccos(np.clip(shot.camera.pixel_rays() @ sun, -1, 1)))
    near, far = sky & (apart > 2) & (apart < 8), sky & (apart > 30)
    assert min(near.sum(), far.sum()) > 100
    picture, twin = (one.astype(float).mean(-1) for one in (shot.rgb(), shot.twin("no_sun")))
    assert picture[near].mean() > picture[far].mean() + 10
    assert abs(twin[near].mean() - twin[far].mean()) < 1
    assert twin[sky].max() < 250
    assert (picture[sky] >= twin[sky] - 0.5).all()


def test_glare_in_fog_is_marked_where_fog_leaves_it() -> None:
    """As the air grows thicker less of the road dazzles: what does is what the ratio says, not the air's own glow."""
    masks = []
    for density in (0.0, 12.0, 24.0, 40.0):
        shot = look(FOG.with_values(fog_density=density), at=view(160, 100))
        mask, ratio = shot.glare() > 0, shot.glare_ratio()
        assert not mask[np.isinf(shot.depth())].any()
        assert ratio[np.isinf(shot.depth())].max() < 1.5
        assert ratio[mask].min(initial=2.0) > 1.2
        masks.append(float(mask.mean()))
    assert masks == sorted(masks, reverse=True)
    assert masks[0] > 5 * masks[-1]


def test_drops_streak_by_the_motion_of_the_camera_alone() -> None:
    """A vehicle that passes a standing camera moves no drop; a camera that drives with no vehicle near does."""
    weather = Weather(precipitation=60.0)
    passing = replace(car(7, 28.5, LANE - 2.0), speed=25.0)
    still, passed, driven = (
        look(weather, *actors, at=view(velocity=velocity))._air.drops
        for actors, velocity in (((), (0.0, 0.0, 0.0)), ((passing,), (0.0, 0.0, 0.0)), ((), (25.0, -3.0, 0.0)))
    )
    np.testing.assert_array_equal(still, passed)
    shot = look(weather, at=view(velocity=(25.0, -3.0, 0.0)))
    seed, seconds = shot._renderer.seed_of(shot.instant, shot.view), 1 / shot._optics.settings.shutter_speed
    expected = opacity(weather, shot.camera, shot._distance, seed, np.array([25.0, 3.0, 0.0]), exposure_time=seconds)
    np.testing.assert_array_equal(driven, expected)
    assert (driven > 0.02).sum() > 1.2 * (still > 0.02).sum()


def test_drops_beside_a_fisheye_go_where_it_draws_them() -> None:
    """Equidistant without coefficients: a drop beside the camera that comes towards it is drawn further out."""
    at = camera_of(view(100, 100, fov=180.0, attributes={"whiteout_lens": "fisheye"}))
    focal = 50 / (np.pi / 2)
    start = np.array([[50 + focal * np.deg2rad(80.0), 50.0]])
    ends = streak_ends(at, start, 5.0, np.array([[0.0, 0.0, -1.0]]))
    place = 5 * np.array([np.sin(np.deg2rad(80.0)), np.cos(np.deg2rad(80.0))]) - [0.0, 1.0]
    np.testing.assert_allclose(ends, [[50 + focal * np.arctan2(*place), 50.0]], atol=1e-6)


@pytest.mark.parametrize("lens", LENSES)
def test_spray_hangs_where_the_lens_draws_the_wheels(lens: str) -> None:
    """Behind a car to the side: the middle of the billows lies about where the space behind the wheels is drawn."""
    camera = camera_of(view(160, 100, fov=100.0, attributes={**LENSES[lens], "whiteout_lens": lens}))
    behind = replace(car(7, 42.0, LANE + 7.0), speed=28.0)
    seen = spray(Instant(1, 0.0, preset("rain"), (behind,)), camera, np.full((100, 160), np.inf, np.float32))
    columns = (seen.sum(0) * (np.arange(160) + 0.5)).sum() / seen.sum()
    reached, _ = camera.project(np.array([[x, -LANE - 7.0, 0.6] for x in (39.5, 33.0)]))
    assert reached[0, 0] < columns < reached[1, 0]
