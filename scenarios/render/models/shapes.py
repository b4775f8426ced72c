"""Plain bodies to build models from, all wound counter-clockwise as seen from outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, SupportsFloat

import numpy as np
from jaxtyping import Float, Float32, Int32
from numpy import ndarray

from scenarios.render.models.mesh import Color, Joint, Part

Point = Sequence[SupportsFloat] | ndarray


class Mesh(NamedTuple):
    """Vertices [m] and the faces that index them."""

    vertices: Float[ndarray, "n 3"]
    faces: Int32[ndarray, "m 3"]


def part(
    name: str,
    mesh: Mesh,
    material: str,
    *,
    joint: Joint | None = None,
    smooth: bool = True,
    color: Color | None = None,
) -> Part:
    """Make a part of a mesh; vertices that no face uses and faces without area are dropped."""
    vertices, faces = clean(mesh)
    rounded: Float32[ndarray, "n 3"] = vertices.astype(np.float32)
    return Part(name, rounded, faces, material, joint, smooth, color)


def clean(mesh: Mesh, smallest: float = 1e-9) -> Mesh:
    """Drop faces of less than `smallest` area [m2] and vertices that no face uses."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    faces = mesh.faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > 2 * smallest]
    used, index = np.unique(faces, return_inverse=True)
    return Mesh(mesh.vertices[used], index.reshape(-1, 3).astype(np.int32))


def join(*meshes: Mesh) -> Mesh:
    """Put meshes into one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces).astype(np.int32))


def mirrored(mesh: Mesh) -> Mesh:
    """Reflect left and right."""
    return Mesh(mesh.vertices * (1.0, -1.0, 1.0), np.ascontiguousarray(mesh.faces[:, ::-1]))


def moved(mesh: Mesh, offset: Point) -> Mesh:
    """Shift a mesh."""
    return Mesh(mesh.vertices + np.asarray(offset, dtype=float), mesh.faces)


def turned(mesh: Mesh, yaw: float = 0.0, pitch: float = 0.0) -> Mesh:
    """Turn a mesh about the y axis by `pitch`, then about the z axis by `yaw` [rad]."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return Mesh(mesh.vertices @ (about_z @ about_y).T, mesh.faces)


def grid(points: Float[ndarray, "rows columns 3"], closed: bool = False) -> Mesh:
    """Span a sheet over rows of points; it faces to (column direction) x (row direction).

    Args:
        points: the sheet's vertices.
        closed: join the last column to the first.
    """
    rows, columns = points.shape[:2]
    return grid_cells(points, np.ones((rows - 1, columns if closed else columns - 1), dtype=bool))


def grid_cells(points: Float[ndarray, "rows columns 3"], keep: ndarray) -> Mesh:
    """Span only those cells of a sheet where `keep` (rows - 1, columns or columns - 1 if open) is true."""
    columns = points.shape[1]
    r, c = np.nonzero(keep)
    d = (c + 1) % columns
    corners = [r * columns + c, r * columns + d, (r + 1) * columns + d, (r + 1) * columns + c]
    faces = np.concatenate([np.stack([corners[i] for i in tri], axis=1) for tri in ((0, 1, 2), (0, 2, 3))])
    return Mesh(points.reshape(-1, 3).astype(float), faces.astype(np.int32))


def box(center: Point, size: Point) -> Mesh:
    """Make a box with edges along the axes."""
    signs = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)])
    quads = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
    vertices = np.array([signs[i] for quad in quads for i in quad]) * np.asarray(size, dtype=float) / 2 + np.asarray(
        center, dtype=float
    )
    faces = [[4 * k + i for i in tri] for k in range(6) for tri in ((0, 1, 2), (0, 2, 3))]
    return Mesh(vertices.astype(float), np.array(faces, dtype=np.int32))


