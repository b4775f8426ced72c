"""How pedestrians move: where they are told to, with their feet on the ground."""

from __future__ import annotations

import math

from scenarios.instant import Pose
from scenarios.server.actors import Walker
from scenarios.server.geometry import Vector
from scenarios.server.physics import GRAVITY
from scenarios.server.roads import Roads

JUMP_SPEED = 4.2
"""With which a jump leaves the ground [m/s]."""

TOP_SPEED = 10.0
"""No walker is faster [m/s]."""

_LOOK_AGAIN = 0.5
"""How far a walker moves before the ground is looked up anew [m]."""


def step_walker(walker: Walker, delta: float, roads: Roads) -> None:
    """Move a walker by `delta` seconds."""
    if not walker.simulated:
        return
    length = math.hypot(walker.direction.x, walker.direction.y)
    speed = min(walker.speed, TOP_SPEED) if length > 1e-6 else 0.0
    vx = speed * walker.direction.x / length if speed else 0.0
    vy = speed * walker.direction.y / length if speed else 0.0
    pose, old = walker.pose, walker.velocity
    x, y = pose.x + vx * delta, pose.y + vy * delta
    yaw = math.degrees(math.atan2(vy, vx)) if speed else pose.yaw
    z, vz = _height(walker, _standing_height(walker, roads, x, y), delta)
    walker.velocity = Vector(vx, vy, vz)
    walker.acceleration = Vector(*((b - a) / delta for a, b in zip(old, walker.velocity, strict=True)))
    walker.travelled += speed * delta
    walker.pose = Pose(x, y, z, 0.0, yaw, 0.0)


def _standing_height(walker: Walker, roads: Roads, x: float, y: float) -> float:
    """Of the body's centre above where its feet stand [m]."""
    known = walker.ground
    if known is None or abs(x - known.asked_x) + abs(y - known.asked_y) > _LOOK_AGAIN:
        known = roads.ground(x, y, walker.pose.z)
        walker.ground = known
    return known.height(x, y) + walker.box.extent.z


def _height(walker: Walker, standing: float, delta: float) -> tuple[float, float]:
    z, vz = walker.pose.z, walker.velocity.z
    on_ground = z <= standing + 0.02
    if walker.jump and on_ground:
        walker.jump = False
        return standing + JUMP_SPEED * delta, JUMP_SPEED
    if not walker.gravity:
        return max(z, standing), 0.0
    if z - standing < 0.2 and vz <= 0:
        return standing, 0.0
    vz -= GRAVITY * delta
    return (z + vz * delta, vz) if z + vz * delta > standing else (standing, 0.0)
