"""Cameras, skies and crowds at the edge of what there is: right, or a sentence."""

from __future__ import annotations

import gc
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scenarios.instant import ActorState, Before, Instant, Pose
from scenarios.render.labels import ROAD, SKY
from scenarios.render.shot import Shot
from scenarios.weather import preset
from tests.scenarios.rendered import EYE, LANE, car, look, renderer, view

TINY = view(40, 24)


def checked(shot: Shot) -> Shot:
    """Every channel has its size, its type, and no number that is none."""
    size = (shot.view.height, shot.view.width)
    assert shot.rgb().shape == (*size, 3)
    assert shot.rgb().dtype == np.uint8
    depth, normals = shot.depth(), shot.normals()
    assert depth.shape == shot.semantic().shape == shot.instance().shape == shot.glare().shape == size
    assert (depth > 0).all()
    assert not np.isnan(depth).any()
    length = np.linalg.norm(normals, axis=-1)
    np.testing.assert_allclose(length, np.isfinite(depth), atol=1e-5)
    assert np.isfinite(shot.flow(None)).all()
    assert np.isfinite(shot.glare_ratio()).all()
    assert (shot.glare_ratio() >= 1).all()
    for one in shot.visibility():
        assert np.isfinite(one.amodal).all()
        assert 0 <= one.truncation <= 1
        assert 0 <= one.visible_px <= one.silhouette_px
    return shot


def test_a_camera_below_the_ground_sees_its_underside() -> None:
    shot = checked(look("low-sun-snow", car(), at=replace(TINY, pose=Pose(30.0, LANE, -2.0, pitch=30.0))))
    assert np.isfinite(shot.depth()[:12]).mean() > 0.9
    assert shot.normals()[:12][np.isfinite(shot.depth()[:12])][:, 2].mean() < -0.9, "turned towards the camera"


def test_a_camera_inside_a_car_sees_it_from_inside_unless_it_is_hidden() -> None:
    inside = replace(TINY, pose=Pose(42.0, LANE, 1.1))
    shot = checked(look("clear", car(), at=inside))
    assert (shot.instance() == 7).mean() > 0.3
    (seen,) = shot.visibility()
    assert seen.truncation > 0.5
    free = checked(look("clear", car(), at=replace(inside, hidden=frozenset({7}))))
    assert not free.instance().any()


def test_one_pixel_is_the_middle_of_a_picture() -> None:
    at = view(1, 1, fov=1.0, pose=Pose(30.0, LANE, EYE, pitch=-10.0))
    shot = checked(look("clear", at=at))
    assert shot.semantic().tolist() == [[ROAD]]
    assert shot.depth()[0, 0] == pytest.approx(EYE / np.sin(np.deg2rad(10.0)), rel=1e-3)


@pytest.mark.parametrize(("fov", "size"), [(1.0, (40, 24)), (170.0, (40, 24)), (170.0, (24, 40))])
def test_narrow_and_wide_pictures_measure_the_same_road(fov: float, size: tuple[int, int]) -> None:
    at = view(*size, fov=fov, pose=Pose(30.0, LANE, EYE, pitch=-20.0))
    shot = checked(look("clear", car(), at=at))
    row, column = size[1] // 2, size[0] // 2
    focal = size[0] / 2 / np.tan(np.deg2rad(fov / 2))
    below = np.deg2rad(20.0) + np.arctan(0.5 / focal)
    ahead = EYE / np.sin(below) * np.cos(np.arctan(0.5 / focal))
    assert shot.depth()[row, column] == pytest.approx(ahead, rel=0.01)


@pytest.mark.parametrize("altitude", [90.0, 45.0, 0.5, 0.0, -0.5, -6.0, -90.0])
def test_the_sun_may_stand_anywhere(altitude: float) -> None:
    weather = preset("low-sun-wet", 0.0).with_values(sun_altitude_angle=altitude)
    shot = checked(look(weather, car(), at=TINY))
    assert shot.rgb().std() > 1
    if altitude <= 0:
        assert not shot.glare().any()
        assert (shot.glare_ratio() == 1).all()
        np.testing.assert_array_equal(shot.twin("no_sun"), shot.rgb())


def test_three_hundred_actors_are_all_counted() -> None:
    """A block of cones, every one of which stands free for a camera that looks down on them."""
    cones = tuple(
        ActorState(100 + n, "static.prop.trafficcone01", Pose(30.7 + 1.4 * (n % 15), LANE - 13.3 + 1.4 * (n // 15)))
        for n in range(300)
    )
    above = view(640, 400, pose=Pose(40.5, LANE, 16.0, pitch=-90.0), fov=100.0)
    shot = checked(look("clear", *cones, at=above))
    seen = {one.actor_id: one for one in shot.visibility()}
    assert seen.keys() == {cone.id for cone in cones}
    assert set(np.unique(shot.instance())) - {0} == {cone.id for cone in cones}
    assert np.mean([one.visible_px / one.silhouette_px for one in seen.values()]) > 0.8


def test_nobody_is_an_empty_set_of_labels() -> None:
    shot = checked(renderer().shoot(Instant(1, 0.0, preset("clear")), TINY))
    assert set(np.unique(shot.semantic())) >= {ROAD, SKY}
    assert shot.visibility() == ()


def memory() -> int:
    """What this process holds [bytes]."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def frame(number: int) -> None:
    """A tiny picture with all labels, and twins now and then, of three actors that move and change."""
    moved = tuple(car(7 + n, 36.0 + 6 * n + number % 100 / 10, LANE * (-1) ** n) for n in range(3))
    walker = ActorState(20, "walker.pedestrian.0001", Pose(38.0, LANE + number % 40 / 10, 0.93), travelled=number / 10)
    name = ("low-sun-snow", "low-sun-wet")[number // 10 % 2]
    shot = look(name, *moved, walker, frame=number, at=view(24, 16))
    shot.rgb(), shot.glare(), shot.visibility(), shot.normals()
    shot.flow(Before(replace(shot.view.pose, x=29.5), moved))
    if number % 10 == 0:
        for twin in ("no_glare", "no_snow", "no_actor:7", "sun+10"):
            shot.twin(twin)


def growth(frames: int, warm: int = 25) -> int:
    """Bytes by which memory grows over `frames` frames."""
    for number in range(warm):
        frame(number)
    gc.collect()
    before = memory()
    for number in range(warm, warm + frames):
        frame(number)
        if number % 250 == 0:
            print(f"frame {number}: {(memory() - before) / 1e6:.1f} MB more", flush=True)
    gc.collect()
    return memory() - before


def test_memory_is_flat_over_many_frames() -> None:
    assert growth(40) < 30e6


if __name__ == "__main__":
    print(f"{growth(2000) / 1e6:.1f} MB over 2000 frames")
