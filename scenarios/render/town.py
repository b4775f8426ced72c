"""Buildings along the streets, planned by `roadgen` from the OpenDRIVE file.

`roadgen` refuses some maps with an exception, and panics on some (a `BaseException` from Rust): those stay without
buildings.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np

from scenarios.render.geometry import Mesh, mesh
from scenarios.render.materials import MaterialTable
from scenarios.render.terrain import Land

_MATERIALS = {
    "M_Building_Brick": "brick",
    "M_Building_Plaster": "plaster",
    "M_Building_RoofTiles": "roof",
    "M_Building_Frame": "frame",
    "M_Building_Glazing": "glazing",
    "M_Building_Door": "door",
}
_PANIC = "PanicException"
WALL_COLORS = (
    (0.3, 0.14, 0.095),
    (0.42, 0.36, 0.27),
    (0.5, 0.47, 0.42),
    (0.36, 0.21, 0.14),
    (0.28, 0.27, 0.26),
    (0.55, 0.5, 0.36),
)


def building_meshes(opendrive: str, land: Land, table: MaterialTable, seed: int) -> list[Mesh]:
    """Meshes of the town's buildings, renderer axes; none where `roadgen` refuses the map."""
    try:
        parts = _generated(opendrive, seed)
    except Exception as error:  # noqa: BLE001  (whatever roadgen dislikes about a map, the roads can still be drawn)
        logging.getLogger(__name__).info("no buildings: %s", error)
        return []
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        return []
    meshes = []
    for number, (name, vertices, faces) in enumerate(parts):
        if not len(faces) or land.distance(vertices[:, :2]).min() < 1.0:
            continue
        kind = _MATERIALS[name]
        color = WALL_COLORS[(number * 7 + seed) % len(WALL_COLORS)] if kind in {"brick", "plaster"} else None
        meshes.append(mesh(vertices, faces, table.number(kind, color), flat=True))
    return meshes


def _generated(opendrive: str, seed: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
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
            if names[m.material_index] in _MATERIALS
        ]
