"""The ground has no holes where `carla.Map` says there is a lane, nothing lies over it, and no two surfaces flicker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scenarios.maps.world_map import load_map
from scenarios.render.geometry import Mesh, mesh, shape
from scenarios.render.mitsuba_setup import mi
from tests.scenarios.ground_rays import ABOVE, Ground, crossings, fights, spots

SPACING = 4.3
"""Distance of the tested places along each lane [m]."""
UP = np.array([0.0, 0.0, ABOVE])
TOLERANCE = 0.03
"""How far a surface may lie from the map's height [m]; paint and crossings are 6 mm high."""


def in_another_mesh(ground: Ground, body: Mesh) -> Ground:
    return replace(ground, mesh=body, scene=mi.load_dict({"type": "scene", "mesh": shape(body, "mesh")}))


@pytest.fixture(scope="module", params=["country_road", "small_town"])
def sampled(request: pytest.FixtureRequest) -> tuple:
    world_map = load_map(request.param)
    ground = Ground.of(world_map)
    return ground, spots(world_map, ground.lanes, SPACING)


def test_rays_straight_down_meet_every_lane_at_its_height(sampled: tuple) -> None:
    ground, places = sampled
    assert len(places.points) > 5000
    height, kinds = ground.down(places.points + UP)
    assert np.abs(height - places.points[:, 2]).max() < TOLERANCE
    assert not {"grass", "gravel", ""} & set(kinds)


def test_no_two_surfaces_of_different_looks_share_a_place(sampled: tuple) -> None:
    ground, places = sampled
    assert fights(ground, places.points) == []


def test_a_hole_and_a_doubled_surface_are_found() -> None:
    world_map = load_map("country_road")
    ground = Ground.of(world_map)
    places = spots(world_map, ground.lanes, 40.0)
    whole = ground.mesh
    road = whole.materials == ground.names.index("road")
    holed = in_another_mesh(ground, replace(whole, faces=whole.faces[~road], materials=whole.materials[~road]))
    height, _ = holed.down(places.points + UP)
    assert (height < places.points[:, 2] - TOLERANCE).mean() > 0.4
    doubled = replace(
        whole,
        faces=np.concatenate([whole.faces, whole.faces[road]]),
        materials=np.concatenate([whole.materials, np.full(road.sum(), ground.names.index("shoulder"), np.int32)]),
    )
    found = fights(in_another_mesh(ground, doubled), places.points)
    assert len(found) > 100
    assert ("road", "shoulder") in {(above, below) for _, above, below in found}


def test_upright_lines_meet_triangles_where_they_should() -> None:
    square = np.array([(0.0, 0.0, 1.0), (4.0, 0.0, 1.0), (4.0, 4.0, 3.0), (0.0, 4.0, 3.0)])
    body = mesh(square, np.array([(0, 1, 2), (0, 2, 3)]), 0)
    met = crossings(body, np.array([[1.0, 1.5, 0.0], [3.0, 1.0, 9.0], [5.0, 1.0, 0.0]]))
    assert sorted(zip(met.place.tolist(), met.height.round(6).tolist(), strict=True)) == [(0, 1.75), (1, 1.5)]
