"""A plain driver for vehicles of CARLA: pure pursuit steers, a proportional-integral law keeps the speed."""

from __future__ import annotations

import math

import carla
import numpy as np

from scenarios.route import Route

LOOKAHEAD_TIME = 0.6
"""How far ahead the driver aims [s]."""

LOOKAHEAD_MINIMUM = 4.0
"""The same at low speed [m]."""

WHEELBASE_SHARE = 0.58
"""Wheelbase as a share of a vehicle's length; CARLA's client does not tell it."""

PROPORTIONAL, INTEGRAL = 0.5, 0.15
"""Gains of the speed controller: pedal per m/s, and per m/s and second."""

FULL_BRAKE_AT = 4.0
"""Excess speed at which the brake is pressed fully [m/s]."""

PEDAL_LIMIT = 1.0


class Driver:
    """Keeps one vehicle on a route.

    Attributes:
        vehicle: the vehicle driven.
        route: the way it follows.
        station: how far along the route it is [m].
        offset: how far right of the route it is [m].
    """

    def __init__(self, vehicle: carla.Vehicle, route: Route, station: float, step: float) -> None:
        self.vehicle = vehicle
        self.route = route
        self.station = station
        self.offset = 0.0
        self._step = step
        self._integral = 0.0
        self._steer_limit = _steer_limit(vehicle)
        self._wheelbase = 2.0 * WHEELBASE_SHARE * vehicle.bounding_box.extent.x

    @property
    def speed(self) -> float:
        """Speed over ground [m/s]."""
        velocity = self.vehicle.get_velocity()
        return math.hypot(velocity.x, velocity.y)

    def drive(self, speed: float, offset: float = 0.0, brake: float | None = None) -> None:
        """Control this tick: hold `speed` [m/s] at `offset` [m] right of the route, or press `brake` (0 to 1).

        Nothing is done before the vehicle's first state has come: until then the client takes it to be at the origin.
        """
        if not self.vehicle.get_world().get_snapshot().has_actor(self.vehicle.id):
            return
        self.station, self.offset = self.route.project(self.vehicle.get_location(), self.station)
        throttle, pedal = (0.0, brake) if brake is not None else self._pedals(speed)
        control = carla.VehicleControl(throttle=throttle, steer=self._steer(offset), brake=pedal)
        self.vehicle.apply_control(control)

    def _pedals(self, speed: float) -> tuple[float, float]:
        missing = speed - self.speed
        self._integral = float(np.clip(self._integral + missing * INTEGRAL * self._step, 0.0, PEDAL_LIMIT))
        if missing < -0.5:
            return 0.0, float(np.clip(-missing / FULL_BRAKE_AT, 0.0, 1.0))
        return float(np.clip(PROPORTIONAL * missing + self._integral, 0.0, PEDAL_LIMIT)), 0.0

    def _steer(self, offset: float) -> float:
        reach = max(LOOKAHEAD_MINIMUM, LOOKAHEAD_TIME * self.speed)
        aim = self.route.at(self.station + reach, offset).location
        pose = self.vehicle.get_transform()
        bearing = math.atan2(aim.y - pose.location.y, aim.x - pose.location.x) - math.radians(pose.rotation.yaw)
        distance = math.hypot(aim.x - pose.location.x, aim.y - pose.location.y)
        curvature = 2.0 * math.sin(bearing) / max(distance, 1.0)
        return float(np.clip(math.atan(self._wheelbase * curvature) / self._steer_limit, -1.0, 1.0))


def _steer_limit(vehicle: carla.Vehicle) -> float:
    """Wheel angle at full lock [rad]."""
    return math.radians(max(wheel.max_steer_angle for wheel in vehicle.get_physics_control().wheels))
