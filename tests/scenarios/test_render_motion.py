"""Lenses, moving cameras and moving actors in real renders: pixels against projection by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perception.camera import Camera
from scenarios.instant import ActorState, Instant, Pose, View
from scenarios.render.frames import FLIP, camera_of
from scenarios.render.labels import ROAD
from scenarios.render.mitsuba_setup import mi
from scenarios.render.optics.motion import blurred, way_of
from scenarios.render.optics.settings import Settings
from scenarios.render.tracer import camera_rays
from tests.scenarios.rendered import EYE, LANE, car, look, renderer, view

BROWN = {"whiteout_lens": "brown_conrady", "whiteout_lens_k1": "-0.25", "whiteout_lens_k2": "0.06"}
FISHEYE = {"whiteout_lens": "fisheye", "whiteout_lens_k1": "0.03"}
ROLLING = {"whiteout_rolling_shutter": "0.04"}
LENSES = {
    "pinhole": {},
    "brown": BROWN,
    "fisheye": FISHEYE,
    "rolling": ROLLING,
    "rolling fisheye": {**FISHEYE, **ROLLING},
}


def eye(lens: str, width: int = 160, height: int = 100) -> View:
    pose = Pose(30.0, LANE, EYE, pitch=-6.0, yaw=4.0, roll=3.0)
    moving = {"velocity": (14.0, 2.0, 0.0), "spin": (0.0, 0.0, 25.0)} if "rolling" in lens else {}
    return view(width, height, pose=pose, attributes=LENSES[lens], **moving)


@pytest.mark.parametrize("lens", LENSES)
def test_the_tracers_rays_are_the_cameras(lens: str) -> None:
    camera = camera_of(eye(lens, 640, 400))
    for offset in ((0.5, 0.5), (0.1, 0.8)):
        ray = camera_rays(camera, 1, mi.Point2f(*offset))
        origins, rays = (np.stack([c.numpy() for c in v], 1).astype(float) for v in (ray.o, ray.d))
        x, y = np.meshgrid(np.arange(640) + offset[0], np.arange(400) + offset[1])
        drawn, _ = camera.project(np.broadcast_to(origins, rays.shape) + rays * 20)
        np.testing.assert_allclose(drawn, np.column_stack([x.ravel(), y.ravel()]), atol=1e-3)


@pytest.mark.parametrize("lens", LENSES)
def test_the_road_is_where_the_camera_says(lens: str) -> None:
    shot = look("clear", at=eye(lens))
    rows, columns = np.nonzero(shot.semantic() == ROAD)
    pixels = np.column_stack([columns, rows]) + 0.5
    points = shot.camera.ground_points(pixels)
    near = np.linalg.norm(points - shot.camera.position, axis=1) < 40
    assert near.sum() > 1000
    _, depth = shot.camera.project(points[near])
    np.testing.assert_allclose(shot.depth()[rows, columns][near], depth, rtol=4e-3)


@pytest.mark.parametrize("lens", LENSES)
def test_boxes_and_silhouettes_fit_the_pixels(lens: str) -> None:
    cars = (car(7, 41.0, LANE + 2.0), car(8, 43.0, -1.5))
    shot = look("clear", *cars, at=eye(lens))
    seen = {v.actor_id: v for v in shot.visibility()}
    for actor in (7, 8):
        rows, columns = np.nonzero(shot.instance() == actor)
        tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose(seen[actor].xyxy, tight, atol=1.2)
        assert seen[actor].silhouette_px == pytest.approx(len(rows), rel=0.06)


def test_a_picture_through_a_fisheye_is_no_pinholes() -> None:
    pictures = [look("clear", car(), at=eye(lens)).rgb().astype(int) for lens in ("pinhole", "fisheye", "brown")]
    assert np.abs(pictures[0] - pictures[1]).mean() > 5
    assert np.abs(pictures[0] - pictures[2]).mean() > 3


def moved(camera: Camera, at: View, seconds: float) -> Camera:
    """The camera where its motion has brought it, by CARLA's pose."""
    pose = at.pose
    vx, vy, vz = at.velocity
    later = replace(pose, x=pose.x + vx * seconds, y=pose.y + vy * seconds, z=pose.z + vz * seconds)
    later = replace(later, yaw=pose.yaw + at.spin[2] * seconds)
    return replace(camera, camera_to_world=camera_of(replace(at, pose=later)).camera_to_world)


