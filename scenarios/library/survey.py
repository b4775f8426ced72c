"""A free drive through traffic, for training data.

The ego vehicle drives along lanes drawn from the seed, some pictures long each, with a camera that never sits quite the
same: beside the lane's middle, a little turned, tilted, higher or lower. Vehicles of all kinds drive ahead of it and
towards it or stand at the side, and pedestrians walk along the verge or cross. Ego and vehicles are moved along their
lanes by position, as a log replay would; pedestrians walk. Pictures are 8 to 12 m apart.

Triggering conditions: none of its own; what the weather brings.

Parameters: all drawn from the seed; the stage's stretch keeps training and held-out places apart.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import carla

from scenarios.lane_truth import road_edges
from scenarios.route import Route
from scenarios.scenario import Scenario
from scenarios.stage import STEP, WALKER_HEIGHT, Stage

PERIOD = 1.0
"""Simulated time between pictures [s]."""

LEG_PICTURES = 4
"""Pictures per leg."""

KINDS = {"car": 11, "van": 2, "truck": 2, "bus": 1, "motorcycle": 2, "bicycle": 2}
"""How many vehicles of each base type are at hand."""

WALKERS = 5
ROAD_AHEAD = 70.0
"""How far beyond the end of a leg its route reaches [m]."""

QUIET_LEGS = 0.2
"""Share of legs with standing vehicles only, in which pedestrians cross."""


@dataclass
class Moved:
    """A vehicle that is moved along the leg's route.

    Attributes:
        vehicle: the vehicle.
        home: where it waits when it is not needed, under the ground.
        station, offset: where it is on the route [m]; outside the route it waits.
        speed: along the route, negative when it comes towards the ego vehicle [m/s].
        yaw: its heading against the route's [deg].
    """

    vehicle: carla.Vehicle
    home: carla.Transform
    station: float = -1.0
    offset: float = 0.0
    speed: float = 0.0
    yaw: float = 0.0

    @property
    def length(self) -> float:
        """Bumper to bumper [m]."""
        return float(2.0 * self.vehicle.bounding_box.extent.x)

    @property
    def width(self) -> float:
        """Side to side [m]."""
        return float(2.0 * self.vehicle.bounding_box.extent.y)

    def put(self, route: Route) -> None:
        """Put the vehicle where it is to be."""
        on_route = 0.0 <= self.station <= route.length
        self.vehicle.set_transform(route.at(self.station, self.offset, yaw=self.yaw) if on_route else self.home)


@dataclass(frozen=True)
class Leg:
    """A stretch of road with the ego vehicle's pace on it.

    Attributes:
        route: the ego vehicle's lane.
        begin: its station at the start [m].
        strides: distance from each picture to the next [m].
        width: of its lane [m].
        beside: what traffic in the lane to the left does: 1 goes the same way, -1 comes towards us, 0 there is none.
        edges: how far right of the ego lane's middle the road begins and ends [m].
    """

    route: Route
    begin: float
    strides: tuple[float, ...]
    width: float
    beside: int
    edges: tuple[float, float]

    @property
    def end(self) -> float:
        """The ego vehicle's last station [m]."""
        return self.begin + sum(self.strides)

    @property
    def pace(self) -> float:
        """The ego vehicle's mean speed [m/s]."""
        return sum(self.strides) / len(self.strides) / PERIOD


def run(stage: Stage) -> Iterator[None]:
    """Yield once per tick."""
    chance = stage.random
    leg = _leg(stage)
    ego = stage.place_ego(leg.route, leg.begin).vehicle
    ego.set_simulate_physics(False)
    traffic = _cast_vehicles(stage, leg.route)
    walkers = _cast_walkers(stage, leg)
    while True:
        stage.light(leg.route.at(leg.begin + 20.0).rotation.yaw)
        quiet = chance.random() < QUIET_LEGS
        _deal_vehicles(chance, traffic, leg, quiet=quiet)
        _deal_walkers(chance, walkers, leg, quiet=quiet)
        yield from _drive(chance, ego, traffic, leg)
        leg = _leg(stage)


def _leg(stage: Stage) -> Leg:
    chance = stage.random
    strides = tuple(chance.uniform(8.0, 12.0) for _ in range(LEG_PICTURES))
    route = stage.start(LEG_PICTURES * 12.0 + ROAD_AHEAD)
    first = route.waypoints[0]
    return Leg(route, chance.uniform(0.0, 8.0), strides, first.lane_width, _beside(first), road_edges(first))


def _beside(waypoint: carla.Waypoint) -> int:
    """What traffic in the lane to the left of a waypoint does; see `Leg.beside`."""
    left = waypoint.get_left_lane()
    if left is None or left.lane_type != carla.LaneType.Driving:
        return 0
    return 1 if left.lane_id * waypoint.lane_id > 0 else -1


def _drive(chance: random.Random, ego: carla.Vehicle, traffic: Sequence[Moved], leg: Leg) -> Iterator[None]:
    """Play one leg; the ego vehicle sits a little differently for every picture."""
    station = leg.begin
    ticks = round(PERIOD / STEP)
    for stride in leg.strides:
        offset, height = chance.gauss(0.0, 0.35), chance.uniform(-0.15, 0.35)
        yaw, pitch = chance.gauss(0.0, 2.5), chance.gauss(0.0, 1.0)
        for _ in range(ticks):
            station += stride / ticks
            ego.set_transform(leg.route.at(station, offset, height, yaw, pitch))
            for moved in traffic:
                moved.station += moved.speed * STEP
                moved.put(leg.route)
            yield


