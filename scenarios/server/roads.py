"""The ground under the wheels: heights, slopes, speed limits and spawn points, read from the OpenDRIVE map."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import carla
from defusedxml.ElementTree import fromstring

from scenarios.instant import Pose

SPAWN_SPACING = 28.0
"""Between the default spawn points of a lane [m]."""

JUNCTION_MARGIN = 4.0
"""Between the default spawn points and junctions [m]."""

SPAWN_HEIGHT = 0.3
"""Of the default spawn points above the road [m]."""

DEFAULT_SPEED_LIMIT = 50.0
"""Of a vehicle that has not yet been on a road with a stated limit [km/h]."""

_KMH = {"mph": 1.609344, "km/h": 1.0, "m/s": 3.6}


@dataclass(frozen=True)
class Ground:
    """The road's tangent plane at one place.

    Attributes:
        x, y, z: the place [m].
        slope_x, slope_y: rise per metre along the world's x and y.
        speed_limit: [km/h]; None where the map states none, as it often does inside junctions.
        asked_x, asked_y: the place for which it was looked up [m].
    """

    x: float
    y: float
    z: float
    slope_x: float
    slope_y: float
    speed_limit: float | None
    asked_x: float
    asked_y: float

    def height(self, x: float, y: float) -> float:
        """Of the plane at a place nearby [m]."""
        return self.z + self.slope_x * (x - self.x) + self.slope_y * (y - self.y)

    def tilt(self, yaw: float) -> tuple[float, float]:
        """Pitch and roll [deg] of what stands on the plane with heading `yaw` [deg]."""
        cos, sin = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
        uphill = self.slope_x * cos + self.slope_y * sin
        rightwards = -self.slope_x * sin + self.slope_y * cos
        return math.degrees(math.atan(uphill)), -math.degrees(math.atan(rightwards))


class Roads:
    """A map's road network, as the simulation asks for it."""

    def __init__(self, carla_map: Any, opendrive: str) -> None:
        self.map = carla_map
        self._limits = _speed_limits(opendrive)

    def ground(self, x: float, y: float, z: float) -> Ground:
        """The road plane nearest to a place [m]; beside the road it goes on level with the nearest lane."""
        waypoint = self.map.get_waypoint(carla.Location(x, y, z), True, carla.LaneType.Any)
        if waypoint is None:
            return Ground(x, y, 0.0, 0.0, 0.0, None, x, y)
        transform = waypoint.transform
        place, turned = transform.location, transform.rotation
        rise = math.tan(math.radians(turned.pitch))
        yaw = math.radians(turned.yaw)
        limit = self._limit(waypoint.road_id, waypoint.s)
        slope_x, slope_y = rise * math.cos(yaw), rise * math.sin(yaw)
        return Ground(place.x, place.y, place.z, slope_x, slope_y, limit, x, y)

    def spawn_points(self) -> list[Pose]:
        """A place every `SPAWN_SPACING` metres on every driving lane outside junctions."""
        found = []
        for waypoint in self.map.generate_waypoints(SPAWN_SPACING):
            near = [waypoint, *waypoint.previous(JUNCTION_MARGIN), *waypoint.next(JUNCTION_MARGIN)]
            if waypoint.lane_type != carla.LaneType.Driving or any(one.is_junction for one in near):
                continue
            place, turned = waypoint.transform.location, waypoint.transform.rotation
            pitch = math.remainder(turned.pitch, 360.0)
            yaw = math.remainder(turned.yaw, 360.0)
            found.append(Pose(place.x, place.y, place.z + SPAWN_HEIGHT, pitch, yaw, 0.0))
        return found or [Pose(z=SPAWN_HEIGHT)]

    def geolocation(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Latitude [deg], longitude [deg] and altitude [m] of a place."""
        place = self.map.transform_to_geolocation(carla.Location(x, y, z))
        return place.latitude, place.longitude, place.altitude

    def _limit(self, road: int, s: float) -> float | None:
        sections = self._limits.get(road)
        if not sections:
            return None
        starts = [start for start, _ in sections]
        return sections[max(0, bisect_right(starts, s) - 1)][1]


def _speed_limits(opendrive: str) -> dict[int, list[tuple[float, float]]]:
    """For every road with stated limits: where each begins [m] and what it is [km/h]."""
    limits: dict[int, list[tuple[float, float]]] = {}
    for road in fromstring(opendrive.encode()).iter("road"):
        for kind in road.iter("type"):
            speed = kind.find("speed")
            if speed is None or not _is_number(speed.get("max", "")):
                continue
            limit = float(speed.get("max", "")) * _KMH.get(speed.get("unit") or "m/s", 1.0)
            if limit > 0:
                limits.setdefault(int(road.get("id", "-1")), []).append((float(kind.get("s", "0")), limit))
    return {road: sorted(sections) for road, sections in limits.items()}


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
