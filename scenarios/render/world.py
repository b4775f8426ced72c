"""Everything of a map that stands still: roads, paint, land, buildings, trees; and where points lie on the lanes."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.spatial import cKDTree

from perception.errors import WhiteoutError
from scenarios.maps.world_map import WorldMap
from scenarios.render.furniture import furnish
from scenarios.render.geometry import Mesh, joined
from scenarios.render.houses import house_meshes
from scenarios.render.junctions import junction_meshes, trimmed
from scenarios.render.materials import MaterialTable
from scenarios.render.planting import Standing, plant
from scenarios.render.roads import Lane, lanes_of, marking_meshes, road_meshes
from scenarios.render.structures import BRIDGE_FROM, Edge, outer_edges, partial_edges, structure_meshes, tunnel_lamps
from scenarios.render.surface import TILES
from scenarios.render.terrain import Land, terrain_meshes
from scenarios.render.town import building_meshes

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class World:
    """The static part of a scene.

    Attributes:
        lanes: all lanes of the map.
        meshes: world-fixed triangles.
        standing: what stands in many places.
        street_lamps: places of lamps that shine at night, renderer axes [m].
        tunnel_lamps: places of lamps that shine day and night.
    """

    lanes: list[Lane]
    meshes: list[Mesh]
    standing: list[Standing]
    street_lamps: Float[ndarray, "n 3"]
    tunnel_lamps: Float[ndarray, "m 3"]


def build_world(world_map: WorldMap, table: MaterialTable, seed: int) -> World:
    """Build the static scene of a map; the same seed plants the same trees.

    Raises:
        WhiteoutError: no lane of the map can be driven on.
    """
    begin = time.perf_counter()
    whole = lanes_of(world_map.opendrive, world_map.carla_map())
    lanes = trimmed(whole)
    if not any(lane.traffic for lane in lanes):
        raise WhiteoutError(f"map {world_map.path} has no lane to drive on: check the types and widths of its lanes")
    land = Land.around(lanes, seed)
    paved = junction_meshes(world_map.opendrive, lanes, table)
    furniture = furnish(world_map.opendrive, table)
    edges = bridged(whole, world_map.opendrive, land)
    ground = [*road_meshes(lanes, table), *marking_meshes(lanes, table), *paved]
    ground += [
        *terrain_meshes(lanes, [*edges, *partial_edges(whole)], land, table),
        *structure_meshes(edges, table),
        *furniture.meshes,
    ]
    is_town = any(lane.kind == "sidewalk" for lane in lanes)
    houses = building_meshes(world_map.opendrive, land, table, seed) if is_town else []
    houses = houses or (house_meshes(edges, land, table, seed) if is_town else [])
    planting = plant(lanes, land, houses, table, seed)
    meshes = [joined(ground), *([joined(houses)] if houses else [])]
    _log.info("roads, land, houses and plants of %s built in %.1f s", world_map.name, time.perf_counter() - begin)
    return World(lanes, meshes, planting.standing + furniture.standing, planting.lamps, tunnel_lamps(edges))


def bridged(lanes: list[Lane], opendrive: str, land: Land) -> list[Edge]:
    """The outer edges of all roads, with their bridges where the land beside them lies low."""
    edges = outer_edges(lanes, opendrive)
    if not edges:
        return edges
    beside = np.concatenate([edge.points + edge.away * 0.8 for edge in edges])
    levels = np.split(land.height(beside[:, :2]), np.cumsum([len(edge.points) for edge in edges])[:-1])
    return [
        replace(edge, bridge=edge.bridge | (edge.points[:, 2] - level > BRIDGE_FROM))
        for edge, level in zip(edges, levels, strict=True)
    ]


class LaneFinder:
    """Finds which lane a point lies on, and where on the surface tiles."""

    def __init__(self, lanes: list[Lane]) -> None:
        self._lanes = [lane for lane in lanes if lane.traffic]
        self._points = np.concatenate([(lane.inner + lane.outer) / 2 for lane in self._lanes])
        self._lane = np.concatenate([np.full(len(lane.s), i) for i, lane in enumerate(self._lanes)])
        self._sample = np.concatenate([np.arange(len(lane.s)) for lane in self._lanes])
        self._tree = cKDTree(self._points[:, :2])

    def tile(self, points: Float[ndarray, "n 3"]) -> tuple[Int[ndarray, "n"], Float[ndarray, "n 2"]]:
        """Number of the tile under each point (renderer axes) and the place on it, in tiles."""
        flat = points[:, :2]
        kind = np.ones(len(points), int)
        place = np.column_stack([flat[:, 0] / TILES[1].length, flat[:, 1] / TILES[1].width])
        _, nearest = self._tree.query(flat, k=min(6, len(self._points)))
        for i, candidates in enumerate(np.atleast_2d(nearest)):
            for index in candidates:
                lane, at = self._lanes[self._lane[index]], int(self._sample[index])
                share, s = _on_lane(lane, at, flat[i])
                if not -0.04 <= share <= 1.04:
                    continue
                if lane.junction:
                    kind[i] = 2
                    place[i] = flat[i] / (TILES[2].length, TILES[2].width)
                else:
                    kind[i] = 0
                    place[i] = lane.tile(np.array([share]), np.array([s]))[0]
                break
        return kind, place


def _on_lane(lane: Lane, sample: int, point: Float[ndarray, "2"]) -> tuple[float, float]:
    """Share of the lane's width (0 inner border to 1 outer) and s of a point near one of its samples."""
    before = max(min(sample, len(lane.s) - 2), 0)
    best = (np.inf, 0.0, 0.0)
    for i in {before, max(before - 1, 0)}:
        a, b = lane.inner[i, :2], lane.inner[i + 1, :2]
        c, d = lane.outer[i, :2], lane.outer[i + 1, :2]
        middle, end = (a + c) / 2, (b + d) / 2
        along = end - middle
        t = float((point - middle) @ along / max(along @ along, 1e-9))
        across = (c - a) * (1 - t) + (d - b) * t
        start = a * (1 - t) + b * t
        share = float((point - start) @ across / max(across @ across, 1e-9))
        miss = max(0 - t, t - 1, 0.0)
        if miss < best[0]:
            best = (miss, share, float(lane.s[i] + t * (lane.s[i + 1] - lane.s[i])))
    return (best[1], best[2]) if best[0] < 0.35 else (np.inf, 0.0)
