"""The land around the roads: verges that fall away from the carriageway, fields, hills on the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial import cKDTree

from scenarios.render.geometry import Mesh, grid_faces, mesh
from scenarios.render.junctions import Covered
from scenarios.render.materials import MaterialTable
from scenarios.render.roads import RAISED, Lane, strip
from scenarios.render.structures import BRIDGE_FROM, Edge, stretches

VERGE = 5.0
"""Width of the verge beside each road [m]."""
VERGE_FALL = 0.14
MARGIN = 90.0
"""How far the fine ground reaches beyond the outermost road [m]."""
FAR = 1800.0
BESIDE, SUNK = (0.3, 0.8, 1.5, 2.5, 4.0), 0.1
"""How far beside an edge another lane is looked for, and how far the verge begins below the ground then [m]."""
AT_ONCE = 1 << 16
"""Most places whose neighbours among the lanes are held at once: some 100 MB."""
CLEARED = 7.0
"""How far from a road that passes under another one the land stays low [m]."""


@dataclass(frozen=True, eq=False)
class Land:
    """Height of the land as a function of place, level with the roads beside them."""

    points: Float[ndarray, "n 3"]
    half_widths: Float[ndarray, "n"]
    tree: cKDTree
    phases: Float[ndarray, "waves 3"]

    @classmethod
    def around(cls, lanes: list[Lane], seed: int) -> Land:
        """The land around the lanes of a map; the same seed raises the same hills."""
        middles = [(lane.inner + lane.outer) / 2 for lane in lanes]
        points = np.concatenate(middles)
        halves = np.concatenate([np.linalg.norm(lane.outer - lane.inner, axis=1) / 2 for lane in lanes])
        rng = np.random.default_rng([seed, 3])
        waves = np.column_stack([rng.uniform(90, 420, 9), rng.uniform(0, 2 * np.pi, 9), rng.uniform(0, 2 * np.pi, 9)])
        return cls(points, halves, cKDTree(points[:, :2]), waves)

    def distance(self, xy: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
        """Distance to the nearest lane's edge [m]; negative on a lane."""
        gap, index = self.tree.query(xy, k=min(6, len(self.points)))
        return np.asarray((gap - self.half_widths[index]).min(axis=1))

    def height(self, xy: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
        """Height of the land [m], a little under road and verge where they cover it."""
        parts = [self._height(xy[first : first + AT_ONCE]) for first in range(0, len(xy), AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _height(self, xy: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
        gap, index = self.tree.query(xy, k=min(24, len(self.points)))
        heights, edge = self.points[index, 2], gap - self.half_widths[index]
        weight = 1 / (gap[:, :8] + 0.5) ** 3
        level = (heights[:, :8] * weight).sum(1) / weight.sum(1)
        away = edge.min(axis=1)
        lowest = np.minimum(heights[:, :4].min(axis=1), level)
        under = np.where(edge < CLEARED, heights, np.inf).min(axis=1)
        lowest = np.where(under < lowest - BRIDGE_FROM, under, lowest)
        sunk = lowest - np.where(away < 0.8, 0.24, VERGE_FALL + 0.02)
        hills = np.clip((away - 25) / 260, 0, 1) ** 1.5 * self._hills(xy)
        return np.asarray(sunk + hills + np.clip((away - 7) / 12, 0, 1) * 0.3 * self._bumps(xy))

    def _hills(self, xy: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
        total = np.zeros(len(xy))
        for length, heading, phase in self.phases:
            along = xy @ [np.cos(heading), np.sin(heading)]
            total += np.sin(2 * np.pi * along / (length * 2.2) + phase) * length / 40
        return np.maximum(total + 12, 0)

    def _bumps(self, xy: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
        return np.asarray(np.sin(xy[:, 0] / 7.1 + np.sin(xy[:, 1] / 11.3)) + np.sin(xy[:, 1] / 5.7 + xy[:, 0] / 17.0))


def terrain_meshes(lanes: list[Lane], edges: list[Edge], land: Land, table: MaterialTable) -> list[Mesh]:
    """Verges along the roads, the fine ground between them, and the coarse land up to the horizon."""
    low, high = land.points[:, :2].min(0) - MARGIN, land.points[:, :2].max(0) + MARGIN
    cell = float(np.clip(np.sqrt(np.prod(high - low) / 30_000), 4.0, 12))
    grass = table.number("grass")
    fine = _grid(land, low, high, cell, grass, 0.0, None)
    centre = (low + high) / 2
    reach = (high - low) / 2 + FAR
    coarse = _grid(land, centre - reach, centre + reach, 45.0, grass, 0.0, (low + 20, high - 20))
    return [fine, coarse, *verges(lanes, edges, table)]


def _grid(
    land: Land,
    low: Float[ndarray, "2"],
    high: Float[ndarray, "2"],
    cell: float,
    material: int,
    sink: float,
    hole: tuple[Float[ndarray, "2"], Float[ndarray, "2"]] | None,
) -> Mesh:
    counts = np.ceil((high - low) / cell).astype(int) + 1
    x, y = (np.linspace(low[i], high[i], counts[i]) for i in range(2))
    xy = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    points = np.column_stack([xy, land.height(xy) - sink])
    faces = grid_faces(len(x), len(y))
    if hole is not None:
        middle = points[faces].mean(axis=1)[:, :2]
        points[((xy > hole[0]) & (xy < hole[1])).all(axis=1), 2] -= 4.0
        faces = faces[~((middle > hole[0] + 30) & (middle < hole[1] - 30)).all(axis=1)]
    return mesh(points, faces, material)


def verges(lanes: list[Lane], edges: list[Edge], table: MaterialTable) -> list[Mesh]:
    """Bands from the roads' outer edges down to the fields, gravel first and then grass; none on bridges."""
    covered, meshes = Covered(lanes), []
    for edge in edges:
        for a, b in stretches(~edge.bridge & ~edge.tunnel):
            meshes += _verge(edge.lane, edge.points[a:b], edge.away[a:b], covered, table)
    return meshes + _behind_corners(lanes, covered, table)


def _behind_corners(lanes: list[Lane], covered: Covered, table: MaterialTable) -> list[Mesh]:
    """Bands behind the sidewalks that go round a junction's corners, where no lane lies behind them."""
    raised = [lane for lane in lanes if lane.junction and lane.kind in RAISED]
    if not raised:
        return []
    meshes = []
    for lane in raised:
        away = (lane.outer - lane.inner) * [1, 1, 0]
        away = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        free = ~np.any([covered.at(lane.outer + away * step) for step in (0.4, 1.0, 1.8)], axis=0)
        for a, b in stretches(free):
            meshes += _verge(lane, lane.outer[a:b], away[a:b], covered, table)
    return meshes


def _verge(
    lane: Lane, edge: Float[ndarray, "n 3"], away: Float[ndarray, "n 3"], covered: Covered, table: MaterialTable
) -> list[Mesh]:
    """The bands beside one stretch; they begin below the ground where another lane lies beside it."""
    top = RAISED.get(lane.kind, 0.0)
    beside = np.any([covered.at(edge + away * step) for step in BESIDE], axis=0)
    high = np.where(beside, -SUNK, top)
    lift = np.column_stack([0 * high, 0 * high, high])
    inside = edge - away * 0.02 + lift - [0, 0, 0.02]
    gravel = 0.0 if top else 0.6
    middle = inside + away * gravel - [0, 0, 0.03]
    outer = inside + away * (VERGE * 0.8) - [0, 0, VERGE_FALL - 0.03] - np.maximum(lift, 0)
    end = inside + away * (VERGE + 1.2) - [0, 0, VERGE_FALL + 0.3] - np.maximum(lift, 0)
    bands = [] if top else [strip(inside, middle, table.number("gravel"))]
    grass = table.number("grass")
    return [*bands, strip(middle, outer, grass), strip(outer, end, grass)]
