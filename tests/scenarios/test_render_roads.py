"""Meshes of roads and paint against the map they are made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scenarios.instant import Pose
from scenarios.maps.world_map import WorldMap, load_map
from scenarios.render.frames import camera_of, pose_matrix, sun_direction
from scenarios.render.goniometer import reflectance_factor
from scenarios.render.materials import MATERIALS, MaterialTable
from scenarios.render.mitsuba_setup import dr, mi
from scenarios.render.roadmarks import DASH, GAP, strokes
from scenarios.render.roads import lanes_of, marking_meshes, road_meshes
from scenarios.render.shading import slabs
from scenarios.render.surface import TILES, Tiles
from scenarios.render.terrain import Land
from scenarios.render.town import building_meshes
from scenarios.render.world import LaneFinder
from scenarios.weather import Weather, preset
from tests.scenarios.rendered import straight_map, view
from tests.scenarios.roads import straight_road


def area(meshes: list) -> float:
    corners = np.concatenate([m.vertices[m.faces].astype(float) for m in meshes])
    return float(
        np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    )


def lanes(world_map: WorldMap) -> list:
    return lanes_of(world_map.opendrive, world_map.carla_map())


def test_a_straight_road_has_the_area_of_its_lanes() -> None:
    found = lanes(straight_map(200.0))
    assert sorted(lane.lane for lane in found) == [-1, 1]
    assert area(road_meshes(found, MaterialTable())) == pytest.approx(200 * 7.0, rel=1e-3)


def test_paint_has_the_area_of_two_solid_lines_and_one_broken() -> None:
    painted = marking_meshes(lanes(straight_map(180.0)), MaterialTable())
    expected = 2 * 180 * 0.15 + 180 * DASH / (DASH + GAP) * 0.12
    assert area(painted) == pytest.approx(expected, rel=0.01)
    assert all((m.normals[:, 2] > 0.99).all() for m in painted)


def test_double_lines_are_two_strokes() -> None:
    assert [stroke.space > 0 for stroke in strokes("solid broken", 0.12)] == [False, True]
    assert strokes("none", 0.12) == ()


@pytest.mark.parametrize("name", ["country_road", "small_town"])
def test_the_land_stays_below_the_road(name: str) -> None:
    found = lanes(load_map(name))
    land = Land.around(found, 0)
    middles = np.concatenate([(lane.inner + lane.outer) / 2 for lane in found if lane.traffic])
    assert (land.height(middles[:, :2]) < middles[:, 2] - 0.05).mean() > 0.999


def test_a_town_gets_houses_and_a_map_that_is_refused_gets_none() -> None:
    town = load_map("small_town")
    land = Land.around(lanes(town), 0)
    houses = building_meshes(town.opendrive, land, MaterialTable(), 0)
    assert len(houses) > 100
    assert max(m.vertices[:, 2].max() for m in houses) > 5
    assert building_meshes("<OpenDRIVE/>", land, MaterialTable(), 0) == []


def test_superelevation_is_left_out_as_carla_leaves_it_out() -> None:
    flat = straight_map()
    profile = '<lateralProfile><superelevation s="0" a="0.05" b="0" c="0" d="0"/></lateralProfile>'
    tilted = replace(flat, opendrive=flat.opendrive.replace("<lanes>", profile + "<lanes>"))
    for lane, other in zip(lanes(flat), lanes(tilted), strict=True):
        np.testing.assert_array_equal(lane.outer, other.outer)
    rotation = tilted.carla_map().get_waypoint_xodr(1, -1, 50.0).transform.rotation
    assert rotation.roll == pytest.approx(0.0)


def test_points_find_their_lane_and_tile() -> None:
    finder = LaneFinder(lanes(straight_map()))
    kind, place = finder.tile(np.array([[50.0, -1.75, 0], [50.0, 1.75, 0], [50.0, -9.0, 0]]))
    np.testing.assert_array_equal(kind, [0, 0, 1])
    shift = 17.3 / TILES[0].length
    np.testing.assert_allclose(place[:2, 0], 50 / TILES[0].length + shift, atol=1e-4)
    np.testing.assert_allclose(place[:2, 1], [0.5 / 4, -0.5 / 4], atol=1e-3)


def test_tracks_are_barer_than_what_lies_between_them() -> None:
    tiles = Tiles(0)
    tiles.set_weather(preset("low-sun-snow"))
    size = TILES[0]
    per_lane = size.rows // 4
    rows = tiles.cover[0].mean(axis=1)
    track = rows[int(per_lane * (0.5 - 0.85 / 3.5))]
    assert track < 0.3
    assert rows[per_lane // 2] > track + 0.3
    tiles.set_weather(Weather())
    assert max(c.max() for c in tiles.cover) == 0
    tiles.set_weather(Weather(snow_cover=1.0, temperature=-5.0))
    assert min(c.mean() for c in tiles.cover) > 0.93


def test_axes_are_turned_once_and_rightly() -> None:
    camera = camera_of(view())
    np.testing.assert_allclose(camera.position, [30, -1.75, 1.5])
    pixel, depth = camera.project(np.array([[40.0, -1.75, 1.5], [40.0, -4.75, 1.5], [40.0, -1.75, 3.5]]))
    np.testing.assert_allclose(depth, 10)
    assert pixel[1, 0] > pixel[0, 0]
    assert pixel[2, 1] < pixel[0, 1]
    up = pose_matrix(Pose(pitch=30.0))[:3, :3] @ [1, 0, 0]
    np.testing.assert_allclose(up, [np.cos(np.pi / 6), 0, 0.5], atol=1e-9)
    right = pose_matrix(Pose(yaw=90.0))[:3, :3] @ [1, 0, 0]
    np.testing.assert_allclose(right, [0, -1, 0], atol=1e-9)
    leaning = pose_matrix(Pose(roll=30.0))[:3, :3] @ [0, -1, 0]
    assert leaning[2] < 0
    np.testing.assert_allclose(
        sun_direction(Weather(sun_azimuth_angle=90.0, sun_altitude_angle=0.0)), [0, -1, 0], atol=1e-9
    )


def test_a_pose_turns_as_carla_turns_it() -> None:
    carla = pytest.importorskip("carla")
    pose = Pose(1.0, 2.0, 3.0, 10.0, 50.0, -20.0)
    transform = carla.Transform(carla.Location(1, 2, 3), carla.Rotation(10, 50, -20))
    for point in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)):
        there = transform.transform(carla.Vector3D(*point))
        ours = pose_matrix(pose) @ [point[0], -point[1], point[2], 1.0]
        np.testing.assert_allclose(ours[:3], [there.x, -there.y, there.z], atol=1e-5)


def test_a_road_is_concrete_where_its_map_says_so() -> None:
    plain = straight_road(100.0)
    stated = '<material sOffset="20" surface="Concrete"/><material sOffset="50" surface="asphalt"/>'
    text = plain.replace('<roadMark sOffset="0" type="solid"', f'{stated}<roadMark sOffset="0" type="solid"')
    asphalt, mixed = (lanes_of(one, WorldMap("slabs", one, Path("slabs.xodr")).carla_map()) for one in (plain, text))
    table, names = MaterialTable(), list(MATERIALS)
    assert {names[mesh.materials[0]] for mesh in road_meshes(asphalt, table)} == {"road"}
    lengths = {"road": 0.0, "concrete": 0.0}
    for mesh in road_meshes(mixed, table):
        lengths[names[mesh.materials[0]]] += float(np.ptp(mesh.vertices[:, 0]))
    assert lengths["concrete"] == pytest.approx(2 * 30.0, abs=0.02)
    assert lengths["road"] == pytest.approx(2 * 70.0, abs=0.02)


def test_concrete_is_as_pale_as_measured_and_its_joints_lie_between_slabs() -> None:
    tiles = Tiles(0)
    pale, dark = (
        reflectance_factor(material, Weather(), incidence=45.0, view=0.0, tiles=tiles)
        for material in ("concrete", "road")
    )
    assert 0.2 < pale < 0.3
    assert pale > 2 * dark
    s, lateral = np.meshgrid(np.arange(0.25, 64.0, 0.5) / 64.0, np.arange(1, 32, 2) / 32)
    place = mi.Point2f(*(mi.Float(axis.ravel().astype(np.float32)) for axis in (s, lateral)))
    joint, tone = slabs(place, mi.Float(0.0), dr.full(mi.Bool, True, s.size))
    assert not joint.numpy().any(), "the grid keeps off the joints"
    assert len(np.unique(tone.numpy())) == 4 * 13
    across, along = mi.Point2f(10 / 64, 0.1), mi.Point2f(0.01, 0.25)
    for place in (across, along):
        assert slabs(place, mi.Float(0.0), mi.Bool(True))[0].numpy()[0] == pytest.approx(1.0)
        assert slabs(place, mi.Float(0.0), mi.Bool(False))[0].numpy()[0] == 0
