"""Routes along lanes, and the parting of maps into training and held-out places."""

from __future__ import annotations

import random

import carla
import numpy as np
import pytest

from perception.errors import WhiteoutError
from scenarios.maps.world_map import load_map
from scenarios.route import Route, opposite, route_from
from scenarios.stretches import GUARD, Stretches
from tests.scenarios.roads import LANE_WIDTH, straight_road

MAPS = ("country_road", "small_town")


@pytest.fixture(scope="module")
def straight() -> carla.Map:
    return carla.Map("straight", straight_road())


def test_a_route_follows_its_lane_and_knows_places_beside_it(straight: carla.Map) -> None:
    route = route_from(straight.get_waypoint_xodr(1, -1, 10.0), 50.0)
    pose = route.at(12.5, offset=1.0, height=0.5, yaw=10.0, pitch=2.0)

    assert route.length == 50.0
    assert route.bend == pytest.approx(0.0, abs=1e-3)
    assert (pose.location.x, pose.location.y, pose.location.z) == pytest.approx((22.5, LANE_WIDTH / 2 + 1.0, 0.5))
    assert (pose.rotation.yaw, pose.rotation.pitch) == pytest.approx((10.0, 2.0), abs=1e-3)
    assert route.project(pose.location) == pytest.approx((12.5, 1.0), abs=1e-3)


def test_a_route_ends_where_the_road_does(straight: carla.Map) -> None:
    assert route_from(straight.get_waypoint_xodr(1, -1, 170.0), 50.0).length <= 30.0


def test_the_opposite_route_leads_back_on_the_other_lane(straight: carla.Map) -> None:
    there = route_from(straight.get_waypoint_xodr(1, -1, 10.0), 50.0)
    back = opposite(there)

    assert back is not None
    np.testing.assert_allclose(back.points[[0, -1], 0], [60.0, 10.0], atol=1e-3)
    np.testing.assert_allclose(back.points[:, 1], -LANE_WIDTH / 2, atol=1e-3)


def drawn(stretches: Stretches, stretch: str) -> list[Route]:
    chance = random.Random(stretch)
    return [stretches.draw(chance, stretch, 100.0, 360.0, junctions=True) for _ in range(40)]


@pytest.mark.parametrize("name", MAPS)
def test_training_places_keep_away_from_held_out_places(name: str) -> None:
    stretches = Stretches(load_map(name).carla_map())
    places = {
        stretch: {
            (waypoint.road_id, waypoint.s)
            for route in drawn(stretches, stretch)
            for waypoint in route.waypoints
            if not waypoint.is_junction
        }
        for stretch in ("train", "test")
    }
    assert len(places["test"]) > 100
    assert len(places["train"]) > 100
    for road in {road for road, _ in places["test"]}:
        held_out = np.array([s for r, s in places["test"] if r == road])
        training = np.array([s for r, s in places["train"] if r == road])
        if len(training):
            assert np.abs(training[:, None] - held_out[None, :]).min() >= GUARD - 1e-6


def test_a_map_without_such_a_place_is_told(straight: carla.Map) -> None:
    with pytest.raises(WhiteoutError, match="no test stretch of 120 m"):
        Stretches(straight).draw(random.Random(0), "test", 120.0, 10.0, junctions=True)


def test_an_unknown_stretch_is_told(straight: carla.Map) -> None:
    with pytest.raises(WhiteoutError, match="'validation'"):
        Stretches(straight).draw(random.Random(0), "validation", 20.0, 10.0, junctions=True)