def loft(rings: Sequence[Float[ndarray, "n 3"]], caps: bool = True) -> Mesh:
    """Skin closed rings, each counter-clockwise seen from the last towards the first."""
    points = np.stack(rings)
    skin = grid(points, closed=True)
    if not caps:
        return skin
    first, last = fan(points[0][::-1]), fan(points[-1])
    return join(skin, first, last)


def fan(ring: Float[ndarray, "n 3"]) -> Mesh:
    """Fill a ring from its middle."""
    n = len(ring)
    k = np.arange(n)
    faces = np.stack([k, (k + 1) % n, np.full(n, n)], axis=1).astype(np.int32)
    return Mesh(np.concatenate([ring, ring.mean(axis=0, keepdims=True)]).astype(float), faces)


def tube(points: Sequence[Point], radii: Point, sides: int = 8, *, squash: float = 1.0, caps: bool = True) -> Mesh:
    """Sweep a circle along a path, with a radius at each point.

    Args:
        points: the path [m].
        radii: radius at each of its points [m].
        sides: corners of the circle.
        squash: stretch of the circle along x, for limbs that are deeper or flatter than wide.
        caps: close the ends.
    """
    path = np.asarray(points, dtype=float)
    tangents = np.gradient(path, axis=0)
    rings = []
    for center, tangent, radius in zip(path, tangents, radii, strict=True):
        u, v = _frame(tangent)
        angle = np.arange(sides) / sides * 2 * math.pi
        offset = radius * (np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v)
        rings.append(center + offset * (squash, 1.0, 1.0))
    return loft(rings, caps)


def _frame(tangent: Float[ndarray, "3"]) -> tuple[Float[ndarray, "3"], Float[ndarray, "3"]]:
    """Two directions across a tangent, so that (u, v, tangent) is right-handed."""
    t = tangent / np.linalg.norm(tangent)
    helper = np.array([1.0, 0.0, 0.0]) if abs(t[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    v = np.cross(t, helper)
    v /= np.linalg.norm(v)
    return np.cross(v, t), v


def capsule(a: Point, b: Point, radius_a: float, radius_b: float, sides: int = 8, *, squash: float = 1.0) -> Mesh:
    """Make a limb with round ends; `a` and `b` are the centres of its end balls."""
    start, end = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    along = (end - start) / np.linalg.norm(end - start)
    steps = ((0.97, 0.25), (0.6, 0.8), (0.0, 1.0))
    points = [start - along * radius_a * h for h, _ in steps] + [end + along * radius_b * h for h, _ in steps[::-1]]
    radii = [radius_a * r for _, r in steps] + [radius_b * r for _, r in steps[::-1]]
    return tube(points, radii, sides, squash=squash)


def ellipsoid(center: Point, radii: Point, sides: int = 10, rings: int = 6) -> Mesh:
    """Make a ball, stretched along the axes."""
    heights = np.cos(np.linspace(0.93 * math.pi, 0.07 * math.pi, rings))
    spans = np.sqrt(1 - heights**2)
    angle = np.arange(sides) / sides * 2 * math.pi
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], axis=1)
    levels = [circle * (r, r, 0) + (0, 0, h) for h, r in zip(heights, spans, strict=True)]
    mesh = loft(levels)
    return Mesh(mesh.vertices * np.asarray(radii, dtype=float) + np.asarray(center, dtype=float), mesh.faces)


def lathe(profile: Sequence[Point], sides: int = 16, *, caps: bool = False) -> Mesh:
    """Turn a profile of (radius, y) about the y axis; y must fall along the profile where it should face outwards."""
    angle = np.arange(sides) / sides * 2 * math.pi
    rings = [np.stack([r * np.cos(angle), np.full(sides, y), r * np.sin(angle)], axis=1) for r, y in profile]
    return loft(rings, caps)


def sheet(corners: Sequence[Point] | ndarray) -> Mesh:
    """Make one flat polygon, convex, counter-clockwise seen from its front."""
    n = len(corners)
    faces = np.array([[0, k, k + 1] for k in range(1, n - 1)], dtype=np.int32)
    return Mesh(np.asarray(corners, dtype=float), faces)
