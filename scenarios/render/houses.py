"""Houses of our own along a town's streets, for maps that `roadgen` refuses: walls, rows of windows, doors, roofs."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.geometry import Mesh, joined, mesh, moved
from scenarios.render.materials import MaterialTable
from scenarios.render.structures import Edge
from scenarios.render.terrain import Land
from scenarios.render.town import WALL_COLORS

SPACING = 24.0
"""Middles of neighbouring plots [m]."""
SETBACK = 4.0
"""From the sidewalk's edge to a house's front [m]."""
STOREY = 3.1
_PLOT = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)], float)
FEWEST_METRES = 30.0
"""Shortest stretch of street that is built on [m]."""


def house_meshes(edges: list[Edge], land: Land, table: MaterialTable, seed: int) -> list[Mesh]:
    """Houses beside sidewalks, clear of all lanes; the same seed builds the same."""
    rng = np.random.default_rng([seed, 11])
    built: list[tuple[Float[ndarray, "2"], float]] = []
    meshes = []
    for edge in edges:
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(edge.points, axis=0), axis=1))])
        if edge.lane.kind != "sidewalk" or length[-1] < FEWEST_METRES:
            continue
        for at in np.arange(SPACING / 2, length[-1] - SPACING / 3, SPACING):
            wide, deep, storeys = rng.uniform(11, 19), rng.uniform(9, 13), int(rng.choice([1, 2, 2, 3, 4, 5]))
            color = WALL_COLORS[int(rng.integers(len(WALL_COLORS)))]
            point, away = (np.array([np.interp(at, length, rows[:, i]) for i in range(2)]) for rows in
                           (edge.points, edge.away))  # fmt: skip
            middle = point + away * (SETBACK + deep / 2)
            reach = math.hypot(wide, deep) / 2
            if any(np.linalg.norm(middle - other) < reach + radius for other, radius in built):
                continue
            turn = math.atan2(-away[1], -away[0])
            matrix = np.eye(4)
            matrix[:2, :2] = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
            corners = middle + (_PLOT * [deep / 2, wide / 2]) @ matrix[:2, :2].T
            if land.distance(corners).min() < 1.5:
                continue
            matrix[:3, 3] = (*middle, float(land.height(corners).min()))
            meshes.append(moved(_house(wide, deep, storeys, color, table), matrix))
            built.append((middle, 0.8 * reach))
    return meshes


def _house(wide: float, deep: float, storeys: int, color: tuple[float, float, float], table: MaterialTable) -> Mesh:
    """A house about its middle, its front towards +x [m]."""
    high = storeys * STOREY + 0.6
    walls = _block((0.0, 0.0, high / 2 - 0.4), (deep, wide, high + 0.8), table.number("plaster", color))
    parts = [walls, _roof(wide, deep, high, table) if storeys < 4 else _block(
        (0.0, 0.0, high + 0.15), (deep + 0.2, wide + 0.2, 0.3), table.number("frame"))]  # fmt: skip
    for side in (1.0, -1.0):
        columns = max(2, int(wide / 3.2))
        for y in (np.arange(columns) + 0.5) / columns * wide - wide / 2:
            for floor in range(storeys):
                z = 0.6 + floor * STOREY + 1.55
                is_door = side > 0 and floor == 0 and abs(y) < wide / columns / 2 + 1e-6
                size = (0.06, 1.1, 2.1) if is_door else (0.06, 1.25, 1.35)
                place = (side * deep / 2, float(y), 0.6 + 1.05 if is_door else z)
                frame = (0.04, size[1] + 0.16, size[2] + 0.16)
                parts.append(_block(place, frame, table.number("frame")))
                parts.append(_block(place, size, table.number("door" if is_door else "glazing")))
    return joined(parts)


def _roof(wide: float, deep: float, high: float, table: MaterialTable) -> Mesh:
    """A gable roof with eaves; its ridge runs along the front."""
    x, y, rise = deep / 2 + 0.5, wide / 2 + 0.3, 0.36 * deep
    points = np.array([(x, -y, high), (x, y, high), (0, y, high + rise), (0, -y, high + rise), (-x, y, high),
                       (-x, -y, high)])  # fmt: skip
    faces = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 3), (4, 3, 2), (1, 4, 2), (5, 0, 3), (0, 5, 4), (0, 4, 1)])
    return mesh(points, faces, table.number("roof"), flat=True)


def _block(middle: tuple[float, float, float], size: tuple[float, float, float], material: int) -> Mesh:
    corners = np.array([[x, y, z] for z in (-0.5, 0.5) for y in (-0.5, 0.5) for x in (-0.5, 0.5)]) * size + middle
    quads = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
    faces = np.array([(q[0], q[k], q[k + 1]) for q in quads for k in (1, 2)])
    return mesh(corners, faces, material, flat=True)