@pytest.mark.parametrize("lens", ["pinhole", "fisheye"])
def test_blur_is_as_long_as_the_way_of_what_is_seen(lens: str) -> None:
    pose = Pose(30.0, LANE, EYE, pitch=-6.0)
    at = view(160, 100, pose=pose, attributes=LENSES[lens], velocity=(14.0, 2.0, 0.5), spin=(0.0, 0.0, 25.0))
    driving = replace(car(7, 40.0), speed=9.0)
    shot = look("clear", driving, at=at)
    chosen = Settings(motion_blur_intensity=1.0, shutter_speed=100.0, motion_blur_max_distortion=100.0)
    way = way_of(shot.camera, at, (driving,), chosen, shot.depth(), shot.instance())
    assert way is not None
    rows, columns = np.nonzero((shot.depth() < 30) & (np.arange(160) % 7 == 0))
    pixels = np.column_stack([columns, rows]) + 0.5
    rays = shot.camera.rays(pixels)
    local = rays * (shot.depth()[rows, columns] / rays[:, 2])[:, None]
    world = local @ shot.camera.camera_to_world[:3, :3].T + shot.camera.position
    on_car = (shot.instance()[rows, columns] == 7)[:, None]
    assert 5 < on_car.sum() < len(rows) / 2
    ends = [moved(shot.camera, at, s).project(world + on_car * np.array([9.0 * s, 0, 0]))[0] for s in (-0.005, 0.005)]
    np.testing.assert_allclose(way[rows, columns], ends[1] - ends[0], atol=0.03)


def test_a_limit_keeps_blur_short_and_a_small_actor_moves_with_the_ground() -> None:
    at = view(160, 100, velocity=(20.0, 0.0, 0.0))
    driving = replace(car(7, 40.0), speed=20.0)
    shot = look("clear", driving, at=at)
    free = Settings(motion_blur_intensity=1.0, shutter_speed=20.0, motion_blur_max_distortion=100.0)
    inputs = (shot.depth(), shot.instance())
    way = way_of(shot.camera, at, (driving,), free, *inputs)
    short = way_of(shot.camera, at, (driving,), replace(free, motion_blur_max_distortion=0.5), *inputs)
    still = way_of(shot.camera, at, (driving,), replace(free, motion_blur_min_object_screen_size=90.0), *inputs)
    assert way is not None and short is not None and still is not None  # noqa: PT018
    assert np.hypot(*way[-1, 80]) > 5
    assert np.hypot(short[..., 0], short[..., 1]).max() == pytest.approx(0.8, abs=1e-3)
    ours = shot.instance() == 7
    assert np.abs(way[ours]).max() < 1e-4
    assert np.abs(still[ours]).max() > 0.3


def test_nothing_is_blurred_where_nothing_moves() -> None:
    shot = look("clear", car(), at=view(48, 30))
    assert way_of(shot.camera, shot.view, (car(),), Settings(), shot.depth(), shot.instance()) is None


def test_blur_spreads_light_evenly_along_the_way() -> None:
    line = np.zeros((9, 61, 3), np.float32)
    line[:, 30] = 1.0
    way = np.zeros((9, 61, 2), np.float32)
    way[..., 0] = 10.0
    smeared = blurred(line, way)
    np.testing.assert_allclose(smeared.sum((1, 2)), 3.0, rtol=1e-3)
    assert (smeared[4, 26:35, 0] > 0.08).all()
    assert (smeared[4, :24, 0] == 0).all()


def test_a_moving_camera_blurs_its_picture() -> None:
    slow = {"shutter_speed": "20", "motion_blur_intensity": "1", "motion_blur_max_distortion": "100"}
    still = view(160, 100, attributes={**slow, "whiteout_sensor_noise": "0"})
    shots = [
        renderer().shoot(Instant(1, 0.0, look("clear").instant.weather, (car(),)), v)
        for v in (still, replace(still, velocity=(15.0, 0.0, 0.0)))
    ]
    sharp = [np.abs(np.diff(s.rgb().astype(float), axis=0))[60:].mean() for s in shots]
    assert sharp[1] < 0.8 * sharp[0]


def test_a_rolling_shutter_leans_posts_over() -> None:
    walker = ActorState(9, "walker.pedestrian.0001", Pose(38.0, LANE, 0.93))
    at = replace(eye("pinhole"), pose=Pose(33.0, LANE, EYE), attributes=ROLLING, spin=(0.0, 0.0, 90.0))
    masks = [look("clear", walker, at=v).instance() == 9 for v in (replace(at, spin=(0.0, 0.0, 0.0)), at)]

    def lean(mask: np.ndarray) -> float:
        rows = np.flatnonzero(mask.any(1))
        middles = [np.flatnonzero(mask[r]).mean() for r in rows]
        return float(np.polyfit(rows, middles, 1)[0])

    focal = camera_of(at).intrinsics[0, 0]
    expected = -focal * np.deg2rad(90.0) * 0.04 / 100
    assert lean(masks[1]) - lean(masks[0]) == pytest.approx(expected, rel=0.25)
    assert FLIP[1] == -1
