"""CARLA's left-handed geometry: rotating, composing poses, and boxes that overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scenarios.instant import Pose


class Vector(NamedTuple):
    """Three numbers in CARLA's axes: x forward or east, y right or south, z up."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0

    @property
    def length(self) -> float:
        """Euclidean length."""
        return math.hypot(self.x, self.y, self.z)


ZERO = Vector()
FORWARD = Vector(1.0, 0.0, 0.0)

Matrix = tuple[Vector, Vector, Vector]
"""Three rows; the columns are an object's forward, right and up axes in the world."""


@dataclass(frozen=True)
class BoundingBox:
    """A box in its actor's axes.

    Attributes:
        center: from the actor's origin [m].
        extent: half length, half width, half height [m]; all zero for what has no body.
    """

    center: Vector = ZERO
    extent: Vector = ZERO

    @property
    def solid(self) -> bool:
        """Whether anything could hit it."""
        return self.extent.x > 0 and self.extent.y > 0


NO_BOX = BoundingBox()


class Contact(NamedTuple):
    """How two boxes overlap, seen from above.

    Attributes:
        x, y: unit normal from the first box to the second.
        depth: how far they overlap along it [m].
    """

    x: float
    y: float
    depth: float


def rotation(pose: Pose) -> Matrix:
    """The rotation of a pose in Unreal's convention (pitch up, yaw clockwise from above, roll right side down)."""
    sp, cp = math.sin(math.radians(pose.pitch)), math.cos(math.radians(pose.pitch))
    sy, cy = math.sin(math.radians(pose.yaw)), math.cos(math.radians(pose.yaw))
    sr, cr = math.sin(math.radians(pose.roll)), math.cos(math.radians(pose.roll))
    return (
        Vector(cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr),
        Vector(cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr),
        Vector(sp, -cp * sr, cp * cr),
    )


def rotate(matrix: Matrix, vector: Vector) -> Vector:
    """A vector of the object's axes in the world's."""
    a, b, c = matrix
    x, y, z = vector
    return Vector(a.x * x + a.y * y + a.z * z, b.x * x + b.y * y + b.z * z, c.x * x + c.y * y + c.z * z)


def unrotate(matrix: Matrix, vector: Vector) -> Vector:
    """A vector of the world's axes in the object's."""
    a, b, c = matrix
    x, y, z = vector
    return Vector(a.x * x + b.x * y + c.x * z, a.y * x + b.y * y + c.y * z, a.z * x + b.z * y + c.z * z)


def to_world(pose: Pose, point: Vector) -> Vector:
    """A point of the object's axes in the world [m]."""
    moved = rotate(rotation(pose), point)
    return Vector(pose.x + moved.x, pose.y + moved.y, pose.z + moved.z)


def compose(parent: Pose, child: Pose) -> Pose:
    """The world pose of a child whose pose is given in its parent's axes."""
    outer = rotation(parent)
    inner = rotation(child)
    columns = [rotate(outer, Vector(*(row[i] for row in inner))) for i in range(3)]
    forward, right, up = columns
    place = to_world(parent, Vector(child.x, child.y, child.z))
    return Pose(
        place.x,
        place.y,
        place.z,
        math.degrees(math.asin(min(1.0, max(-1.0, forward.z)))),
        math.degrees(math.atan2(forward.y, forward.x)),
        math.degrees(math.atan2(-right.z, up.z)),
    )


def relative(parent: Pose, world: Pose) -> Pose:
    """The pose in its parent's axes of a child whose world pose is given."""
    outer = rotation(parent)
    inner = rotation(world)
    forward, right, up = (unrotate(outer, Vector(*(row[i] for row in inner))) for i in range(3))
    place = unrotate(outer, Vector(world.x - parent.x, world.y - parent.y, world.z - parent.z))
    return Pose(
        *place,
        math.degrees(math.asin(min(1.0, max(-1.0, forward.z)))),
        math.degrees(math.atan2(forward.y, forward.x)),
        math.degrees(math.atan2(-right.z, up.z)),
    )


def normalise_degrees(angle: float) -> float:
    """The same angle in (-180, 180]."""
    return angle - 360.0 * math.ceil((angle - 180.0) / 360.0)


@dataclass(frozen=True)
class Footprint:
    """A box in the world: an upright prism, as everything that drives or walks is to a good approximation.

    Attributes:
        x, y: centre [m].
        bottom, top: heights [m].
        half_length, half_width: along and across its heading [m].
        cos, sin: of its heading.
    """

    x: float
    y: float
    bottom: float
    top: float
    half_length: float
    half_width: float
    cos: float
    sin: float

    @property
    def radius(self) -> float:
        """Of the circle about it [m]."""
        return math.hypot(self.half_length, self.half_width)

    def corners(self) -> list[tuple[float, float]]:
        """The four corners, seen from above [m]."""
        return [
            (
                self.x + a * self.half_length * self.cos - b * self.half_width * self.sin,
                self.y + a * self.half_length * self.sin + b * self.half_width * self.cos,
            )
            for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
        ]


def footprint(pose: Pose, box: BoundingBox) -> Footprint:
    """The space that an actor's box takes at a pose."""
    yaw = math.radians(pose.yaw)
    cos, sin = math.cos(yaw), math.sin(yaw)
    center, extent = box.center, box.extent
    return Footprint(
        pose.x + cos * center.x - sin * center.y,
        pose.y + sin * center.x + cos * center.y,
        pose.z + center.z - extent.z,
        pose.z + center.z + extent.z,
        extent.x,
        extent.y,
        cos,
        sin,
    )


def overlap(a: Footprint, b: Footprint) -> Contact | None:
    """How two boxes overlap (separating axes), or None.

    The contact's normal points from `a` to `b` along the axis where they overlap least.
    """
    dx, dy = b.x - a.x, b.y - a.y
    reach = a.radius + b.radius
    if dx * dx + dy * dy > reach * reach or a.top < b.bottom or b.top < a.bottom:
        return None
    best: Contact | None = None
    for nx, ny in ((a.cos, a.sin), (-a.sin, a.cos), (b.cos, b.sin), (-b.sin, b.cos)):
        distance = dx * nx + dy * ny
        depth = _half_width_along(a, nx, ny) + _half_width_along(b, nx, ny) - abs(distance)
        if depth <= 0:
            return None
        if best is None or depth < best.depth:
            sign = 1.0 if distance >= 0 else -1.0
            best = Contact(sign * nx, sign * ny, depth)
    return best


def _half_width_along(one: Footprint, nx: float, ny: float) -> float:
    along = abs(one.cos * nx + one.sin * ny) * one.half_length
    across = abs(one.cos * ny - one.sin * nx) * one.half_width
    return along + across


def finite(values: Sequence[float]) -> bool:
    """Whether no number is NaN or infinite."""
    return all(math.isfinite(value) for value in values)
