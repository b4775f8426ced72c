"""The bytes of an episode state: what every client learns of the world at every frame."""

from __future__ import annotations

import struct
import time

from scenarios.instant import Pose
from scenarios.server.actors import Actor, TrafficLight, Vehicle, Walker
from scenarios.server.vehicles import obeyed_control
from scenarios.server.world import World

WORLD_OBSERVER = 17
"""Sensor type id of the episode state in 0.9.16 (16 before; a client dies of the wrong one)."""

_ACTIVE = 1
_MAP_CHANGED = 1
_NO_LIGHT = 2

_HEADER = struct.Struct("<QQd6f")
_EPISODE = struct.Struct("<Qdf3iI")
_ACTOR = struct.Struct("<IB15f54s")
_VEHICLE = struct.Struct("<fff???ifB?IB")
_WALKER = struct.Struct("<ffff?")
_LIGHT = struct.Struct("<32sffffI?B")


def sensor_header(sensor_type: int, world: World, pose: Pose) -> bytes:
    """What every stream message begins with."""
    return _HEADER.pack(
        sensor_type, world.frame, world.elapsed, pose.x, pose.y, pose.z, pose.pitch, pose.yaw, pose.roll
    )


def encode_state(world: World) -> bytes:
    """The newest state of every actor. Only `platform_timestamp` in it comes from the wall clock."""
    flags = _MAP_CHANGED if world.map_changed else 0
    parts = [
        sensor_header(WORLD_OBSERVER, world, Pose()),
        _EPISODE.pack(world.episode, time.time(), world.delta, 0, 0, 0, flags),
    ]
    parts.extend(_encode_actor(actor, world) for actor in world.actors.values())
    return b"".join(parts)


def _encode_actor(actor: Actor, world: World) -> bytes:
    pose = actor.pose
    return _ACTOR.pack(
        actor.id,
        _ACTIVE,
        pose.x,
        pose.y,
        pose.z,
        pose.pitch,
        pose.yaw,
        pose.roll,
        *actor.velocity,
        *actor.angular_velocity,
        *actor.acceleration,
        _details(actor, world),
    )


def _details(actor: Actor, world: World) -> bytes:
    if isinstance(actor, Vehicle):
        return _vehicle(actor, world)
    if isinstance(actor, Walker):
        return _WALKER.pack(*actor.direction, actor.speed, actor.jump)
    if isinstance(actor, TrafficLight):
        times = (actor.green, actor.yellow, actor.red, actor.elapsed)
        return _LIGHT.pack(actor.sign.encode(), *times, actor.pole, actor.frozen, actor.state)
    return actor.sign.encode()


def _vehicle(vehicle: Vehicle, world: World) -> bytes:
    control = obeyed_control(vehicle)
    light = world.actors.get(vehicle.light_at)
    at_light = isinstance(light, TrafficLight)
    return _VEHICLE.pack(
        control.throttle,
        control.steer,
        control.brake,
        control.hand_brake,
        control.reverse,
        control.manual_gear_shift,
        vehicle.gear,
        vehicle.speed_limit,
        light.state if isinstance(light, TrafficLight) else _NO_LIGHT,
        at_light,
        vehicle.light_at if at_light else 0,
        0,
    )
