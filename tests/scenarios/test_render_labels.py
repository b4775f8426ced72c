"""Depth, classes, ids and boxes against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from scenarios.instant import ActorState, Pose
from scenarios.render.frames import camera_of
from scenarios.render.labels import MARKING, ROAD, SKY
from tests.scenarios.rendered import EYE, LANE, car, look, renderer, view

CAR, PEDESTRIAN = 14, 12


def test_depth_of_the_road_is_that_of_a_plane() -> None:
    shot = look("clear")
    rows = np.arange(50, 80)
    focal = 64 / np.tan(np.deg2rad(40))
    expected = EYE * focal / (rows + 0.5 - 40)
    column = shot.depth()[rows, 64]
    on_road = shot.semantic()[rows, 64] == ROAD
    assert on_road.sum() > 20
    np.testing.assert_allclose(column[on_road], expected[on_road], rtol=2e-3)


def test_the_sky_has_no_end() -> None:
    shot = look("clear")
    sky = shot.semantic() == SKY
    assert sky[:20].mean() > 0.9
    assert np.isinf(shot.depth()[sky]).all()
    assert np.isfinite(shot.depth()[~sky]).all()


def test_a_point_lands_on_the_pixel_that_the_camera_says() -> None:
    walker = ActorState(9, "walker.pedestrian.0001", Pose(x=38.0, y=LANE + 2.0, z=0.93))
    shot = look("clear", walker)
    pixel, depth = camera_of(view()).project(np.array([[38.0, -(LANE + 2.0), 0.93]]))
    column, row = (int(v) for v in pixel[0])
    assert shot.instance()[row, column] == 9
    assert shot.semantic()[row, column] == PEDESTRIAN
    assert shot.depth()[row, column] == pytest.approx(depth[0], abs=0.35)


def test_a_car_fills_the_box_of_its_own_pixels() -> None:
    shot = look("clear", car())
    mask = shot.instance() == 7
    (seen,) = shot.visibility()
    rows, columns = np.nonzero(mask)
    assert seen.actor_id == 7
    assert seen.visible_px == mask.sum()
    assert (shot.semantic()[mask] == CAR).all()
    assert not seen.truncated
    assert seen.silhouette_px == pytest.approx(mask.sum(), rel=0.08)
    tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(seen.xyxy, tight, atol=1.01)


def test_what_stands_before_a_car_hides_it_but_keeps_its_silhouette() -> None:
    free = {v.actor_id: v for v in look("clear", car(8, x=55.0)).visibility()}
    both = {v.actor_id: v for v in look("clear", car(7, x=42.0), car(8, x=55.0)).visibility()}
    assert both[8].silhouette_px == free[8].silhouette_px
    assert both[8].visible_px < 0.5 * free[8].visible_px
    assert both[8].xyxy == free[8].xyxy


def test_a_car_at_the_edge_is_truncated_and_one_behind_is_not_seen() -> None:
    found = {v.actor_id: v for v in look("clear", car(7, x=34.0, y=LANE + 4.0), car(8, x=10.0)).visibility()}
    assert found[7].truncated
    assert found[7].xyxy[2] == 128
    assert 8 not in found


def test_hidden_actors_are_not_drawn() -> None:
    shot = look("clear", car(), at=view(hidden=frozenset({7})))
    assert not (shot.instance() == 7).any()
    assert shot.visibility() == ()
    assert not np.array_equal(shot.rgb(), look("clear", car()).rgb())


def test_markings_are_found_until_snow_covers_them() -> None:
    clear, buried = look("clear"), look("overcast-snow")
    marked = clear.semantic() == MARKING
    assert marked.sum() > 40
    under_snow = buried.semantic() == MARKING
    assert under_snow.sum() < 0.8 * marked.sum()
    assert ((buried.semantic() == ROAD) | under_snow)[marked].mean() > 0.98


def test_surface_agrees_with_the_drawn_markings() -> None:
    shot = look("overcast-snow")
    rows, columns = np.nonzero(look("clear").semantic() == MARKING)
    depth = shot.depth()[rows, columns]
    camera = camera_of(view())
    rays = np.column_stack([columns + 0.5, rows + 0.5, np.ones(len(rows))]) @ np.linalg.inv(camera.intrinsics).T
    points = (rays * depth[:, None]) @ camera.camera_to_world[:3, :3].T + camera.position
    cover = renderer().surface(points * [1, -1, 1], shot.instant.weather)
    drawn = shot.semantic()[rows, columns] == ROAD
    near = depth < 25
    assert near.sum() > 40
    assert ((cover > 0.6) == drawn)[near].mean() > 0.97
