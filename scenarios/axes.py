"""From CARLA's left-handed axes to the right-handed world and OpenCV camera axes of `perception.camera`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import carla
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.box import Cuboid
from perception.camera import Camera
from scenarios.lens_attributes import carried, lens_of, readout_of, shutter_of

MIRROR = np.array([1.0, -1.0, 1.0])
"""CARLA world to `Camera` world: y changes its sign."""


def rotation(pitch: float, yaw: float, roll: float) -> Float[ndarray, "3 3"]:
    """CARLA's rotation [deg] as a matrix whose columns are the forward, right and up axes in CARLA's world."""
    cp, cy, cr = (math.cos(math.radians(angle)) for angle in (pitch, yaw, roll))
    sp, sy, sr = (math.sin(math.radians(angle)) for angle in (pitch, yaw, roll))
    return np.array(
        [
            [cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr],
            [cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr],
            [sp, -cp * sr, cp * cr],
        ]
    )


def location(place: carla.Location) -> Float[ndarray, "3"]:
    """A CARLA location in world axes [m]."""
    return np.array([place.x, -place.y, place.z], dtype=np.float64)


def camera_from(
    transform: carla.Transform,
    width: int,
    height: int,
    fov: float,
    attributes: Mapping[str, str] | None = None,
    carrier: carla.Actor | None = None,
) -> Camera:
    """The camera of a CARLA camera sensor at `transform` with horizontal field of view `fov` [deg].

    Its lens is read from the sensor's `attributes` (`lens_attributes.lens_of`); without them it is a pinhole.
    `carrier` is the actor that the camera is fixed to; its motion counts where the sensor has a rolling shutter.
    """
    turn = transform.rotation
    forward, right, up = (rotation(turn.pitch, turn.yaw, turn.roll) * MIRROR[:, None]).T
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, -up, forward])
    pose[:3, 3] = location(transform.location)
    camera = Camera.from_fov(width, height, fov, pose, *lens_of(attributes or {}, fov))
    readout = readout_of(attributes or {})
    if carrier is None or not readout:
        return camera
    move, turn_rate = carrier.get_velocity(), carrier.get_angular_velocity()
    middle = carrier.get_transform().location
    arm = np.array([getattr(transform.location, axis) - getattr(middle, axis) for axis in "xyz"])
    spin = np.array([turn_rate.x, turn_rate.y, turn_rate.z])
    velocity = carried(np.array([move.x, move.y, move.z]), spin, arm)
    return replace(camera, shutter=shutter_of(readout, velocity.tolist(), spin.tolist()))


def cuboid_from(transform: carla.Transform, box: carla.BoundingBox) -> Cuboid:
    """An actor's bounding box in world axes; pitch and roll of the actor move the centre only."""
    turn = transform.rotation
    offset = np.array([box.location.x, box.location.y, box.location.z])
    start = np.array([transform.location.x, transform.location.y, transform.location.z])
    x, y, z = (start + rotation(turn.pitch, turn.yaw, turn.roll) @ offset) * MIRROR
    size = (2.0 * box.extent.x, 2.0 * box.extent.y, 2.0 * box.extent.z)
    return Cuboid((float(x), float(y), float(z)), size, math.remainder(-math.radians(turn.yaw), math.tau))


def cuboid_corners(cuboid: Cuboid) -> Float[ndarray, "8 3"]:
    """The eight corners in world axes [m]."""
    signs = np.array([[i, j, k] for i in (-0.5, 0.5) for j in (-0.5, 0.5) for k in (-0.5, 0.5)])
    cos, sin = math.cos(cuboid.yaw), math.sin(cuboid.yaw)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(np.array(cuboid.center) + (signs * np.array(cuboid.size)) @ turn.T)
