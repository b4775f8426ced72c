"""Trees and bushes by seed, each under 1500 triangles, standing at the origin."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.models import shapes
from scenarios.render.models.mesh import Color, Model, Part

TREES = ("conifer", "deciduous", "bare")
"""Kinds of trees: an evergreen, a broad-leaved tree in leaf, the same in winter."""


@lru_cache(maxsize=128)
def tree(kind: str, seed: int) -> Model:
    """Return a tree, 6 to 16 m high.

    Args:
        kind: one of `TREES`.
        seed: its height, girth, branches and tint.
    """
    rng = np.random.default_rng((TREES.index(kind), seed))
    return (_conifer, _deciduous, _bare)[TREES.index(kind)](rng)


@lru_cache(maxsize=128)
def bush(seed: int) -> Model:
    """Return a bush of about 1.5 m."""
    rng = np.random.default_rng((9, seed))
    blobs = []
    for _ in range(int(rng.integers(3, 6))):
        center = rng.normal(0, 0.35, 3) * (1, 1, 0) + (0.0, 0.0, rng.uniform(0.35, 0.7))
        blobs.append(_blob(rng, center, rng.uniform(0.4, 0.75, 3) * (1.0, 1.0, 0.8), 0.2))
    leaves = _leaves(rng, np.concatenate([_on_surface(rng, blob, 60) for blob in blobs]), 200, 0.11)
    return Model(_foliage(blobs, leaves, _tint(rng)))


def _foliage(blobs: list[shapes.Mesh], leaves: shapes.Mesh, color: Color) -> tuple[Part, ...]:
    """Soft masses of leaves, and the loose sprays about them, a little lighter."""
    red, green, blue = (1.25 * c for c in color)
    return (
        shapes.part("crown", shapes.join(*blobs), "leaf", color=color),
        shapes.part("leaves", leaves, "leaf", smooth=False, color=(red, green, blue)),
    )


def _tint(rng: np.random.Generator) -> Color:
    """A leaf colour between olive and deep green."""
    base = np.array([0.055, 0.085, 0.022]) * rng.uniform(0.75, 1.3) * rng.uniform((0.8, 0.9, 0.8), (1.3, 1.1, 1.2))
    return float(base[0]), float(base[1]), float(base[2])


def _conifer(rng: np.random.Generator) -> Model:
    height = rng.uniform(8.0, 16.0)
    spread = height * rng.uniform(0.17, 0.23)
    trunk = shapes.tube(
        [(0, 0, -0.2), (0, 0, 0.5 * height), (0, 0, 0.97 * height)], [0.022 * height, 0.014 * height, 0.01], 6
    )
    layers = int(rng.integers(9, 12))
    skirts = []
    for k in range(layers):
        share = (k + rng.uniform(-0.15, 0.15)) / layers
        top = height * (0.20 + 0.80 * (share + 1.25 / layers))
        reach = spread * (1.0 - 0.90 * max(share, 0.0)) * rng.uniform(0.85, 1.1)
        skirts.append(_skirt(rng, min(top, height), reach, 0.55 * reach + 0.09 * height))
    dark = np.array([0.022, 0.045, 0.02]) * rng.uniform(0.8, 1.35)
    color = (float(dark[0]), float(dark[1]), float(dark[2]))
    return Model(
        (
            shapes.part("trunk", trunk, "bark"),
            shapes.part("needles", shapes.join(*skirts), "needle", smooth=False, color=color),
        )
    )


def _skirt(rng: np.random.Generator, top: float, reach: float, drop: float, boughs: int = 10) -> shapes.Mesh:
    """One whorl of boughs: a ragged cone, every second point drawn in, with an underside."""
    n = 2 * boughs
    angle = (np.arange(n) + rng.uniform(-0.3, 0.3, n)) / n * 2 * math.pi + rng.uniform(0, math.pi)
    long = np.where(np.arange(n) % 2 == 0, 1.0, 0.58) * rng.uniform(0.78, 1.12, n)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def level(share: float, low: float) -> Float[ndarray, "n 3"]:
        sag = drop * low * (0.75 + 0.35 * long)
        return np.concatenate([ring * (reach * share * long)[:, None], (top - sag)[:, None]], axis=1)

    sheet = shapes.grid(np.stack([level(1.0, 1.0), level(0.5, 0.38), level(0.02, 0.0)]), closed=True)
    under = shapes.grid(np.stack([level(0.05, 0.75), level(1.0, 1.0)]), closed=True)
    return shapes.join(sheet, under)


def _deciduous(rng: np.random.Generator) -> Model:
    height = rng.uniform(7.0, 13.0)
    fork = height * rng.uniform(0.17, 0.25)
    radius = 0.022 * height
    wood = [
        shapes.tube(
            [(0, 0, -0.2), (0.05, 0.03, 0.6 * fork), (0, 0, 1.1 * fork)], [1.35 * radius, radius, 0.9 * radius], 7
        )
    ]
    blobs = []
    count = int(rng.integers(7, 9))
    for k in range(count):
        turn = 2.4 * k + rng.uniform(-0.4, 0.4)
        lift = 0.36 + 0.5 * (k + rng.uniform(0, 1)) / count
        out = height * rng.uniform(0.12, 0.22) * (1.15 - 0.8 * abs(lift - 0.5) / 0.4)
        end = np.array([out * math.cos(turn), out * math.sin(turn), lift * height])
        wood.append(
            shapes.tube(
                [(0, 0, fork), end * (0.5, 0.5, 0.55) + (0, 0, 0.2 * fork), end], [0.6 * radius, 0.4 * radius, 0.03], 5
            )
        )
        size = height * rng.uniform(0.13, 0.18) * rng.uniform((1, 1, 0.8), (1.2, 1.2, 1.0))
        blobs.append(_blob(rng, end, size, 0.22))
    leaves = _leaves(rng, np.concatenate([_on_surface(rng, blob, 60) for blob in blobs]), 430, 0.032 * height)
    return Model(
        (
            shapes.part("wood", shapes.join(*wood), "bark"),
            *_foliage(blobs, leaves, _tint(rng)),
        )
    )


def _blob(
    rng: np.random.Generator, center: Float[ndarray, "3"], radii: Float[ndarray, "3"], rough: float
) -> shapes.Mesh:
    """A crumpled ball of foliage."""
    ball = shapes.ellipsoid((0, 0, 0), (0.9, 0.9, 0.9), 7, 4)
    lumps = rng.uniform(1 - rough, 1 + rough, (len(ball.vertices), 1))
    return shapes.Mesh(ball.vertices * lumps * radii + center, ball.faces)


def _on_surface(rng: np.random.Generator, mesh: shapes.Mesh, count: int) -> Float[ndarray, "n 3"]:
    """Random points on a mesh's faces."""
    shares = rng.dirichlet((1.0, 1.0, 1.0), count)
    corners = mesh.vertices[mesh.faces[rng.integers(len(mesh.faces), size=count)]]
    points: Float[ndarray, "n 3"] = (shares[:, :, None] * corners).sum(axis=1)
    return points