def _cast_vehicles(stage: Stage, route: Route) -> list[Moved]:
    """All vehicles of the drive, waiting under the ground."""
    traffic: list[Moved] = []
    for kind in (kind for kind, count in KINDS.items() for _ in range(count)):
        blueprint = stage.random.choice(stage.blueprints("vehicle.*", [kind]))
        home = route.at(0.0, 15.0 * len(traffic), height=-40.0)
        vehicle = stage.spawn(blueprint, home, **stage.paint(blueprint))
        vehicle.set_simulate_physics(False)
        traffic.append(Moved(vehicle, home))
    return traffic


def _cast_walkers(stage: Stage, leg: Leg) -> list[carla.Walker]:
    kinds = stage.blueprints("walker.pedestrian.*")
    places = [leg.route.at(leg.begin + 10.0 + 5.0 * index, leg.width) for index in range(WALKERS)]
    return [stage.walker(stage.random.choice(kinds), place) for place in places]


def _deal_vehicles(chance: random.Random, traffic: Sequence[Moved], leg: Leg, *, quiet: bool) -> None:
    """Give every vehicle a part in the leg; those that do not fit wait."""
    moving = 0 if quiet else chance.randint(4, 10)
    standing = chance.randint(2, 6)
    order = chance.sample(list(traffic), len(traffic))
    next_ahead = leg.begin + 4.0
    next_beside = leg.begin + (chance.uniform(20.0, 50.0) if leg.beside < 0 else chance.uniform(0.0, 15.0))
    next_standing = leg.begin + chance.uniform(5.0, 20.0)
    ahead_speed = leg.pace + chance.uniform(0.0, 1.0)
    passing_speed = chance.uniform(7.0, 13.0) if leg.beside < 0 else chance.uniform(0.0, 4.0)
    for index, moved in enumerate(order):
        if index < moving and leg.beside and chance.random() < 0.5:
            moved.offset = -leg.width + chance.gauss(0.0, 0.15)
            moved.speed, moved.yaw = (leg.pace + passing_speed, 0.0) if leg.beside > 0 else (-passing_speed, 180.0)
            moved.station = next_beside + moved.length / 2
            next_beside = moved.station + moved.length / 2 + chance.uniform(5.0, 25.0)
        elif index < moving:
            moved.offset, moved.speed, moved.yaw = chance.gauss(0.0, 0.15), ahead_speed, 0.0
            moved.station = next_ahead + moved.length / 2 + chance.uniform(4.0, 20.0)
            next_ahead = moved.station + moved.length / 2
        elif index < moving + standing:
            right = chance.random() < 0.6
            beyond = moved.width / 2 + chance.uniform(0.2, 1.0)
            moved.offset = leg.edges[1] + beyond if right else leg.edges[0] - beyond
            moved.speed, moved.yaw = 0.0, 0.0 if right else 180.0
            moved.station = next_standing + moved.length / 2
            next_standing = moved.station + moved.length / 2 + chance.uniform(1.0, 14.0)
            if _in_junction(leg.route, moved.station):
                moved.station = -1.0
        else:
            moved.station, moved.speed = -1.0, 0.0


def _deal_walkers(chance: random.Random, walkers: Sequence[carla.Walker], leg: Leg, *, quiet: bool) -> None:
    """Put the pedestrians along the road, or on it where nothing drives."""
    for walker in walkers:
        crossing = quiet and chance.random() < 0.4
        right = chance.random() < 0.6
        if crossing:
            place = leg.route.at(leg.end + chance.uniform(5.0, 18.0), chance.uniform(*leg.edges))
            yaw = place.rotation.yaw + chance.choice([-90.0, 90.0])
        else:
            beyond = chance.uniform(3.2, 5.0) if chance.random() < 0.6 else chance.uniform(0.6, 1.2)
            offset = leg.edges[1] + beyond if right else leg.edges[0] - beyond
            place = leg.route.at(leg.begin + chance.uniform(8.0, 80.0), offset)
            yaw = place.rotation.yaw + chance.choice([0.0, 180.0]) + chance.gauss(0.0, 15.0)
        pose = carla.Transform(place.location + carla.Location(z=WALKER_HEIGHT), carla.Rotation(yaw=yaw))
        walker.set_transform(pose)
        pace = chance.uniform(0.8, 1.8) if crossing or chance.random() < 0.7 else 0.0
        heading = carla.Vector3D(math.cos(math.radians(yaw)), math.sin(math.radians(yaw)), 0.0)
        walker.apply_control(carla.WalkerControl(heading, pace, False))


def _in_junction(route: Route, station: float) -> bool:
    index = min(max(round(station), 0), len(route.waypoints) - 1)
    return bool(route.waypoints[index].is_junction)


SCENARIO = Scenario(
    "survey", run, map="country_road", period=PERIOD, frames=40, stretch="train", endless=True, counterfactuals=False
)
