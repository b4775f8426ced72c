"""How vehicles move: a bicycle model with engine, brakes, drag and tyres that can only hold so much."""

from __future__ import annotations

import math

from scenarios.instant import Pose
from scenarios.server.actors import Vehicle, VehicleControl
from scenarios.server.geometry import Vector, normalise_degrees
from scenarios.server.physics import GRAVITY, Physics
from scenarios.server.roads import Ground, Roads

STEER_RISE, STEER_FALL = 2.5, 5.0
"""How fast the steering input follows the control [1/s], as in Unreal's vehicles."""

BRAKE_DECELERATION = 9.5
HAND_BRAKE_DECELERATION = 5.0
STABILITY_DECELERATION = 3.0
COASTING_DECELERATION = 0.25
ROLLING_RESISTANCE = 0.012
AIR_DENSITY = 1.2
REVERSE_SPEED = 9.0
"""[m/s^2, four times, then share of weight, kg/m^3, m/s]."""

BRAKING_SHARE = 0.9
"""Of the tyres' hold that brakes may use; the rest still steers."""

_LOOK_AGAIN = 0.25
"""How far a vehicle moves before its road plane is looked up anew [m]."""

_SUSPENSION_TIME = 0.12
"""With which pitch and roll follow the road [s]."""

_GEAR_SPEEDS = (5.5, 11.0, 17.0, 24.0, 32.0)
"""Where the gearbox shifts up [m/s]."""

BRAKE_LIGHT, REVERSE_LIGHT = 8, 64


def step_vehicle(vehicle: Vehicle, delta: float, grip: float, roads: Roads) -> None:
    """Move a vehicle by `delta` seconds on a road with friction coefficient `grip`."""
    ground = _ground(vehicle, roads)
    if ground.speed_limit is not None:
        vehicle.speed_limit = ground.speed_limit
    if not vehicle.simulated:
        return
    old = vehicle.velocity
    if vehicle.airborne:
        yaw_rate, forward, sideways = math.radians(vehicle.angular_velocity.z), *_body_velocity(vehicle)
    else:
        yaw_rate, forward, sideways = _drive(vehicle, delta, grip * vehicle.physics.grip, ground)
    if vehicle.constant_velocity is not None:
        forward, sideways = vehicle.constant_velocity.x, vehicle.constant_velocity.y
    _move(vehicle, delta, yaw_rate, forward, sideways, ground)
    new = vehicle.velocity
    vehicle.acceleration = Vector(*((b - a) / delta for a, b in zip(old, new, strict=True)))
    vehicle.gear = _gear(vehicle.control, forward)


def forward_speed(vehicle: Vehicle) -> float:
    """Along the heading [m/s]."""
    return _body_velocity(vehicle)[0]


def shown_lights(vehicle: Vehicle) -> int:
    """The lights as they burn: those that clients set, the brake light and the reversing light."""
    lights = vehicle.lights
    control = obeyed_control(vehicle)
    if control.brake > 0.01:
        lights |= BRAKE_LIGHT
    if control.reverse:
        lights |= REVERSE_LIGHT
    return lights


def _body_velocity(vehicle: Vehicle) -> tuple[float, float]:
    yaw = math.radians(vehicle.pose.yaw)
    cos, sin = math.cos(yaw), math.sin(yaw)
    velocity = vehicle.velocity
    return velocity.x * cos + velocity.y * sin, -velocity.x * sin + velocity.y * cos


def _ground(vehicle: Vehicle, roads: Roads) -> Ground:
    pose, known = vehicle.pose, vehicle.ground
    if known is None or abs(pose.x - known.asked_x) + abs(pose.y - known.asked_y) > _LOOK_AGAIN:
        known = roads.ground(pose.x, pose.y, pose.z)
        vehicle.ground = known
    return known


def _drive(vehicle: Vehicle, delta: float, grip: float, ground: Ground) -> tuple[float, float, float]:
    """Yaw rate [rad/s], forward and sideways speed [m/s] after `delta` seconds of wheels on the road.

    Tyres hold `grip` times the car's weight, along and across together. Braking takes its share first, as with ABS;
    driving force gets what turning leaves over, and a car that is asked to turn more tightly than it can is slowed, as
    stability programs do.
    """
    physics: Physics = vehicle.physics
    control = obeyed_control(vehicle)
    forward, sideways = _body_velocity(vehicle)
    rear = physics.wheelbase / 2
    slip = sideways - math.radians(vehicle.angular_velocity.z) * rear
    limit = grip * GRAVITY
    pull, brake, drag = _longitudinal(control, physics, forward)
    _steer(vehicle, control, forward, delta)
    curvature = math.tan(math.radians(vehicle.steer_angle)) / physics.wheelbase
    asked = abs(forward * forward * curvature)
    brake = min(brake, BRAKING_SHARE * limit)
    sideways_limit = math.sqrt(limit * limit - brake * brake)
    left_over = math.sqrt(max(0.0, limit * limit - asked * asked))
    pull = max(-left_over, min(left_over, pull))
    if asked > sideways_limit:
        brake = max(brake, min(STABILITY_DECELERATION, 0.4 * limit))
    uphill = math.radians(ground.tilt(vehicle.pose.yaw)[0])
    forward = _accelerate(forward, pull - GRAVITY * math.sin(uphill), brake + drag, delta)
    yaw_rate = forward * curvature
    if abs(forward * yaw_rate) > sideways_limit:
        yaw_rate = math.copysign(sideways_limit / abs(forward), yaw_rate)
    slip = math.copysign(max(0.0, abs(slip) - limit * delta), slip)
    return yaw_rate, forward, slip + yaw_rate * rear


