"""What the ray through each pixel's centre meets: the one source of all labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, UInt32
from numpy import ndarray

from perception.camera import Camera
from scenarios.render.mitsuba_setup import dr, mi
from scenarios.render.scene import Scene
from scenarios.render.tracer import camera_rays

BAND = 1 << 24
"""Most rays that are followed at once: what is larger is done in bands of rows, so that memory is bounded."""


@dataclass(frozen=True, eq=False)
class Hits:
    """The nearest thing along the ray of each pixel.

    Attributes:
        camera: whose pixels they are.
        found: whether there is anything but sky.
        distance: along the ray [m]; inf in the sky.
        number: of the scene's instance; 0 in the sky.
        face: of the triangle among all of the scene's; 0 in the sky.
        second, third: weights of the triangle's second and third corner at the point.
    """

    camera: Camera
    found: Bool[ndarray, "height width"]
    distance: Float32[ndarray, "height width"]
    number: UInt32[ndarray, "height width"]
    face: Int64[ndarray, "height width"]
    second: Float32[ndarray, "height width"]
    third: Float32[ndarray, "height width"]

    @property
    def origins(self) -> Float[ndarray, "height width 3"]:
        """Where the rays of the pixels' centres start, renderer axes [m]."""
        return self._lines[0]

    @property
    def rays(self) -> Float[ndarray, "height width 3"]:
        """Their unit directions, renderer axes."""
        return self._lines[1]

    @cached_property
    def _lines(self) -> tuple[Float[ndarray, "height width 3"], Float[ndarray, "height width 3"]]:
        return rays_of(self.camera)

    def points(self, chosen: Bool[ndarray, "height width"]) -> Float[ndarray, "n 3"]:
        """The points met in some of the pixels, renderer axes [m]."""
        away = self.distance[chosen].astype(np.float64)[:, None]
        if self.camera.shutter is None:
            rays = self.camera.pixel_rays()[chosen] @ self.camera.camera_to_world[:3, :3].T
            return np.asarray(self.camera.position + rays * away)
        return np.asarray(self.origins[chosen] + self.rays[chosen] * away)

    def weights(self, chosen: Bool[ndarray, "height width"]) -> Float[ndarray, "n 3"]:
        """Weights of the corners of the triangles met in some of the pixels."""
        b, c = self.second[chosen].astype(np.float64), self.third[chosen].astype(np.float64)
        return np.column_stack([1 - b - c, b, c])


def cast(scene: Scene, camera: Camera) -> Hits:
    """Follow one ray through each pixel's centre; actors are in place."""
    found = scene.nearest(camera_rays(camera, 1, mi.Point2f(0.5, 0.5)), coherent=True)
    number = dr.reinterpret_array(mi.UInt32, found.instance)
    dr.eval(found.t, number, found.prim_index, found.prim_uv)
    size = (camera.height, camera.width)
    distance = found.t.numpy().reshape(size)
    hit = np.isfinite(distance)
    instance = np.where(hit, number.numpy().reshape(size), np.uint32(0))
    face = scene.face_start[instance].astype(np.int64) + found.prim_index.numpy().reshape(size)
    second, third = (axis.numpy().reshape(size) for axis in (found.prim_uv.x, found.prim_uv.y))
    return Hits(camera, hit, distance, instance, np.where(hit, face, 0), second, third)


def rays_of(camera: Camera) -> tuple[Float[ndarray, "height width 3"], Float[ndarray, "height width 3"]]:
    """Where the rays of the pixels' centres start [m], and their unit directions, renderer axes."""
    if camera.shutter is None:
        rays = np.asarray(camera.pixel_rays() @ camera.camera_to_world[:3, :3].T)
        return np.broadcast_to(camera.position, rays.shape), rays
    row, column = np.indices((camera.height, camera.width)).reshape(2, -1) + 0.5
    origins, rays = camera.world_rays(np.column_stack([column, row]))
    return origins.reshape(camera.height, camera.width, 3), rays.reshape(camera.height, camera.width, 3)


def bands(camera: Camera, per_pixel: int = 1) -> Iterator[tuple[slice, Camera]]:
    """The picture in bands of rows that need at most `BAND` rays, `per_pixel` each: their rows, and their cameras.

    A picture that is small enough is one band, whose camera is the camera itself.
    """
    rows = max(1, BAND // (camera.width * per_pixel))
    if rows >= camera.height:
        yield slice(0, camera.height), camera
        return
    for first in range(0, camera.height, rows):
        last = min(first + rows, camera.height)
        shift = np.array([[0.0, 0, 0], [0, 0, first], [0, 0, 0]])
        band = replace(camera, height=last - first, intrinsics=camera.intrinsics - shift)
        yield slice(first, last), band.reading(float(first), float(last), camera)
