"""The one place where CARLA's left-handed axes become the renderer's.

CARLA: x forward, y right, z up; yaw clockwise seen from above, pitch nose up, roll clockwise seen from behind [deg].
Renderer (and OpenDRIVE): x forward, y left, z up, right-handed. Both in metres; y changes its sign.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.camera import Camera
from scenarios.instant import Pose, View
from scenarios.lens_attributes import lens_of, readout_of, shutter_of
from scenarios.weather import Weather

FLIP = np.array([1.0, -1.0, 1.0])
"""Multiplies a CARLA point into a renderer point, and back."""


def pose_matrix(pose: Pose) -> Float[ndarray, "4 4"]:
    """Actor axes (x forward, y left, z up) to world, right-handed, of a CARLA pose."""
    cp, sp = np.cos(np.deg2rad(pose.pitch)), np.sin(np.deg2rad(pose.pitch))
    cy, sy = np.cos(np.deg2rad(pose.yaw)), np.sin(np.deg2rad(pose.yaw))
    cr, sr = np.cos(np.deg2rad(pose.roll)), np.sin(np.deg2rad(pose.roll))
    rotation = np.array(
        [
            [cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr],
            [cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr],
            [sp, -cp * sr, cp * cr],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = FLIP[:, None] * rotation * FLIP[None, :]
    matrix[:3, 3] = FLIP * (pose.x, pose.y, pose.z)
    return matrix


CAMERA_TO_ACTOR = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""OpenCV camera axes (x right, y down, z forward) to actor axes (x forward, y left, z up)."""


def camera_of(view: View) -> Camera:
    """The camera of a view, in renderer axes."""
    pose = pose_matrix(view.pose) @ CAMERA_TO_ACTOR
    camera = Camera.from_fov(view.width, view.height, view.fov, pose, *lens_of(view.attributes, view.fov))
    readout = readout_of(view.attributes)
    return replace(camera, shutter=shutter_of(readout, view.velocity, view.spin)) if readout else camera


def world_motion(view: View) -> tuple[Float[ndarray, "3"], Float[ndarray, "3"]]:
    """Velocity [m/s] and angular velocity [rad/s] of a view's camera in renderer axes."""
    motion = shutter_of(0.0, view.velocity, view.spin)
    return np.array(motion.velocity), np.array(motion.spin)


def sun_direction(weather: Weather) -> Float[ndarray, "3"]:
    """Unit vector towards the sun in renderer axes."""
    azimuth, altitude = np.deg2rad(weather.sun_azimuth_angle), np.deg2rad(weather.sun_altitude_angle)
    return np.array([np.cos(altitude) * np.cos(azimuth), -np.cos(altitude) * np.sin(azimuth), np.sin(altitude)])