def _longitudinal(control: VehicleControl, physics: Physics, forward: float) -> tuple[float, float, float]:
    """What pulls (signed), what the brakes hold and what air and rolling hold [m/s^2]."""
    speed = abs(forward)
    top = REVERSE_SPEED if control.reverse else physics.top_speed
    force = min(physics.thrust, physics.power / max(speed, 0.5)) * max(0.0, min(1.0, 8 * (1 - speed / top)))
    pull = control.throttle * force / physics.mass * (-1.0 if control.reverse else 1.0)
    brake = BRAKE_DECELERATION * control.brake + HAND_BRAKE_DECELERATION * control.hand_brake
    air = 0.5 * AIR_DENSITY * physics.drag * physics.area * speed * speed / physics.mass
    drag = ROLLING_RESISTANCE * GRAVITY + air + COASTING_DECELERATION * (control.throttle < 0.01)
    return pull, brake, drag


def _accelerate(speed: float, pull: float, hold: float, delta: float) -> float:
    """The speed after `delta` seconds [m/s]; what holds can stop the motion but not turn it round."""
    speed += pull * delta
    return math.copysign(max(0.0, abs(speed) - hold * delta), speed)


def _steer(vehicle: Vehicle, control: VehicleControl, forward: float, delta: float) -> None:
    target, now = control.steer, vehicle.steer_input
    rate = STEER_FALL if abs(target) < abs(now) or target * now < 0 else STEER_RISE
    now += max(-rate * delta, min(rate * delta, target - now))
    vehicle.steer_input = now
    physics: Physics = vehicle.physics
    vehicle.steer_angle = min(85.0, physics.max_steer_angle) * now * physics.steering_share(abs(forward))


def obeyed_control(vehicle: Vehicle) -> VehicleControl:
    """The pedals and steering that hold: the client's, or those that follow its Ackermann targets."""
    return vehicle.control if vehicle.ackermann is None else ackermann_control(vehicle)


def ackermann_control(vehicle: Vehicle) -> VehicleControl:
    """Pedals and steering that follow CARLA's Ackermann targets (angle [rad], speed [m/s], acceleration [m/s^2])."""
    steer, _, speed, acceleration, _ = vehicle.ackermann or [0.0] * 5
    physics: Physics = vehicle.physics
    error = speed - forward_speed(vehicle)
    wanted = max(-BRAKE_DECELERATION, min(BRAKE_DECELERATION, 2.0 * error))
    if acceleration > 0:
        wanted = max(-acceleration, min(acceleration, wanted))
    backwards = speed < 0
    if backwards:
        wanted = -wanted
    throttle = max(0.0, min(1.0, (wanted + 0.3) * physics.mass / physics.thrust)) if wanted > 0 else 0.0
    brake = max(0.0, min(1.0, -wanted / BRAKE_DECELERATION)) if wanted < -0.3 else 0.0
    share = physics.steering_share(abs(forward_speed(vehicle)))
    lock = math.radians(min(85.0, physics.max_steer_angle)) * share
    return VehicleControl(throttle, max(-1.0, min(1.0, steer / max(lock, 1e-3))), brake, reverse=backwards)


def _move(vehicle: Vehicle, delta: float, yaw_rate: float, forward: float, sideways: float, ground: Ground) -> None:
    pose = vehicle.pose
    yaw = math.radians(pose.yaw) + yaw_rate * delta / 2
    cos, sin = math.cos(yaw), math.sin(yaw)
    vx, vy = forward * cos - sideways * sin, forward * sin + sideways * cos
    x, y = pose.x + vx * delta, pose.y + vy * delta
    end = math.radians(pose.yaw) + yaw_rate * delta
    heading = normalise_degrees(math.degrees(end))
    z, vz = _height(vehicle, ground.height(x, y), delta)
    pitch, roll = _tilt(pose, ground, heading, delta, airborne=vehicle.airborne)
    vehicle.travelled += math.hypot(vx, vy) * delta
    vehicle.angular_velocity = Vector(0.0, 0.0, math.degrees(yaw_rate))
    cos, sin = math.cos(end), math.sin(end)
    vehicle.velocity = Vector(forward * cos - sideways * sin, forward * sin + sideways * cos, vz)
    vehicle.pose = Pose(x, y, z, pitch, heading, roll)


def _height(vehicle: Vehicle, road: float, delta: float) -> tuple[float, float]:
    """Height [m] and vertical speed [m/s] after falling or rolling for `delta` seconds."""
    z, vz = vehicle.pose.z, vehicle.velocity.z
    if not vehicle.gravity:
        vehicle.airborne = z > road + 0.05
        return (z, 0.0) if vehicle.airborne else (road, 0.0)
    if vehicle.airborne or z - road > 0.25:
        vz -= GRAVITY * delta
        if z + vz * delta > road:
            vehicle.airborne = True
            return z + vz * delta, vz
    vehicle.airborne = False
    return road, (road - z) / delta if abs(road - z) < 0.25 else 0.0


def _tilt(pose: Pose, ground: Ground, heading: float, delta: float, *, airborne: bool) -> tuple[float, float]:
    if airborne:
        return pose.pitch, pose.roll
    pitch, roll = ground.tilt(heading)
    share = 1 - math.exp(-delta / _SUSPENSION_TIME)
    return pose.pitch + share * (pitch - pose.pitch), pose.roll + share * (roll - pose.roll)


def _gear(control: VehicleControl, forward: float) -> int:
    if control.manual_gear_shift:
        return control.gear
    if control.reverse:
        return -1
    if abs(forward) < 0.05 and control.throttle < 0.01:
        return 0
    return 1 + sum(abs(forward) > speed for speed in _GEAR_SPEEDS)
