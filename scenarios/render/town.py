"""Buildings along the streets, planned by `roadgen` from the OpenDRIVE file.

`roadgen` refuses some maps with an exception, and panics on some (a `BaseException` from Rust): those stay without
buildings.
"""

from __future__ import annotations

import logging
import math
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.facades import STOREY, house
from scenarios.render.geometry import Mesh, moved
from scenarios.render.materials import MaterialTable
from scenarios.render.terrain import Land

Part = tuple[str, ndarray, ndarray]
"""Material, vertices and faces of a piece of `roadgen`'s."""
_WALLS = frozenset({"M_Building_Brick", "M_Building_Plaster"})
_DOOR = "M_Building_Door"
_PANIC = "PanicException"
_CORNERS = np.array([(x, y) for x in (-0.5, 0.0, 0.5) for y in (-0.5, 0.0, 0.5)])
CLEAR = 1.0
"""Least distance of a building's corners from a lane [m]."""


@dataclass(frozen=True, eq=False)
class Plot:
    """Where a building stands.

    Attributes:
        middle: of its ground plan, renderer axes [m].
        facing: heading of its front [rad].
        wide, deep, high: size of its walls along the front, behind it, and up to the eaves [m].
    """

    middle: Float[ndarray, "2"]
    facing: float
    wide: float
    deep: float
    high: float

    def matrix(self) -> Float[ndarray, "4 4"]:
        """From the building's own axes, front towards +x, to the map's, at height 0."""
        c, s = math.cos(self.facing), math.sin(self.facing)
        return np.array([[c, -s, 0, self.middle[0]], [s, c, 0, self.middle[1]], [0, 0, 1, 0], [0, 0, 0, 1]])

    def corners(self) -> Float[ndarray, "9 2"]:
        """Corners of its ground plan, the middles of its sides and its own middle, in the map's axes [m]."""
        return np.asarray((_CORNERS * [self.deep, self.wide]) @ self.matrix()[:2, :2].T + self.middle)


def building_meshes(opendrive: str, land: Land, table: MaterialTable, seed: int) -> list[Mesh]:
    """Meshes of the town's buildings, renderer axes; none where `roadgen` refuses the map."""
    try:
        plots = plots_of(_generated(opendrive, seed))
    except Exception as error:  # noqa: BLE001  (whatever roadgen dislikes about a map, the roads can still be drawn)
        logging.getLogger(__name__).info("no buildings: %s", error)
        return []
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        return []
    meshes, rng = [], np.random.default_rng([seed, 13])
    for plot in plots:
        matrix, corners = plot.matrix(), plot.corners()
        if land.distance(corners).min() < CLEAR:
            continue
        matrix[2, 3] = float(land.height(corners).mean()) + 0.1
        storeys = max(1, round(plot.high / STOREY))
        meshes.append(moved(house(plot.wide, plot.deep, plot.high, storeys, table, rng), matrix))
    return meshes


def plots_of(parts: list[Part]) -> list[Plot]:
    """The plots of `roadgen`'s buildings: each begins with its walls, and a door says which side is its front."""
    starts = [i for i, (name, *_) in enumerate(parts) if name in _WALLS]
    return [_plot(parts[begin:end]) for begin, end in pairwise([*starts, len(parts)])]


def _plot(building: list[Part]) -> Plot:
    corners = building[0][1]
    (x, y), (along, across), turn = cv2.minAreaRect(corners[:, :2].astype(np.float32))
    middle, heading = np.array([x, y]), math.radians(turn)
    door = next((vertices[:, :2].mean(axis=0) - middle for name, vertices, _ in building if name == _DOOR), None)
    if door is None:
        quarter = 0
    else:
        ahead = np.array([math.cos(heading), math.sin(heading)])
        shares = (door @ ahead / along, door @ [-ahead[1], ahead[0]] / across)
        quarter = (0 if shares[0] > 0 else 2) if abs(shares[0]) > abs(shares[1]) else (1 if shares[1] > 0 else 3)
    deep, wide = (along, across) if quarter % 2 == 0 else (across, along)
    return Plot(middle, heading + quarter * math.pi / 2, wide, deep, float(np.ptp(corners[:, 2])))


def _generated(opendrive: str, seed: int) -> list[Part]:
    import assimp_py
    import roadgen

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "map.xodr"
        source.write_text(opendrive)
        plan = roadgen.read_opendrive(str(source))
        plan.generate_buildings(seed=seed)
        written = plan.export_carla(folder, name="map")
        scene = assimp_py.import_file(str(written["fbx"]), assimp_py.Process_Triangulate)
        names = [material.get("NAME") or material.get("name") for material in scene.materials]
        return [
            (
                names[m.material_index],
                np.array(m.vertices, float).reshape(-1, 3),
                np.array(m.indices, np.int64).reshape(-1, 3),
            )
            for m in scene.meshes
            if names[m.material_index] in {*_WALLS, _DOOR} and len(m.indices)
        ]
