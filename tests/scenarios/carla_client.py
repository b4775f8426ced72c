"""What every script for the unmodified client begins with."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import carla

STEP = 0.05


def connect(port: int) -> carla.Client:
    """A client of the server on this machine."""
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(20.0)
    return client


def synchronous(world: carla.World) -> None:
    """Let the clock wait for `world.tick()`."""
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = STEP
    world.apply_settings(settings)


def numbers(vector: Any) -> list[float]:
    """x, y, z."""
    return [vector.x, vector.y, vector.z]


def digest(world: carla.World) -> str:
    """Of every state in the newest snapshot."""
    snapshot = world.get_snapshot()
    parts = [struct.pack("<Qdd", snapshot.frame, snapshot.timestamp.elapsed_seconds, snapshot.timestamp.delta_seconds)]
    for actor in sorted(snapshot, key=lambda one: int(one.id)):
        transform = actor.get_transform()
        rotation = transform.rotation
        values = [*numbers(transform.location), rotation.pitch, rotation.yaw, rotation.roll]
        for vector in (actor.get_velocity(), actor.get_angular_velocity(), actor.get_acceleration()):
            values += numbers(vector)
        parts.append(struct.pack(f"<I{len(values)}d", actor.id, *values))
    return hashlib.sha256(b"".join(parts)).hexdigest()
