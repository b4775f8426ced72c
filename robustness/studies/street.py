"""Street scenes drawn by chance: an ego camera on a lane, traffic around it, people beside the road.

No server takes part: a scene is an `Instant` and a `View`, so that thousands of different places cost no driving time.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import carla
import numpy as np

from perception.errors import WhiteoutError
from scenarios.actor_sizes import EXTENTS, KINDS
from scenarios.instant import ActorState, Instant, Pose, View
from scenarios.maps.world_map import WorldMap
from scenarios.rig import FOV, MOUNT
from scenarios.weather import Weather

SIZE = (640, 384)
SHORTEST_ROAD = 50.0
"""How far the ego lane goes on, at least [m]."""
ROOM = 9.0
"""Between two vehicles of a lane, centre to centre [m]."""
TRAFFIC = {"car": 0.72, "van": 0.08, "truck": 0.08, "bus": 0.04, "motorcycle": 0.04, "bicycle": 0.04}
"""Share of each kind among the vehicles."""
COLORS = ("25,25,28", "210,210,205", "120,125,130", "17,37,103", "180,44,44", "60,90,70", "160,140,90")
BEAMS = 1 | 2
"""CARLA's light bits: position lamps and low beam."""
DUSK = 4.0
"""Sun height below which lamps are lit [deg]."""
EGO, EGO_ID = "vehicle.lincoln.mkz_2020", 1


@dataclass(frozen=True)
class Scene:
    """One picture to take.

    Attributes:
        name: of map and number.
        place: where the ego vehicle stands.
        instant, view: what the renderer is asked; the ego vehicle is there, hidden, with its lamps.
        kinds: kind of each actor by id, see `scenarios.actor_sizes.KINDS`.
    """

    name: str
    place: carla.Waypoint
    instant: Instant
    view: View
    kinds: dict[int, str]

    def in_weather(self, weather: Weather) -> Scene:
        """The same scene in another weather; in the dark, in rain, snowfall and fog all drive with their beams on."""
        dim = weather.sun_altitude_angle < DUSK or weather.fog_density > 0 or weather.precipitation > 0
        actors = tuple(replace(one, lights=one.lights | BEAMS) if dim else one for one in self.instant.actors)
        return replace(self, instant=replace(self.instant, weather=weather, actors=actors))


def scenes(world_map: WorldMap, weather: Weather, count: int, seed: int) -> Iterator[Scene]:
    """`count` scenes on different stretches of a map; the same seed gives the same scenes in every weather.

    Raises:
        WhiteoutError: the map has no lane that goes on for `SHORTEST_ROAD`.
    """
    own = zlib.crc32(world_map.name.encode())
    rng = np.random.default_rng([seed, own])
    starts = [
        w
        for w in world_map.carla_map().generate_waypoints(5.0)
        if w.lane_type == carla.LaneType.Driving and not w.is_junction and _goes_on(w)
    ]
    if not starts:
        raise WhiteoutError(f"map {world_map.name} has no lane that goes on for {SHORTEST_ROAD:.0f} m; choose another")
    order = rng.permutation(len(starts))
    for number in range(count):
        place = starts[int(order[number % len(order)])]
        actors = _traffic(place, np.random.default_rng([seed, own, number]))
        instant = Instant(number, 0.05 * number, weather, tuple(actors), seed)
        kinds = {one.id: KINDS[one.blueprint] for one in actors if one.id != EGO_ID}
        yield Scene(f"{world_map.name}-{number:03d}", place, instant, driver_view(place), kinds)


def driver_view(place: carla.Waypoint) -> View:
    """The recorded rig's camera on a vehicle that stands on `place`."""
    spot = place.transform
    eye = spot.transform(carla.Location(MOUNT.location.x, MOUNT.location.y, MOUNT.location.z))
    turn = spot.rotation
    pose = Pose(eye.x, eye.y, eye.z, turn.pitch + MOUNT.rotation.pitch, turn.yaw, turn.roll)
    return View(pose, *SIZE, fov=FOV, hidden=frozenset({EGO_ID}))


def _goes_on(place: carla.Waypoint) -> bool:
    return bool(place.next(SHORTEST_ROAD)) and not place.next(12.0)[0].is_junction


