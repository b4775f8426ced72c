"""Light of lamps that the air scatters: beams in fog, and rain and snow that glow in them.

Single scattering between the camera and what it sees, as in Sun et al. (2005, "A practical analytic single scattering
model for real time rendering"). Their closed form is for lamps that shine alike in all directions; for beams the
integral is taken over a few angles at the lamp (equi-angular sampling, Kulla and Fajardo 2012), which is exact in the
inverse square. Shadows of things in the beam are left out. Done on a coarse grid: the glow is smooth.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from perception.camera import Camera
from scenarios.render.beams import beam
from scenarios.render.mitsuba_setup import dr, mi, on_device, opaque, table, vector

STEP = 4
"""Pixels of the picture a grid's pixel is wide."""
ANGLES = 10
"""Samples along a look for each lamp."""
BACK, BACKWARD = 0.05, -0.6
"""Share and asymmetry of a second lobe: droplets send 1/18.8 of their light straight back for each steradian (O'Connor
et al. 2004, for clouds), far more than the forward lobe has there."""
NEAREST = 0.15
"""A look that passes a lamp nearer than this counts as this far off [m]."""


def airlight(
    lamps: Float[ndarray, "n 11"],
    camera: Camera,
    seen: Float[ndarray, "height width"],
    *,
    extinction: float,
    forward: float,
    start: float = 0.0,
) -> Float32[ndarray, "height width 3"]:
    """Radiance that the air adds to each pixel.

    Args:
        lamps: rows of `beams.COLUMNS`.
        camera: the view.
        seen: distance to what each pixel shows, along its ray [m].
        extinction: of the air [1/m]; all of it scatters.
        forward: asymmetry of the forward lobe, see `phase`.
        start: the air before this is clear [m].
    """
    look, distance = _looks(camera, seen)
    near, thick, asymmetry = (opaque(mi.Float, value) for value in (start, extinction, forward))
    origin = mi.Point3f(vector(camera.position))

    def scattered(row: list[Any]) -> Any:
        apart = mi.Vector3f(mi.Point3f(*row[0:3]) - origin)
        along = dr.dot(apart, look)
        beside = dr.maximum(dr.norm(apart - look * along), NEAREST)
        first, last = dr.atan2(near - along, beside), dr.atan2(dr.maximum(distance, near) - along, beside)
        total = mi.Float(0)
        for i in range(ANGLES):
            reached = along + beside * dr.tan(first + (last - first) * ((i + 0.5) / ANGLES))
            away = look * reached - apart
            length = dr.norm(away)
            away = away / dr.maximum(length, 1e-3)
            sent = phase(-dr.dot(away, look), asymmetry) * beam(row, away)
            total += sent * dr.exp(-thick * (reached - near + length))
        return total * thick * (last - first) / (ANGLES * beside)

    return _picture(_summed(lamps, dr.width(look), scattered), camera)


def phase(cosine: Any, forward: Any) -> Any:
    """Share of scattered light that turns by an angle [1/sr]: two lobes of Henyey and Greenstein's (1941) function."""

    def lobe(asymmetry: Any) -> Any:
        base = 1 + asymmetry * asymmetry - 2 * asymmetry * cosine
        return (1 - asymmetry * asymmetry) / (4 * np.pi * base * dr.sqrt(base))

    return (1 - BACK) * lobe(forward) + BACK * lobe(BACKWARD)


def lit(
    lamps: Float[ndarray, "n 11"], camera: Camera, seen: Float[ndarray, "height width"], distance: float
) -> Float32[ndarray, "height width 3"]:
    """Light that arrives from all lamps at a distance [m] on each look, or at what stands before it: irradiance."""
    look, clear = _looks(camera, seen)
    apart_at = dr.minimum(clear, opaque(mi.Float, distance))
    place = mi.Point3f(vector(camera.position)) + look * apart_at

    def arriving(row: list[Any]) -> Any:
        away = mi.Vector3f(place - mi.Point3f(*row[0:3]))
        length = dr.maximum(dr.norm(away), 0.5)
        return beam(row, away / length) / dr.square(length)

    return _picture(_summed(lamps, dr.width(look), arriving), camera)


def _summed(lamps: Float[ndarray, "n 11"], width: int, strength: Any) -> Any:
    """Sum over all lamps of their RGB intensity times a strength."""
    columns = [table(column) for column in lamps.T]
    count = opaque(mi.UInt32, len(lamps))

    def add(number: Any, total: Any) -> tuple[Any, Any]:
        row = [dr.gather(mi.Float, column, number) for column in columns]
        return number + 1, total + mi.Color3f(*row[6:9]) * strength(row)

    start = dr.zeros(mi.UInt32, width), dr.zeros(mi.Color3f, width)
    return dr.while_loop(start, lambda number, _: number < count, add, label="airlight")[1]


def _looks(camera: Camera, seen: Float[ndarray, "height width"]) -> tuple[Any, Any]:
    """Unit directions, renderer axes, through a coarse grid of pixels, and how far one sees along them [m]."""
    rows, columns = (np.minimum(np.arange(STEP // 2, size + STEP // 2, STEP), size - 1) for size in seen.shape)
    x, y = np.meshgrid(columns + 0.5, rows + 0.5)
    rays = camera.rays(np.column_stack([x.ravel(), y.ravel()]))
    distance = np.minimum(seen[rows][:, columns].ravel(), 1e4)
    world = (rays @ camera.camera_to_world[:3, :3].T).astype(np.float32)
    return mi.Vector3f(*(on_device(axis) for axis in world.T)), on_device(distance)


def _picture(values: Any, camera: Camera) -> Float32[ndarray, "height width 3"]:
    size = -(-camera.width // STEP), -(-camera.height // STEP)
    coarse = np.stack([np.resize(channel.numpy(), size[0] * size[1]) for channel in values], -1)
    fine = cv2.resize(
        coarse.reshape(size[1], size[0], 3), (size[0] * STEP, size[1] * STEP), interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(fine[: camera.height, : camera.width], np.float32)
