"""Triangles: meshes in host memory, and the flat buffers the tracer reads them from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int, Int32
from numpy import ndarray

from scenarios.render.mitsuba_setup import mi, on_device


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles of any number of materials.

    Attributes:
        vertices: [m], renderer axes (or the actor's own).
        normals: unit, one a vertex.
        uv: place on a surface tile; NaN where the tile lies flat over the world.
        faces: vertex numbers, counter-clockwise seen from outside.
        materials: material number of each face.
    """

    vertices: Float32[ndarray, "n 3"]
    normals: Float32[ndarray, "n 3"]
    uv: Float32[ndarray, "n 2"]
    faces: Int32[ndarray, "m 3"]
    materials: Int32[ndarray, "m"]


def mesh(
    vertices: Float[ndarray, "n 3"],
    faces: Int[ndarray, "m 3"],
    material: int,
    *,
    uv: Float[ndarray, "n 2"] | None = None,
    flat: bool = False,
) -> Mesh:
    """A mesh of one material; `flat` gives every face its own corners and a hard edge, else normals are shared."""
    points, triangles = np.asarray(vertices, np.float64), np.asarray(faces, np.int32).reshape(-1, 3)
    if flat:
        points, triangles = points[triangles.ravel()], np.arange(triangles.size, dtype=np.int32).reshape(-1, 3)
        uv = None if uv is None else uv[np.asarray(faces).ravel()]
    tile = np.full((len(points), 2), np.nan) if uv is None else uv
    kind = np.full(len(triangles), material, np.int32)
    normals = vertex_normals(points, triangles).astype(np.float32)
    return Mesh(points.astype(np.float32), normals, np.asarray(tile, np.float32), triangles, kind)


def vertex_normals(vertices: Float[ndarray, "n 3"], faces: Int[ndarray, "m 3"]) -> Float[ndarray, "n 3"]:
    """Area-weighted unit normals; straight up where a vertex has no face."""
    corners = vertices[faces]
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices, dtype=np.float64)
    for corner in range(3):
        np.add.at(total, faces[:, corner], crossed)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 1e-12, total / np.maximum(length, 1e-12), [0.0, 0.0, 1.0])


def facing_up(vertices: Float[ndarray, "n 3"], faces: Int[ndarray, "m 3"]) -> Int[ndarray, "m 3"]:
    """The faces of a sheet, turned over together if they face down."""
    corners = vertices[faces]
    up = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2].sum() >= 0
    return faces if up else faces[:, ::-1]


def grid_faces(rows: int, columns: int) -> Int[ndarray, "m 3"]:
    """Two triangles for each cell of a grid of points, which are numbered row by row."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.column_stack([a, b, d]), np.column_stack([a, d, c])])


def path_lengths(points: Float[ndarray, "n 3"]) -> Float[ndarray, "n"]:
    """How far each point of a path lies along it from the first one [m]."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


def joined(meshes: list[Mesh]) -> Mesh:
    """All meshes as one; the list must not be empty."""
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.normals for m in meshes]),
        np.concatenate([m.uv for m in meshes]),
        np.concatenate([m.faces + np.int32(s) for m, s in zip(meshes, starts, strict=True)]),
        np.concatenate([m.materials for m in meshes]),
    )


def moved(part: Mesh, matrix: Float[ndarray, "4 4"]) -> Mesh:
    """The mesh placed by a rotation, an even scaling and a shift."""
    vertices = part.vertices @ matrix[:3, :3].T + matrix[:3, 3]
    normals = part.normals @ matrix[:3, :3].T / np.cbrt(np.linalg.det(matrix[:3, :3]))
    return Mesh(vertices.astype(np.float32), normals.astype(np.float32), part.uv, part.faces, part.materials)


def shape(part: Mesh, name: str) -> Any:
    """A Mitsuba mesh of the triangles; shading data stay in `Buffers`."""
    body = mi.Mesh(name, vertex_count=len(part.vertices), face_count=len(part.faces))
    parameters = mi.traverse(body)
    parameters["vertex_positions"] = on_device(part.vertices)
    parameters["faces"] = on_device(part.faces, mi.UInt32)
    parameters.update()
    return body


class Buffers:
    """All meshes of a scene in four flat device arrays, in packets of four (Dr.Jit gathers those fast)."""

    def __init__(self, meshes: list[Mesh]) -> None:
        whole = joined(meshes)
        self.face_start = np.cumsum([0] + [len(m.faces) for m in meshes])[:-1].astype(np.uint32)
        self.materials = whole.materials
        self.faces = whole.faces
        self.uv = whole.uv
        self.vertices = whole.vertices
        self.normals = whole.normals
        self.nbytes = sum(a.nbytes for a in (whole.vertices, whole.normals, whole.uv, whole.faces, whole.materials))
        first = np.concatenate([whole.vertices, whole.uv[:, :1]], axis=1)
        second = np.concatenate([whole.normals, whole.uv[:, 1:]], axis=1)
        packed = np.concatenate([whole.faces, whole.materials[:, None]], axis=1)
        self.device_vertices = on_device(first)
        self.device_normals = on_device(second)
        self.device_faces = on_device(packed, mi.UInt32)
