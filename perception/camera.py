"""A camera, its lens and its place in the world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.distortion import COEFFICIENTS, distort, undistort
from perception.errors import WhiteoutError
from perception.rolling_shutter import RollingShutter

ROLLS = 6
"""Steps to find the row that draws a point; each makes the error a tenth or less."""

GUESSED_FOV = 60.0
"""Horizontal field of view of a camera that nothing is known of [deg]."""

FORWARD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Camera-to-world rotation of a level camera that looks along world x."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera: a pinhole, or one with a lens model of OpenCV's (`perception.distortion`).

    Camera axes are OpenCV's: x right, y down, z forward. World axes are OpenDRIVE's: right-handed, x east, y north,
    z up, metres (CARLA's y is the negative of it). A pixel's centre lies at +0.5, so the picture spans
    [0, width] x [0, height].

    Attributes:
        width: picture width [px].
        height: picture height [px].
        intrinsics: 3 x 3 matrix [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] [px].
        camera_to_world: 4 x 4 rigid transform from camera to world axes [m].
        lens: "pinhole", "brown_conrady" or "fisheye".
        distortion: coefficients of the lens in OpenCV's order: none, k1 k2 p1 p2 k3, or k1 k2 k3 k4.
        shutter: how the camera moves while its rows are read; None: all are read at once.
        unknown: which of "intrinsics" and "pose" the source does not tell; what stands here instead is a guess
            (`Camera.guess`), and nothing in metres follows from it.
    """

    width: int
    height: int
    intrinsics: Float[ndarray, "3 3"]
    camera_to_world: Float[ndarray, "4 4"]
    lens: str = "pinhole"
    distortion: tuple[float, ...] = ()
    shutter: RollingShutter | None = None
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.lens not in COEFFICIENTS:
            raise WhiteoutError(f"there is no camera lens {self.lens!r}; choose one of {', '.join(COEFFICIENTS)}")
        if len(self.distortion) != COEFFICIENTS[self.lens]:
            raise WhiteoutError(
                f"a {self.lens} lens has {COEFFICIENTS[self.lens]} coefficients, not {len(self.distortion)}"
            )

    @classmethod
    def from_fov(
        cls,
        width: int,
        height: int,
        fov: float,
        camera_to_world: Float[ndarray, "4 4"],
        lens: str = "pinhole",
        distortion: tuple[float, ...] = (),
    ) -> Camera:
        """Make a camera with square pixels from its horizontal field of view `fov` [deg].

        It is the field that the picture spans through a pinhole, and through a fisheye; a Brown-Conrady lens has the
        focal length of the pinhole, so its distortion changes what the picture spans.
        """
        half = np.deg2rad(fov) / 2
        edge = np.tan(half)
        if lens == "fisheye":
            edge = distort(lens, distortion, np.array([[np.sin(half), 0.0, np.cos(half)]]))[0, 0]
        if not edge > 0:
            raise WhiteoutError(f"a {lens} lens of these coefficients cannot span {fov} degrees; choose fewer")
        focal = width / (2 * edge)
        intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=np.float64)
        return cls(width, height, intrinsics, np.asarray(camera_to_world, dtype=np.float64), lens, distortion)

    @classmethod
    def guess(cls, width: int, height: int, fov: float | None = None) -> Camera:
        """A stand-in where the source has no camera: level, at the world's origin, looking along x.

        With a horizontal field of view `fov` [deg] only the pose is a guess.
        """
        pose = np.eye(4)
        pose[:3, :3] = FORWARD
        camera = cls.from_fov(width, height, fov or GUESSED_FOV, pose)
        return replace(camera, unknown=("pose",) if fov else ("intrinsics", "pose"))

    @property
    def position(self) -> Float[ndarray, "3"]:
        """Optical centre in world axes [m]."""
        return self.camera_to_world[:3, 3]

    def to_camera(self, points: Float[ndarray, "n 3"]) -> Float[ndarray, "n 3"]:
        """World points [m] in camera axes [m], with a rolling shutter those of the moment that draws them."""
        local: ndarray = (points - self.camera_to_world[:3, 3]) @ self.camera_to_world[:3, :3]
        if self.shutter is not None:
            for _ in range(ROLLS):
                times = self.shutter.times(self.draw(local)[:, 1], self.height)
                seen = points - self.position - self.shutter.shift(times)
                local = self.shutter.turned(seen, -times) @ self.camera_to_world[:3, :3]
        return local

    def project(self, points: Float[ndarray, "n 3"]) -> tuple[Float[ndarray, "n 2"], Float[ndarray, "n"]]:
        """World points [m] to pixels [px] and depth along the optical axis [m].

        Points that the lens does not draw get NaN pixels: those at or behind the image plane (depth <= 0), for a
        fisheye those beyond its reach.
        """
        local = self.to_camera(points)
        return self.draw(local), local[:, 2]

    def draw(self, local: Float[ndarray, "n 3"]) -> Float[ndarray, "n 2"]:
        """Points or directions in camera axes to pixels [px]; NaN where the lens does not draw them."""
        places = distort(self.lens, self.distortion, local)
        return np.asarray(places @ self.intrinsics[:2, :2].T + self.intrinsics[:2, 2])

    def rays(self, pixels: Float[ndarray, "n 2"]) -> Float[ndarray, "n 3"]:
        """Unit directions in camera axes of what is drawn at `pixels` [px]."""
        places = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(self.intrinsics).T
        return undistort(self.lens, self.distortion, places[:, :2])

    def world_rays(self, pixels: Float[ndarray, "n 2"]) -> tuple[Float[ndarray, "n 3"], Float[ndarray, "n 3"]]:
        """Where the rays through `pixels` [px] start [m], and their unit directions, in world axes."""
        directions = self.rays(pixels) @ self.camera_to_world[:3, :3].T
        origins = np.broadcast_to(self.position, directions.shape)
        if self.shutter is None:
            return origins, directions
        times = self.shutter.times(pixels[:, 1], self.height)
        return origins + self.shutter.shift(times), self.shutter.turned(directions, times)

    def pixel_rays(self) -> Float[ndarray, "height width 3"]:
        """Unit directions in camera axes through the pixels' centres; kept for cameras of the same make."""
        matrix = np.asarray(self.intrinsics, np.float64).tobytes()
        return _pixel_rays(self.width, self.height, matrix, self.lens, self.distortion)

    def reading(self, first: float, last: float, whole: Camera) -> Camera:
        """This camera with the rolling shutter of the rows `first` to `last` [px] of `whole`, which it is a part of."""
        if whole.shutter is None:
            return self
        middle = np.array([((first + last) / 2 / whole.height - 0.5) * whole.shutter.readout])
        pose = whole.camera_to_world.copy()
        pose[:3, :3] = whole.shutter.turned(pose[:3, :3].T, np.repeat(middle, 3)).T
        pose[:3, 3] += whole.shutter.shift(middle)[0]
        readout = whole.shutter.readout * (last - first) / whole.height
        return replace(self, camera_to_world=pose, shutter=replace(whole.shutter, readout=readout))

    def ground_points(self, pixels: Float[ndarray, "n 2"], height: float = 0.0) -> Float[ndarray, "n 3"]:
        """Where the rays through `pixels` [px] meet the world plane z = `height` [m]; NaN above the horizon."""
        origins, directions = self.world_rays(pixels)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (height - origins[:, 2]) / directions[:, 2]
        points = origins + distance[:, None] * directions
        return np.where((distance > 0)[:, None], points, np.nan)


@lru_cache(maxsize=4)
def _pixel_rays(
    width: int, height: int, intrinsics: bytes, lens: str, distortion: tuple[float, ...]
) -> Float[ndarray, "height width 3"]:
    matrix = np.frombuffer(intrinsics, np.float64).reshape(3, 3)
    camera = Camera(width, height, matrix, np.eye(4), lens, distortion)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = camera.rays(np.column_stack([x.ravel(), y.ravel()])).reshape(height, width, 3)
    rays.flags.writeable = False
    return rays
