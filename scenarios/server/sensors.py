"""What sensors send after a step: positions, motion, collisions; pictures come from `cameras.py`."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from scenarios.server.actors import Sensor
from scenarios.server.cameras import Cameras, instant_of, order_of, remember
from scenarios.server.geometry import Vector, rotation, unrotate
from scenarios.server.physics import GRAVITY
from scenarios.server.records import encode_actor
from scenarios.server.snapshots import sensor_header
from scenarios.server.streams import Streams
from scenarios.server.wire import encode
from scenarios.server.world import World

COLLISION, GNSS, IMU = 0, 4, 5
"""CARLA's sensor type ids."""

NORTH = -90.0
"""Yaw of north [deg]."""

_DUE = 1e-6
"""By how much a sensor may be early [s]: sums of steps are not exact."""


def measure(world: World, streams: Streams, cameras: Cameras, *, lossless: bool) -> Iterator[tuple[int, bytes]]:
    """The messages that are due after a step: stream and content.

    When every frame counts (`lossless`) pictures come first and are waited for; else they are rendered while the world
    moves on, and a camera whose last picture is not finished misses its turn.
    """
    due = [one for one in world.of_type(Sensor) if _is_due(one, world, streams)]
    if not lossless and cameras.busy:
        due = [one for one in due if not _is_camera(one)]
    for sensor in due:
        if sensor.interval > 0:
            sensor.last = world.elapsed
    orders = [order_of(one, world) for one in due if _is_camera(one)]
    remember(world)
    if orders:
        instant = instant_of(world, cameras.seed)
        if lossless:
            yield from cameras.take(instant, orders)
        else:
            cameras.take_later(instant, orders, partial(streams.send, lossless=False))
    for sensor in due:
        yield from ((sensor.stream, message) for message in _read(sensor, world, streams))


def _is_camera(sensor: Sensor) -> bool:
    return sensor.blueprint.startswith("sensor.camera.")


def _is_due(sensor: Sensor, world: World, streams: Streams) -> bool:
    if not sensor.stream or not streams.has_subscriber(sensor.stream):
        return False
    return world.elapsed - sensor.last >= sensor.interval - _DUE


def _read(sensor: Sensor, world: World, streams: Streams) -> Iterator[bytes]:
    match sensor.blueprint:
        case "sensor.other.collision":
            yield from _collisions(sensor, world, streams)
        case "sensor.other.gnss":
            yield sensor_header(GNSS, world, sensor.pose) + encode(_position(sensor, world))
        case "sensor.other.imu":
            yield sensor_header(IMU, world, sensor.pose) + encode(_motion(sensor, world))


def _collisions(sensor: Sensor, world: World, streams: Streams) -> Iterator[bytes]:
    for first, second, impulse in world.collisions:
        if sensor.parent not in {first, second}:
            continue
        other = second if sensor.parent == first else first
        sign = -1.0 if sensor.parent == first else 1.0
        felt = [sign * value for value in impulse]
        pair = [encode_actor(world.actors[id_], streams) for id_ in (sensor.parent, other)]
        yield sensor_header(COLLISION, world, sensor.pose) + encode([*pair, felt])


def _position(sensor: Sensor, world: World) -> list[float]:
    """Latitude [deg], longitude [deg], altitude [m], with the noise that the attributes ask for."""
    pose = sensor.pose
    exact = world.roads.geolocation(pose.x, pose.y, pose.z)
    noise = _noise(sensor, world)
    return [
        value + _number(sensor, f"noise_{axis}_bias") + next(noise) * _number(sensor, f"noise_{axis}_stddev")
        for axis, value in zip(("lat", "lon", "alt"), exact, strict=True)
    ]


def _motion(sensor: Sensor, world: World) -> list[Any]:
    """Acceleration with gravity [m/s^2], turning [rad/s] in the sensor's axes, and the compass [rad] from north."""
    turned = rotation(sensor.pose)
    a = sensor.acceleration
    felt = unrotate(turned, Vector(a.x, a.y, a.z + GRAVITY))
    spin = unrotate(turned, Vector(*(math.radians(value) for value in sensor.angular_velocity)))
    noise = _noise(sensor, world)
    accelerometer = [
        value + next(noise) * _number(sensor, f"noise_accel_stddev_{axis}")
        for axis, value in zip("xyz", felt, strict=True)
    ]
    gyroscope = [
        value + _number(sensor, f"noise_gyro_bias_{axis}") + next(noise) * _number(sensor, f"noise_gyro_stddev_{axis}")
        for axis, value in zip("xyz", spin, strict=True)
    ]
    return [accelerometer, gyroscope, math.radians(sensor.pose.yaw - NORTH) % math.tau]


def _number(sensor: Sensor, name: str) -> float:
    return float(sensor.attributes.get(name, 0.0))


def _noise(sensor: Sensor, world: World) -> Iterator[float]:
    """Normal deviates that depend on the sensor's seed, its id and the step, and on nothing else."""
    seed = zlib.crc32(f"{sensor.attributes.get('noise_seed', '0')}/{sensor.id}/{world.steps}".encode())
    generator = np.random.default_rng(seed)
    while True:
        yield float(generator.standard_normal())
