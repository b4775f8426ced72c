"""What a vehicle's motion depends on: CARLA's VehiclePhysicsControl, and the grip of the road."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from scenarios.instant import Pose
from scenarios.server.blueprints import Blueprint
from scenarios.server.geometry import ZERO, Vector, finite, to_world
from scenarios.server.wire import CallError
from scenarios.weather import Weather

GRAVITY = 9.81

DRY_TIRE_FRICTION = 3.5
"""CARLA's number for an ordinary tyre; it stands for a friction coefficient of `DRY_GRIP`."""

DRY_GRIP = 1.0
WET_GRIP = 0.65
FRESH_SNOW_GRIP = 0.35
POLISHED_SNOW_GRIP = 0.18
ICE_GRIP = 0.12
SLUSH_GRIP = 0.3

_STEERING_CURVE = ((0.0, 1.0), (20.0, 0.9), (60.0, 0.8), (120.0, 0.7))


@dataclass(frozen=True)
class Wheel:
    """CARLA's WheelPhysicsControl: angles [deg], radius [cm], torques [N m]; position in the vehicle's axes [cm]."""

    tire_friction: float = DRY_TIRE_FRICTION
    damping_rate: float = 0.25
    max_steer_angle: float = 70.0
    radius: float = 35.5
    max_brake_torque: float = 1500.0
    max_handbrake_torque: float = 0.0
    lat_stiff_max_load: float = 3.0
    lat_stiff_value: float = 20.0
    long_stiff_value: float = 3000.0
    position: Vector = ZERO

    def wire(self, pose: Pose) -> list[Any]:
        """As CARLA sends it, for a vehicle at `pose`: where the wheel is in the world [cm]."""
        place = to_world(pose, Vector(*(value / 100 for value in self.position)))
        return [
            self.tire_friction,
            self.damping_rate,
            self.max_steer_angle,
            self.radius,
            self.max_brake_torque,
            self.max_handbrake_torque,
            self.lat_stiff_max_load,
            self.lat_stiff_value,
            self.long_stiff_value,
            [100 * value for value in place],
        ]


@dataclass(frozen=True)
class Physics:
    """What moves one vehicle, and what a client may change of it.

    Attributes:
        mass: [kg].
        drag: drag coefficient.
        area: frontal area [m^2].
        power: at the wheels [W].
        thrust: the greatest force at the wheels [N].
        top_speed: [m/s].
        wheelbase: [m].
        steering_curve: share of the steering lock by speed [km/h].
        wheels: front left, front right, rear left, rear right.
        rest: the remaining fields of CARLA's struct, as they came, by position.
    """

    mass: float
    drag: float
    area: float
    power: float
    thrust: float
    top_speed: float
    wheelbase: float
    steering_curve: tuple[tuple[float, float], ...] = _STEERING_CURVE
    wheels: tuple[Wheel, ...] = (Wheel(), Wheel(), Wheel(max_steer_angle=0.0), Wheel(max_steer_angle=0.0))
    rest: tuple[tuple[int, Any], ...] = ()

    @property
    def grip(self) -> float:
        """Friction coefficient of these tyres on dry asphalt."""
        return DRY_GRIP * min(wheel.tire_friction for wheel in self.wheels) / DRY_TIRE_FRICTION

    @property
    def max_steer_angle(self) -> float:
        """Of the front wheels at a standstill [deg]."""
        return self.wheels[0].max_steer_angle

    def steering_share(self, speed: float) -> float:
        """The share of the lock that is left at `speed` [m/s]."""
        kmh = 3.6 * speed
        points = self.steering_curve
        if kmh <= points[0][0]:
            return points[0][1]
        for (x0, y0), (x1, y1) in pairwise(points):
            if kmh <= x1:
                return y0 + (y1 - y0) * (kmh - x0) / (x1 - x0)
        return points[-1][1]

    def wire(self, pose: Pose) -> list[Any]:
        """CARLA's VehiclePhysicsControl of a vehicle at `pose`."""
        gears = [[2.85, 0.5, 0.65], [2.02, 0.5, 0.65], [1.35, 0.5, 0.65], [1.0, 0.5, 0.65], [0.76, 0.5, 0.65]]
        torque = [[0.0, 400.0], [1890.0, 500.0], [5729.0, 400.0]]
        center = [0.05 * self.wheelbase, 0.0, -0.3]
        curve = [list(point) for point in self.steering_curve]
        values: list[Any] = [torque, 5800.0, 1.0, 0.15, 2.0, 0.35, True, 0.5, 10.0, 4.0, gears]
        values += [self.mass, self.drag, center, curve, [wheel.wire(pose) for wheel in self.wheels], True]
        for position, value in self.rest:
            values[position] = value
        return values


