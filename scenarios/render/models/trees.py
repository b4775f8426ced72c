"""Trees and bushes by seed, each under 3500 triangles, standing at the origin."""

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
def tree(kind: str, seed: int, *, far: bool = False) -> Model:
    """Return a tree, 6 to 16 m high.

    Args:
        kind: one of `TREES`.
        seed: its height, girth, branches and tint.
        far: for woods off the road: a third as many leaves and boughs, each larger.
    """
    rng = np.random.default_rng((TREES.index(kind), seed))
    if kind == "bare":
        return _bare(rng)
    return _conifer(rng, far=far) if kind == "conifer" else _deciduous(rng, far=far)


@lru_cache(maxsize=128)
def bush(seed: int) -> Model:
    """Return a bush of about 1.5 m."""
    rng = np.random.default_rng((9, seed))
    blobs, leaves = [], []
    for _ in range(int(rng.integers(3, 6))):
        center = rng.normal(0, 0.35, 3) * (1, 1, 0) + (0.0, 0.0, rng.uniform(0.35, 0.7))
        radii = rng.uniform(0.4, 0.75, 3) * (1.0, 1.0, 0.8)
        blobs.append(_blob(rng, center, 0.8 * radii, 0.2))
        leaves.append(_sprays(rng, center, radii, 120, 0.085))
    return Model(_foliage(blobs, shapes.join(*leaves), _tint(rng)))


def _foliage(blobs: list[shapes.Mesh], leaves: shapes.Mesh, color: Color) -> tuple[Part, ...]:
    """Dark masses inside, and the sprays of leaves about them, lighter."""
    red, green, blue = color
    return (
        shapes.part("crown", shapes.join(*blobs), "leaf", color=(0.7 * red, 0.7 * green, 0.7 * blue)),
        shapes.part("leaves", leaves, "leaf", smooth=False, color=(1.2 * red, 1.2 * green, 1.2 * blue)),
    )


def _tint(rng: np.random.Generator) -> Color:
    """A leaf colour between olive and deep green."""
    base = np.array([0.055, 0.085, 0.022]) * rng.uniform(0.75, 1.3) * rng.uniform((0.8, 0.9, 0.8), (1.3, 1.1, 1.2))
    return float(base[0]), float(base[1]), float(base[2])


def _conifer(rng: np.random.Generator, *, far: bool) -> Model:
    height = rng.uniform(8.0, 16.0)
    spread = height * rng.uniform(0.17, 0.23)
    trunk = shapes.tube(
        [(0, 0, -0.2), (0, 0, 0.5 * height), (0, 0, 0.97 * height)], [0.022 * height, 0.014 * height, 0.01], 6
    )
    layers, boughs = (11, 8) if far else (17, 9)
    whorls = []
    for k in range(layers):
        share = (k + rng.uniform(0.0, 0.6)) / layers
        reach = spread * (1.0 - 0.93 * share) * rng.uniform(0.88, 1.1)
        whorls.append(_whorl(rng, height * (0.15 + 0.85 * share) + 0.1 * reach, reach, boughs, far=far))
    levels = [(0.12 * height, 0.42 * spread), (0.2 * height, 0.55 * spread), (0.985 * height, 0.015)]
    core = shapes.tube([(0, 0, z) for z, _ in levels], [r for _, r in levels], 7)
    dark = np.array([0.024, 0.045, 0.021]) * rng.uniform(0.8, 1.35)
    red, green, blue = (float(c) for c in dark)
    return Model(
        (
            shapes.part("trunk", trunk, "bark"),
            shapes.part("core", core, "needle", color=(0.4 * red, 0.4 * green, 0.4 * blue)),
            shapes.part("needles", shapes.join(*whorls), "needle", smooth=False, color=(red, green, blue)),
        )
    )


def _whorl(rng: np.random.Generator, top: float, reach: float, boughs: int, *, far: bool) -> shapes.Mesh:
    """Boughs that leave the trunk at one height: each droops, folded along its rib."""
    turn = (np.arange(boughs) + rng.uniform(-0.35, 0.35, boughs)) / boughs * 2 * math.pi + rng.uniform(0, math.pi)
    long, fall = reach * rng.uniform(0.7, 1.15, boughs), rng.uniform(0.35, 0.6, boughs)
    along = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
    aside = np.stack([-np.sin(turn), np.cos(turn), 0 * turn], axis=1)
    stations = np.array([0.05, 0.45, 0.75, 1.0]) if far else np.array([0.05, 0.3, 0.5, 0.68, 0.84, 1.0])
    ragged = np.where(np.arange(len(stations)) % 2 == 0, 0.62, 1.15)
    rib = along[:, None] * (stations[None, :, None] * long[:, None, None])
    rib[:, :, 2] = top - fall[:, None] * long[:, None] * stations**1.5 + 0.1 * long[:, None] * stations**4
    half = (0.34 * long)[:, None] * ragged * np.minimum(1.0, 3 * stations) * (1.06 - stations)
    sag = 0.55 * half + 0.02
    edges = [rib + side * aside[:, None] * half[:, :, None] - np.stack([0 * sag, 0 * sag, sag], -1) for side in (1, -1)]
    points = np.stack([edges[0], rib, edges[1]], axis=1)
    return shapes.join(*(shapes.grid(bough) for bough in points))


def _deciduous(rng: np.random.Generator, *, far: bool) -> Model:
    height = rng.uniform(7.0, 13.0)
    fork = height * rng.uniform(0.17, 0.25)
    radius = 0.022 * height
    wood = [
        shapes.tube(
            [(0, 0, -0.2), (0.05, 0.03, 0.6 * fork), (0, 0, 1.1 * fork)], [1.35 * radius, radius, 0.9 * radius], 7
        )
    ]
    blobs, leaves = [], []
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
        size = height * rng.uniform(0.12, 0.17) * rng.uniform((1, 1, 0.8), (1.2, 1.2, 1.0))
        blobs.append(_blob(rng, end, 0.8 * size, 0.22))
        count_here = 60 if far else 165
        leaves.append(_sprays(rng, end, size, count_here, (0.034 if far else 0.021) * height))
    return Model(
        (
            shapes.part("wood", shapes.join(*wood), "bark"),
            *_foliage(blobs, shapes.join(*leaves), _tint(rng)),
        )
    )


def _blob(
    rng: np.random.Generator, center: Float[ndarray, "3"], radii: Float[ndarray, "3"], rough: float
) -> shapes.Mesh:
    """A crumpled ball of foliage."""
    ball = shapes.ellipsoid((0, 0, 0), (0.9, 0.9, 0.9), 7, 4)
    lumps = rng.uniform(1 - rough, 1 + rough, (len(ball.vertices), 1))
    return shapes.Mesh(ball.vertices * lumps * radii + center, ball.faces)


def _sprays(
    rng: np.random.Generator, center: Float[ndarray, "3"], radii: Float[ndarray, "3"], count: int, size: float
) -> shapes.Mesh:
    """Sprays of leaves through the outer shell of an ellipsoid: tilted rhombs that mostly face outwards."""
    out = rng.normal(size=(count, 3))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    at = center + out * radii * rng.uniform(0.78, 1.22, (count, 1))
    facing = out + rng.normal(0, 0.55, (count, 3))
    u = np.cross(facing, rng.normal(size=(count, 3)))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(facing, u)
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