def _traffic(place: carla.Waypoint, rng: np.random.Generator) -> list[ActorState]:
    """The ego vehicle, vehicles on the lanes ahead and people on sidewalks or verges, none inside another."""
    actors: list[ActorState] = []
    taken: list[tuple[float, float, float]] = []

    def add(blueprint: str, transform: carla.Transform, **state: Any) -> None:
        spot, radius = transform.location, max(EXTENTS[blueprint][:2])
        if all(math.hypot(spot.x - x, spot.y - y) > radius + r + 0.6 for x, y, r in taken):
            taken.append((spot.x, spot.y, radius))
            turn = transform.rotation
            pose = Pose(spot.x, spot.y, spot.z, turn.pitch, turn.yaw, turn.roll)
            actors.append(ActorState(len(actors) + 1, blueprint, pose, **state))

    add(EGO, place.transform)
    for lane in _lanes_beside(place):
        own = lane.lane_id == place.lane_id
        forward = lane.lane_id * place.lane_id > 0
        distance = float(rng.uniform(10 if own else 6, 30))
        while distance < 70:
            ahead = lane.next(distance) if forward else lane.previous(distance)
            if not ahead:
                break
            kind = str(rng.choice(list(TRAFFIC), p=list(TRAFFIC.values())))
            blueprint = str(rng.choice(sorted(name for name, k in KINDS.items() if k == kind)))
            color = str(rng.choice(COLORS))
            state = {"speed": 8.0, "travelled": float(rng.uniform(0, 9)), "lights": BEAMS if rng.random() < 0.3 else 0}
            add(blueprint, ahead[0].transform, attributes={"color": color}, **state)
            distance += ROOM + float(rng.exponential(22))
    for _ in range(int(rng.integers(0, 4))):
        spot = _beside(place, float(rng.uniform(8, 32)), float(rng.choice([-1, 1])), float(rng.uniform(0.7, 1.6)))
        if spot is not None:
            blueprint = str(rng.choice(sorted(name for name, k in KINDS.items() if k == "pedestrian")))
            spot.location.z += EXTENTS[blueprint][2]
            spot.rotation = carla.Rotation(yaw=float(spot.rotation.yaw + rng.choice([0, 180, 90, -90])))
            add(blueprint, spot, speed=1.3, travelled=float(rng.uniform(0, 5)))
    return actors


def _lanes_beside(place: carla.Waypoint) -> list[carla.Waypoint]:
    """The driving lanes of the road's cross-section, the ego's own first."""
    found = {place.lane_id: place}
    for side in ("get_left_lane", "get_right_lane"):
        lane = place
        for _ in range(6):
            # beyond the road's middle the neighbour faces the other way and left and right change places
            turned = lane.lane_id * place.lane_id < 0
            step = {"get_left_lane": "get_right_lane", "get_right_lane": "get_left_lane"}[side] if turned else side
            lane = getattr(lane, step)()
            if lane is None or lane.lane_id in found:
                break
            if lane.lane_type == carla.LaneType.Driving:
                found[lane.lane_id] = lane
    return list(found.values())


def _beside(place: carla.Waypoint, ahead: float, side: float, apart: float) -> carla.Transform | None:
    """A place `apart` metres beyond the road's outermost lane for vehicles, `ahead` along it; side -1 left, 1 right."""
    front = place.next(ahead)
    if not front or front[0].is_junction:
        return None
    best = None
    for lane in _lanes_beside(front[0]):
        turned = -1.0 if lane.lane_id * place.lane_id < 0 else 1.0
        spot = lane.transform.transform(carla.Location(y=side * turned * (lane.lane_width / 2 + apart)))
        offset = side * _sideways(front[0].transform, spot)
        if best is None or offset > best[0]:
            best = (offset, carla.Transform(spot, front[0].transform.rotation))
    return None if best is None else best[1]


def _sideways(origin: carla.Transform, point: carla.Vector3D) -> float:
    """How far right of a place's axis a point lies [m]."""
    right = origin.get_right_vector()
    away = point - carla.Vector3D(origin.location.x, origin.location.y, origin.location.z)
    return float(away.x * right.x + away.y * right.y)