def _leaves(rng: np.random.Generator, around: Float[ndarray, "n 3"], count: int, size: float) -> shapes.Mesh:
    """Loose sprays of leaves: two-sided squares near the given points, for a ragged outline."""
    at = around[rng.integers(len(around), size=count)] + rng.normal(0, 0.45 * size, (count, 3))
    u = rng.normal(size=(count, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(u, rng.normal(size=(count, 3)))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    wide = size * rng.uniform(0.6, 1.4, (count, 1))
    corners = np.stack([at - wide * u, at - 0.6 * wide * v, at + wide * u, at + 0.6 * wide * v], axis=1).reshape(-1, 3)
    base = 4 * np.arange(count)[:, None]
    faces = np.concatenate([base + np.array([0, 1, 2]), base + np.array([0, 2, 3])]).astype(np.int32)
    return shapes.Mesh(corners, faces)


def _bare(rng: np.random.Generator) -> Model:
    """A winter tree: branches fork three times, each turning away and upwards."""
    height = rng.uniform(7.0, 12.0)
    pieces: list[shapes.Mesh] = []
    start = np.array([0.0, 0.0, -0.2])
    _branch(rng, pieces, start, np.array([0.03, 0.02, 1.0]), 0.42 * height, 0.026 * height, 0)
    return Model((shapes.part("wood", shapes.join(*pieces), "bark"),))


def _branch(
    rng: np.random.Generator,
    pieces: list[shapes.Mesh],
    start: Float[ndarray, "3"],
    direction: Float[ndarray, "3"],
    length: float,
    radius: float,
    depth: int,
) -> None:
    direction = direction / np.linalg.norm(direction)
    bend = rng.normal(0, 0.06, 3) * length
    end = start + length * direction
    path, radii = [start, end], [radius, 0.55 * radius]
    if depth < 2:
        path.insert(1, start + 0.5 * length * direction + bend)
        radii.insert(1, 0.8 * radius)
    pieces.append(shapes.tube(path, radii, (7, 5, 4, 3, 3)[depth], caps=False))
    if depth == 4:
        return
    count = (5, 4, 3, 2)[depth]
    for k in range(count):
        share = 1.0 if k == 0 else rng.uniform(0.45, 0.98)
        turn = 2.4 * k + rng.uniform(-0.5, 0.5) + 1.3 * depth
        across = np.array([math.cos(turn), math.sin(turn), rng.uniform(-0.1, 0.5)])
        onward = direction * (1.3 if k == 0 else 0.55) + across * (0.35 if k == 0 else 0.9) + (0.0, 0.0, 0.25)
        _branch(
            rng, pieces, start + share * (end - start), onward, length * rng.uniform(0.5, 0.72), 0.5 * radius, depth + 1
        )
