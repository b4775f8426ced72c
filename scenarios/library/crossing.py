"""A pedestrian crosses the road ahead.

The ego vehicle drives along a street. A pedestrian steps off the side, right or left, and walks straight across; the
ego vehicle brakes and stops before the pedestrian's path.

Hazardous behaviour: the pedestrian is seen too late or not at all (ISO 21448). Triggering conditions to combine it with
are those that take away a person's contrast: low sun behind the person, glare off the road, snowfall, fog, night.

Parameters: speed, side, distance and pace, all drawn from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import carla

from scenarios.scenario import Scenario
from scenarios.stage import Stage

STOP_SHORT = 7.0
"""How far before the pedestrian's path the ego vehicle means to stop [m]."""

BRAKING = 2.2
"""Deceleration that its driver plans with [m/s^2]."""


def run(stage: Stage) -> Iterator[None]:
    """Yield once per tick."""
    chance = stage.random
    speed = chance.uniform(8.0, 10.0)
    side = chance.choice([-1.0, 1.0])
    distance = chance.uniform(32.0, 38.0)
    pace = chance.uniform(1.4, 1.8)
    steps_off_at = chance.uniform(0.3, 0.8)
    route = stage.start(60.0, bend=20.0, junctions=False)
    width = route.waypoints[0].lane_width
    from_lane = width / 2 + (1.2 if side > 0 else width + 0.6)

    ego = stage.place_ego(route, 0.0, speed)
    place = route.at(distance, side * from_lane, yaw=-90.0 * side)
    walker = stage.walker(chance.choice(stage.blueprints("walker.pedestrian.*")), place)
    heading = math.radians(place.rotation.yaw)
    across = carla.Vector3D(math.cos(heading), math.sin(heading), 0.0)
    for time in stage.clock():
        walker.apply_control(carla.WalkerControl(across, pace if time >= steps_off_at else 0.0, False))
        room = distance - STOP_SHORT - ego.station
        ego.drive(speed, brake=0.7 if room < ego.speed**2 / (2 * BRAKING) + ego.speed * 0.2 else None)
        yield


SCENARIO = Scenario("crossing", run, map="small_town", period=0.5, frames=12)
