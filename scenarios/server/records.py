"""Actors, poses and boxes as CARLA's RPC channel writes them."""

from __future__ import annotations

from typing import Any

from scenarios.instant import Pose
from scenarios.server.actors import Actor, Sensor
from scenarios.server.geometry import BoundingBox, Vector, finite
from scenarios.server.streams import Streams
from scenarios.server.wire import CallError

FARTHEST = 1e9
"""The largest coordinate, velocity or force that is taken: beyond, single precision has no metres left."""


def encode_pose(pose: Pose) -> list[list[float]]:
    """CARLA's Transform."""
    return [[pose.x, pose.y, pose.z], [pose.pitch, pose.yaw, pose.roll]]


def decode_pose(wire: Any) -> Pose:
    """The pose in a CARLA Transform.

    Raises:
        CallError: a number in it is NaN, infinite or beyond `FARTHEST`.
    """
    (x, y, z), (pitch, yaw, roll) = wire[0][:3], wire[1][:3]
    values = [float(value) for value in (x, y, z, pitch, yaw, roll)]
    _check("transform", values)
    return Pose(*values)


def decode_vector(wire: Any) -> Vector:
    """The vector in a CARLA Vector3D or Location.

    Raises:
        CallError: a number in it is NaN, infinite or beyond `FARTHEST`.
    """
    vector = Vector(*(float(value) for value in wire[:3]))
    _check("vector", list(vector))
    return vector


def _check(what: str, values: list[float]) -> None:
    if not finite(values):
        raise CallError(f"the {what} {values} has a number that is not finite")
    if max(abs(value) for value in values) > FARTHEST:
        raise CallError(f"the {what} {values} has a number beyond {FARTHEST:.0e}")


def encode_box(box: BoundingBox, actor: int) -> list[Any]:
    """CARLA's BoundingBox (0.9.16: with the actor's id)."""
    return [list(box.center), list(box.extent), [0.0, 0.0, 0.0], actor]


def encode_actor(actor: Actor, streams: Streams) -> list[Any]:
    """CARLA's Actor record."""
    stream = actor.stream if isinstance(actor, Sensor) else 0
    return [
        actor.id,
        actor.parent,
        actor.description or [0, actor.blueprint, []],
        encode_box(actor.box, actor.id),
        actor.tags,
        streams.token(stream) if stream else b"",
    ]
