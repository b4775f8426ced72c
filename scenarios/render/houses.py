"""Houses of our own along a town's streets, for maps that `roadgen` refuses."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.facades import STOREY, house
from scenarios.render.geometry import Mesh, moved, path_lengths
from scenarios.render.materials import MaterialTable
from scenarios.render.structures import Edge
from scenarios.render.terrain import Land
from scenarios.render.town import Plot

SPACING = 24.0
"""Middles of neighbouring plots [m]."""
SETBACK = 4.0
"""From the sidewalk's edge to a house's front [m]."""
FEWEST_METRES = 30.0
"""Shortest stretch of street that is built on [m]."""


def house_meshes(edges: list[Edge], land: Land, table: MaterialTable, seed: int) -> list[Mesh]:
    """Houses beside sidewalks, clear of all lanes; the same seed builds the same."""
    rng = np.random.default_rng([seed, 11])
    built: list[tuple[Float[ndarray, "2"], float]] = []
    meshes = []
    for edge in edges:
        length = path_lengths(edge.points)
        if edge.lane.kind != "sidewalk" or length[-1] < FEWEST_METRES:
            continue
        for at in np.arange(SPACING / 2, length[-1] - SPACING / 3, SPACING):
            wide, deep, storeys = rng.uniform(11, 19), rng.uniform(9, 13), int(rng.choice([1, 2, 2, 3, 4, 5]))
            point, away = (np.array([np.interp(at, length, rows[:, i]) for i in range(2)]) for rows in
                           (edge.points, edge.away))  # fmt: skip
            middle = point + away * (SETBACK + deep / 2)
            reach = math.hypot(wide, deep) / 2
            if any(np.linalg.norm(middle - other) < reach + radius for other, radius in built):
                continue
            plot = Plot(middle, math.atan2(-away[1], -away[0]), wide, deep, storeys * STOREY + 0.5)
            matrix, corners = plot.matrix(), plot.corners()
            if land.distance(corners).min() < 1.5:
                continue
            matrix[2, 3] = float(land.height(corners).min())
            meshes.append(moved(house(wide, deep, plot.high, storeys, table, rng), matrix))
            built.append((middle, 0.8 * reach))
    return meshes
