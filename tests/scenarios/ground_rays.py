"""Rays cast straight down on a map's ground, and what `carla.Map` says they must meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from scenarios.maps.world_map import WorldMap
from scenarios.render.frames import FLIP
from scenarios.render.geometry import Mesh, shape
from scenarios.render.materials import MaterialTable
from scenarios.render.mitsuba_setup import mi
from scenarios.render.roads import RAISED, Lane
from scenarios.render.world import build_world

ABOVE = 0.6
"""How far above the ground rays begin [m]."""
SHARES = (-0.42, -0.21, 0.0, 0.21, 0.42)
"""Where across a lane rays fall, in widths from its middle."""
EDGE = 0.25
"""How near a raised lane's edge, where its kerb is, no ray falls [m]."""


CELL = 2.0
"""Cells by which triangles are looked up [m]."""
FIGHT = 0.003
"""Surfaces nearer to each other than this flicker [m]."""


@dataclass(frozen=True, eq=False)
class Ground:
    """The ground's triangles, and which of them are paint or land."""

    mesh: Mesh
    names: list[str]
    lanes: list[Lane]
    scene: object

    @classmethod
    def of(cls, world_map: WorldMap) -> Ground:
        """Everything of a map but its houses and plants."""
        table = MaterialTable()
        world = build_world(world_map, table, 0)
        ground = world.meshes[0]
        return cls(ground, table.names, world.lanes, mi.load_dict({"type": "scene", "mesh": shape(ground, "mesh")}))

    def down(self, origins: Float[ndarray, "n 3"]) -> tuple[Float[ndarray, "n"], list[str]]:
        """Height and material of what rays straight down meet; -inf and "" for nothing."""
        points = mi.Point3f(*(mi.Float(np.ascontiguousarray(column, np.float32)) for column in origins.T))
        found = self.scene.ray_intersect_preliminary(mi.Ray3f(points, mi.Vector3f(0, 0, -1)))  # type: ignore[attr-defined]
        distance, face = found.t.numpy(), found.prim_index.numpy()
        met = np.isfinite(distance)
        height = np.where(met, origins[:, 2] - distance, -np.inf)
        kinds = self.mesh.materials[np.where(met, face, 0)]
        return height, [self.names[k] if hit else "" for k, hit in zip(kinds, met, strict=True)]


@dataclass(frozen=True, eq=False)
class Spots:
    """Places on lanes by `carla.Map`: where they are, and whether they are on the carriageway or raised."""

    points: Float[ndarray, "n 3"]
    raised: Bool[ndarray, "n"]
    junction: Bool[ndarray, "n"]
    lanes: list[tuple[int, int, float]]


def spots(world_map: WorldMap, lanes: list[Lane], spacing: float) -> Spots:
    """Places on every lane, about `spacing` metres apart along it, by waypoints of their own."""
    carla_map, points, raised, junction, names = world_map.carla_map(), [], [], [], []
    for lane in lanes:
        count = int((lane.s[-1] - lane.s[0]) / spacing)
        for s in lane.s[0] + (np.arange(count) + 0.37) * spacing:
            waypoint = carla_map.get_waypoint_xodr(lane.road, lane.lane, float(s))
            if waypoint is None or waypoint.lane_width < 0.5:
                continue
            place, across = waypoint.transform.location, waypoint.transform.get_right_vector()
            middle = FLIP * np.array([place.x, place.y, place.z])
            side = FLIP * np.array([across.x, across.y, across.z]) * waypoint.lane_width
            is_raised = lane.kind in RAISED
            for share in SHARES:
                if is_raised and (0.5 - abs(share)) * waypoint.lane_width < EDGE:
                    continue
                points.append(middle + side * share + [0, 0, RAISED.get(lane.kind, 0.0)])
                raised.append(is_raised)
                junction.append(lane.junction)
                names.append((lane.road, lane.lane, float(s)))
    return Spots(np.array(points), np.array(raised), np.array(junction), names)


@dataclass(frozen=True, eq=False)
class Crossing:
    """Where upright lines through places meet the triangles, all of them: number of the place, height, face."""

    place: Int[ndarray, "k"]
    height: Float[ndarray, "k"]
    face: Int[ndarray, "k"]


def crossings(mesh: Mesh, points: Float[ndarray, "n 3"]) -> Crossing:
    """All triangles above and below each place, by exact tests of the triangles in its cell of a grid."""
    corners = mesh.vertices[mesh.faces].astype(float)
    low = points[:, :2].min(axis=0) - CELL
    cell_of = np.floor((points[:, :2] - low) / CELL).astype(int)
    size = cell_of.max(axis=0) + 1
    first, last = (np.floor((f(corners[:, :, :2], axis=1) - low) / CELL).astype(int) for f in (np.min, np.max))
    near = np.flatnonzero(((last >= 0) & (first < size)).all(axis=1))
    held: dict[tuple[int, int], list[int]] = {}
    for face in near:
        (x0, y0), (x1, y1) = np.maximum(first[face], 0), np.minimum(last[face], size - 1)
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                held.setdefault((x, y), []).append(int(face))
    order = np.lexsort(cell_of.T)
    bounds = np.flatnonzero(np.any(np.diff(cell_of[order], axis=0), axis=1)) + 1
    found = []
    for group in np.split(order, bounds):
        x, y = cell_of[group[0]].tolist()
        found.append(_in_cell(corners, points, group, np.array(held.get((x, y), []), int)))
    return Crossing(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _in_cell(
    corners: Float[ndarray, "m 3 3"], points: Float[ndarray, "n 3"], group: Int[ndarray, "g"], faces: Int[ndarray, "f"]
) -> tuple[Int[ndarray, "k"], Float[ndarray, "k"], Int[ndarray, "k"]]:
    a, b, c = (corners[faces, i] for i in range(3))
    ab, ac = (b - a)[None, :, :2], (c - a)[None, :, :2]
    ap = points[group][:, None, :2] - a[None, :, :2]
    area = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
    safe = np.where(np.abs(area) > 1e-9, area, 1.0)
    v = (ap[..., 0] * ac[..., 1] - ap[..., 1] * ac[..., 0]) / safe
    w = (ab[..., 0] * ap[..., 1] - ab[..., 1] * ap[..., 0]) / safe
    row, column = np.nonzero((np.abs(area) > 1e-9) & (v >= 0) & (w >= 0) & (v + w <= 1))
    z = a[column, 2] + v[row, column] * (b - a)[column, 2] + w[row, column] * (c - a)[column, 2]
    return group[row], z, faces[column]


def fights(ground: Ground, points: Float[ndarray, "n 3"]) -> list[tuple[int, str, str]]:
    """Places where two surfaces of different looks lie less than FIGHT apart and are not hidden by a third one."""
    met = crossings(ground.mesh, points)
    kept = np.abs(met.height - points[met.place, 2]) < ABOVE
    order = np.lexsort((-met.height[kept], met.place[kept]))
    place, height, face = met.place[kept][order], met.height[kept][order], met.face[kept][order]
    top = np.r_[True, place[1:] != place[:-1]]
    highest = height[np.maximum.accumulate(np.where(top, np.arange(len(top)), 0))]
    found = []
    for i in np.flatnonzero((place[1:] == place[:-1]) & (height[:-1] - height[1:] < FIGHT)):
        names = tuple(ground.names[ground.mesh.materials[face[k]]] for k in (i, i + 1))
        if names[0] != names[1] and highest[i] - height[i] < FIGHT:
            found.append((int(place[i]), *sorted(names)))
    return found
