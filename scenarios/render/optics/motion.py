"""Motion blur: the picture smeared along the way that each pixel's content moves while the shutter is open.

The camera moves and turns; an actor moves along its heading. The blur is made in the picture, as game engines do, from
depth and velocities: what appears from behind a moving edge is not known.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int32
from numpy import ndarray

from perception.camera import Camera
from scenarios.instant import ActorState, View
from scenarios.render.frames import pose_matrix, world_motion
from scenarios.render.optics.settings import Settings

UNSEEN = 0.35
"""Blur up to this length is left out [px]."""
TAPS = 24
"""A pixel is the mean of at most so many along its way."""


def blurred(
    radiance: Float32[ndarray, "height width 3"], way: Float32[ndarray, "height width 2"]
) -> Float32[ndarray, "height width 3"]:
    """A radiance smeared over `way` [px], half of it to either side."""
    length = np.hypot(way[..., 0], way[..., 1])
    rows, columns = (np.flatnonzero((length > UNSEEN).any(axis)) for axis in (1, 0))
    if not len(rows):
        return radiance
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    row, column = np.mgrid[part].astype(np.float32)
    count = int(np.clip(np.ceil(length.max()) + 1, 2, TAPS))
    total = np.zeros((*row.shape, 3), np.float32)
    for i in range(count):
        share = np.float32((i + 0.5) / count - 0.5)
        at = column + share * way[part][..., 0], row + share * way[part][..., 1]
        total += cv2.remap(radiance, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    out = radiance.copy()
    out[part] = total / count
    return out


def way_of(
    camera: Camera,
    view: View,
    actors: Sequence[ActorState],
    settings: Settings,
    depth: Float32[ndarray, "height width"],
    instance: Int32[ndarray, "height width"],
) -> Float32[ndarray, "height width 2"] | None:
    """How far each pixel's content moves while the shutter is open [px]; None where nothing moves.

    `motion_blur_intensity` is the share of the shutter time that counts, `motion_blur_max_distortion` the longest way
    in per cent of the picture's width; actors narrower than `motion_blur_min_object_screen_size` per cent of it move
    with the ground.
    """
    seconds = settings.motion_blur_intensity / settings.shutter_speed * settings.enable_postprocess_effects
    moving = [actor for actor in actors if abs(actor.speed) > 0.1]
    velocity, spin = world_motion(view)
    if seconds <= 0 or not (moving or np.any(velocity) or np.any(spin)):
        return None
    to_camera = camera.camera_to_world[:3, :3].T
    rate = _flow(camera, to_camera @ -velocity, to_camera @ spin, depth, np.s_[:, :])
    for actor in moving:
        seen = instance == actor.id
        rows, columns = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
        least = settings.motion_blur_min_object_screen_size / 100 * camera.width
        if len(columns) and columns[-1] - columns[0] + 1 >= least:
            towards = pose_matrix(actor.pose)[:3, 0] * actor.speed - velocity
            part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            moved = _flow(camera, to_camera @ towards, to_camera @ spin, depth, part)
            rate[part] = np.where(seen[part][..., None], moved, rate[part])
    way = rate * np.float32(seconds)
    longest = settings.motion_blur_max_distortion / 100 * camera.width
    length = np.hypot(way[..., 0], way[..., 1])
    return np.asarray(way * np.minimum(1, longest / np.maximum(length, 1e-6))[..., None], np.float32)


Part = tuple[slice, slice]
"""Rows and columns of a picture."""


def _flow(
    camera: Camera,
    velocity: Float[ndarray, "3"],
    spin: Float[ndarray, "3"],
    depth: Float32[ndarray, "height width"],
    part: Part,
) -> Float32[ndarray, "rows columns 2"]:
    """Speed in part of the picture [px/s] of what moves at `velocity` past a camera that turns at `spin`, its axes."""
    if camera.lens != "pinhole":
        return _flow_through(camera, velocity, spin, depth, part)
    focal = camera.intrinsics[[0, 1], [0, 1]].astype(np.float32)
    x = ((np.arange(camera.width) + 0.5 - camera.intrinsics[0, 2]) / focal[0]).astype(np.float32)[None, part[1]]
    y = ((np.arange(camera.height) + 0.5 - camera.intrinsics[1, 2]) / focal[1]).astype(np.float32)[part[0], None]
    vx, vy, vz = velocity.astype(np.float32)
    wx, wy, wz = spin.astype(np.float32)
    near = 1 / np.maximum(depth[part], np.float32(0.1))
    along = vz * near - (wx * y - wy * x)
    return np.stack([
        focal[0] * (vx * near - (wy - wz * y) - x * along),
        focal[1] * (vy * near - (wz * x - wx) - y * along),
    ], axis=-1)  # fmt: skip


def _flow_through(
    camera: Camera,
    velocity: Float[ndarray, "3"],
    spin: Float[ndarray, "3"],
    depth: Float32[ndarray, "height width"],
    part: Part,
) -> Float32[ndarray, "rows columns 2"]:
    """`_flow` through any lens, by a small step in time."""
    step = 1e-4
    rays = camera.pixel_rays()[part].reshape(-1, 3)
    distance = np.minimum(depth[part].reshape(-1), 1e4) / np.maximum(rays[:, 2], 1e-3)
    points = rays * distance[:, None]
    change = (velocity - np.cross(spin, points)) * (step / 2)
    moved = (camera.draw(points + change) - camera.draw(points - change)) / step
    return np.asarray(np.nan_to_num(moved).reshape(*depth[part].shape, 2), np.float32)
