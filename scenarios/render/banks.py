"""Snow that ploughs have thrown up along the edges of the carriageway."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from scenarios.render.geometry import Mesh, facing_up, grid_faces, joined, mesh
from scenarios.render.materials import MaterialTable
from scenarios.render.roads import RAISED, Lane

PROFILE = np.array([(-0.3, -0.06), (-0.05, 0.42), (0.3, 0.86), (0.75, 1.0), (1.3, 0.72), (2.1, 0.28), (3.2, -0.35)])
"""Cross-section of a bank of 1 m: distance outward from the road's edge, height above it."""
LUMP = 0.5
"""Distance between the cross-sections [m]: the size of the lumps that a plough leaves."""
BURIED = 0.02
"""Ground under more snow than this is covered [m]."""
HEIGHT_STEP = 0.05
"""Banks are built in steps of this height [m], so that few scenes have to be."""


def bank_height(height: float) -> float:
    """The height at which banks are built [m]."""
    return round(height / HEIGHT_STEP) * HEIGHT_STEP


def bank_mesh(lanes: list[Lane], height: float, table: MaterialTable, seed: int) -> Mesh | None:
    """Banks of `height` [m] along the outermost lanes of all roads; None where a map has no road outside junctions."""
    rng = np.random.default_rng([seed, 41])
    material = table.number("snow_bank")
    found = [_bank(lane, height, material, rng) for lane in _outermost(lanes)]
    return joined(found) if found else None


class Footprint:
    """Where banks lie."""

    def __init__(self, banks: Mesh) -> None:
        self._points = banks.vertices.astype(np.float64)
        self._tree = cKDTree(self._points[:, :2])

    def covers(self, points: Float[ndarray, "n 3"]) -> Bool[ndarray, "n"]:
        """Which points of the ground (renderer axes) are under a bank."""
        away, nearest = self._tree.query(points[:, :2], k=4)
        weight = 1 / (away + 0.01) ** 2
        height = (self._points[nearest, 2] * weight).sum(1) / weight.sum(1)
        return np.asarray((away[:, 0] < LUMP) & (height > points[:, 2] + BURIED))


def _outermost(lanes: list[Lane]) -> list[Lane]:
    """The last lane that a plough clears, on each side of each section."""
    kept: dict[tuple[int, bool, float], Lane] = {}
    for lane in lanes:
        key = (lane.road, lane.lane > 0, lane.section)
        cleared = not lane.junction and lane.kind not in RAISED
        if cleared and (key not in kept or abs(lane.lane) > abs(kept[key].lane)):
            kept[key] = lane
    return list(kept.values())


def _bank(lane: Lane, height: float, material: int, rng: np.random.Generator) -> Mesh:
    edge, outward = _resampled(lane)
    count = len(edge)
    spread = 0.35 + 0.65 * height
    lumps = 1 + 0.16 * _smooth(count, 1.2, rng) + 0.16 * _smooth(count, 5.0, rng)
    ends = np.clip(np.minimum(np.arange(count), np.arange(count)[::-1]) / 4, 0.05, 1)[:, None]
    rise = PROFILE[:, 1] * height * lumps * ends - 0.04
    away = PROFILE[:, 0] * spread + 0.12 * _smooth(count, 1.0, rng) * min(1.0, height * 2)
    points = edge[:, None] + outward[:, None] * away[..., None] + rise[..., None] * [0, 0, 1]
    faces = grid_faces(count, len(PROFILE))
    flat = points.reshape(-1, 3)
    return mesh(flat, facing_up(flat, faces), material)


def _smooth(count: int, length: float, rng: np.random.Generator) -> Float[ndarray, "n points"]:
    """Noise of about unit variance along a bank, smooth over `length` metres; neighbours across share half of it."""
    own, shared = rng.standard_normal((count, len(PROFILE))), rng.standard_normal((count, 1))
    smooth = gaussian_filter1d(own + shared, length / LUMP, axis=0, mode="nearest")
    return np.asarray(smooth * np.sqrt(np.sqrt(np.pi) * length / LUMP))


def _resampled(lane: Lane) -> tuple[Float[ndarray, "n 3"], Float[ndarray, "n 3"]]:
    """The lane's outer border every LUMP metres, and the level direction away from the road there."""
    length = float(lane.s[-1] - lane.s[0])
    s = np.linspace(lane.s[0], lane.s[-1], max(2, int(length / LUMP) + 1))
    edge = np.column_stack([np.interp(s, lane.s, column) for column in lane.outer.T])
    across = (lane.outer - lane.inner) * [1, 1, 0]
    outward = np.column_stack([np.interp(s, lane.s, column) for column in across.T])
    return edge, outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
