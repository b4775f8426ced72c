"""A pinhole camera and its place in the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera without distortion.

    Camera axes are OpenCV's: x right, y down, z forward. World axes are OpenDRIVE's: right-handed, x east, y north,
    z up, metres (CARLA's y is the negative of it). A pixel's centre lies at +0.5, so the picture spans
    [0, width] x [0, height].

    Attributes:
        width: picture width [px].
        height: picture height [px].
        intrinsics: 3 x 3 matrix [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] [px].
        camera_to_world: 4 x 4 rigid transform from camera to world axes [m].
    """

    width: int
    height: int
    intrinsics: Float[ndarray, "3 3"]
    camera_to_world: Float[ndarray, "4 4"]

    @classmethod
    def from_fov(cls, width: int, height: int, fov: float, camera_to_world: Float[ndarray, "4 4"]) -> Camera:
        """Make a camera with square pixels from its horizontal field of view `fov` [deg]."""
        focal = width / (2 * np.tan(np.deg2rad(fov) / 2))
        intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=np.float64)
        return cls(width, height, intrinsics, np.asarray(camera_to_world, dtype=np.float64))

    @property
    def position(self) -> Float[ndarray, "3"]:
        """Optical centre in world axes [m]."""
        return self.camera_to_world[:3, 3]

    def to_camera(self, points: Float[ndarray, "n 3"]) -> Float[ndarray, "n 3"]:
        """World points [m] in camera axes [m]."""
        local: ndarray = (points - self.camera_to_world[:3, 3]) @ self.camera_to_world[:3, :3]
        return local

    def project(self, points: Float[ndarray, "n 3"]) -> tuple[Float[ndarray, "n 2"], Float[ndarray, "n"]]:
        """World points [m] to pixels [px] and depth along the optical axis [m].

        Points at or behind the image plane (depth <= 0) get NaN pixels.
        """
        local = self.to_camera(points)
        depth = local[:, 2]
        homogeneous = local @ self.intrinsics.T
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = homogeneous[:, :2] / depth[:, None]
        return np.where(depth[:, None] > 0, pixels, np.nan), depth

    def ground_points(self, pixels: Float[ndarray, "n 2"], height: float = 0.0) -> Float[ndarray, "n 3"]:
        """Where the rays through `pixels` [px] meet the world plane z = `height` [m]; NaN above the horizon."""
        rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(self.intrinsics).T
        directions = rays @ self.camera_to_world[:3, :3].T
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (height - self.position[2]) / directions[:, 2]
        points = self.position + distance[:, None] * directions
        return np.where((distance > 0)[:, None], points, np.nan)