_MASS, _DRAG, _CURVE, _WHEELS = 11, 12, 14, 15


def physics_of(blueprint: Blueprint) -> Physics:
    """The physics with which a vehicle of that kind is made."""
    drivetrain = blueprint.drivetrain
    if drivetrain is None:
        raise CallError(f"{blueprint.id} is no vehicle")
    extent = blueprint.box.extent
    wheelbase = 1.2 * extent.x
    radius = 0.48 if extent.z > 1.1 else 0.355
    wheels = []
    for forward in (0.5, -0.5):
        for right in (-0.8, 0.8):
            place = Vector(100 * forward * wheelbase, 100 * right * extent.y, 100 * radius)
            lock, hand = (70.0, 0.0) if forward > 0 else (0.0, 3000.0)
            wheels.append(Wheel(max_steer_angle=lock, max_handbrake_torque=hand, radius=100 * radius, position=place))
    return Physics(
        mass=drivetrain.mass,
        drag=0.3,
        area=3.4 * extent.y * extent.z,
        power=drivetrain.power,
        thrust=drivetrain.thrust,
        top_speed=drivetrain.top_speed,
        wheelbase=wheelbase,
        wheels=tuple(wheels),
    )


def changed_physics(old: Physics, wire: list[Any]) -> Physics:
    """The physics after a client's `apply_physics_control`.

    Raises:
        CallError: the numbers make no vehicle.
    """
    mass, drag = float(wire[_MASS]), float(wire[_DRAG])
    curve = tuple((float(x), float(y)) for x, y in wire[_CURVE])
    wheels = tuple(_wheel(one, was.position) for one, was in zip(wire[_WHEELS], old.wheels, strict=False))
    numbers = [mass, drag, *(value for point in curve for value in point)]
    numbers += [getattr(wheel, name) for wheel in wheels for name in _WHEEL_NUMBERS]
    if not (finite(numbers) and mass > 0 and drag >= 0 and curve and wheels):
        raise CallError("physics control needs a mass above 0, a drag, a steering curve and wheels, all finite")
    taken = {_MASS, _DRAG, _CURVE, _WHEELS}
    rest = tuple((position, value) for position, value in enumerate(wire[:17]) if position not in taken)
    return Physics(mass, drag, old.area, old.power, old.thrust, old.top_speed, old.wheelbase, curve, wheels, rest)


_WHEEL_NUMBERS = tuple(field.name for field in fields(Wheel))[:-1]


def _wheel(wire: list[Any], position: Vector) -> Wheel:
    """A wheel with a client's numbers; where it sits on the body is not the client's to say."""
    return Wheel(**{name: float(value) for name, value in zip(_WHEEL_NUMBERS, wire, strict=False)}, position=position)


def road_grip(weather: Weather) -> float:
    """Friction coefficient of ordinary tyres where wheels run, for a road in that weather.

    Dry asphalt 1.0, wet 0.65, fresh snow 0.35, slush 0.3, polished snow 0.18, a glaze of ice 0.12 (ranges as in
    winter road manuals); wheel tracks that are worn down give back most of the wet road's grip.
    """
    water = min(1.0, max(weather.wetness, weather.precipitation_deposits) / 100)
    bare = DRY_GRIP + (WET_GRIP - DRY_GRIP) * water
    snow = FRESH_SNOW_GRIP + (POLISHED_SNOW_GRIP - FRESH_SNOW_GRIP) * weather.snow_packed
    snow += (min(snow, SLUSH_GRIP) - snow) * weather.slush
    bare += (ICE_GRIP - bare) * weather.ice
    covered = weather.snow_cover * (1 - 0.8 * weather.snow_tracks) * (1 - weather.cleared)
    if weather.snow_cover > 0:
        bare = min(bare, WET_GRIP)
    return bare + (snow - bare) * covered
