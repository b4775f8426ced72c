"""Rays cast straight down on a map's ground, and what `carla.Map` says they must meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
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


def layers(
    ground: Ground, points: Float[ndarray, "n 3"], count: int = 4
) -> list[tuple[Float[ndarray, "n"], list[str]]]:
    """The uppermost surfaces at each place, from ABOVE the place downwards."""
    origins, found = points + [0, 0, ABOVE], []
    for _ in range(count):
        height, kinds = ground.down(origins)
        found.append((height, kinds))
        origins = np.column_stack([points[:, :2], np.where(np.isfinite(height), height - 2e-4, -1e4)])
    return found
