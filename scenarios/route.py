"""Ways along the lanes of a map: where a vehicle goes, and where things stand beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import carla
import numpy as np
from jaxtyping import Float
from numpy import ndarray

STEP = 1.0
"""Spacing of a route's points [m]."""

JUNCTION_PREVIEW = 12.0
"""How far down each branch of a fork its heading is compared [m]."""


@dataclass(frozen=True, eq=False)
class Route:
    """The middle of a lane and of those that follow it, straight on where they fork; CARLA's axes.

    Attributes:
        points: one every `STEP` metres [m].
        yaws: heading at each point, continuous (no jumps at 180) [deg].
        pitches: slope at each point, positive uphill [deg].
        waypoints: the map's waypoint at each point.
    """

    points: Float[ndarray, "n 3"]
    yaws: Float[ndarray, "n"]
    pitches: Float[ndarray, "n"]
    waypoints: Sequence[carla.Waypoint]

    @property
    def length(self) -> float:
        """Length [m]."""
        return (len(self.points) - 1) * STEP

    @property
    def bend(self) -> float:
        """Largest change of heading against the start [deg]."""
        return float(np.abs(self.yaws - self.yaws[0]).max())

    def at(
        self, station: float, offset: float = 0.0, height: float = 0.0, yaw: float = 0.0, pitch: float = 0.0
    ) -> carla.Transform:
        """A pose `station` along, `offset` to the right and `height` above [m], turned by `yaw`, `pitch` [deg]."""
        index = np.arange(len(self.points)) * STEP
        heading = float(np.interp(station, index, self.yaws))
        slope = float(np.interp(station, index, self.pitches))
        x, y, z = (float(np.interp(station, index, self.points[:, axis])) for axis in range(3))
        x -= math.sin(math.radians(heading)) * offset
        y += math.cos(math.radians(heading)) * offset
        tilt = slope * math.cos(math.radians(yaw)) + pitch
        return carla.Transform(carla.Location(x, y, z + height), carla.Rotation(tilt, heading + yaw, 0.0))

    def project(self, place: carla.Location, near: float | None = None) -> tuple[float, float]:
        """Station and offset to the right of a place [m]; with `near`, only stations within 15 m of it count."""
        flat = np.array([place.x, place.y])
        squares = ((self.points[:, :2] - flat) ** 2).sum(axis=1)
        if near is not None:
            squares = np.where(np.abs(np.arange(len(squares)) * STEP - near) <= 15.0, squares, np.inf)
        nearest = int(squares.argmin())
        heading = math.radians(float(self.yaws[nearest]))
        along = flat - self.points[nearest, :2]
        right = float(-math.sin(heading) * along[0] + math.cos(heading) * along[1])
        forward = float(math.cos(heading) * along[0] + math.sin(heading) * along[1])
        return nearest * STEP + forward, right


def route_from(start: carla.Waypoint, length: float) -> Route:
    """The route of `length` metres from `start`; shorter where the road ends."""
    waypoints = [start]
    while (len(waypoints) - 1) * STEP < length:
        following = ahead(waypoints[-1], STEP)
        if following is None:
            break
        waypoints.append(following)
    poses = [waypoint.transform for waypoint in waypoints]
    points = np.array([[p.location.x, p.location.y, p.location.z] for p in poses], dtype=np.float64)
    yaws = np.rad2deg(np.unwrap(np.deg2rad([p.rotation.yaw for p in poses])))
    return Route(points, yaws, np.array([_signed(p.rotation.pitch) for p in poses]), tuple(waypoints))


def ahead(waypoint: carla.Waypoint, distance: float) -> carla.Waypoint | None:
    """The waypoint `distance` metres further; where lanes fork, on the branch that turns least. None at a dead end."""
    choices = waypoint.next(distance)
    if len(choices) <= 1:
        return choices[0] if choices else None
    return min(choices, key=lambda choice: (abs(_turn(waypoint, choice)), choice.road_id, choice.lane_id))


def _turn(origin: carla.Waypoint, choice: carla.Waypoint) -> float:
    further = choice.next(JUNCTION_PREVIEW)
    end = further[0] if further else choice
    return _signed(end.transform.rotation.yaw - origin.transform.rotation.yaw)


def _signed(angle: float) -> float:
    """An angle [deg] between -180 and 180."""
    return math.remainder(angle, 360.0)


def opposite(route: Route) -> Route | None:
    """The way back beside `route`, on the lane for the other direction, from its end; None if there is none."""
    lane = route.waypoints[-1].get_left_lane()
    while lane is not None and lane.lane_id * route.waypoints[-1].lane_id > 0:
        lane = lane.get_left_lane()
    if lane is None or lane.lane_type != carla.LaneType.Driving:
        return None
    return route_from(lane, route.length)
