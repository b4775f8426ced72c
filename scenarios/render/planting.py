"""What stands beside the roads: trees, bushes, guide posts and street lamps, scattered by seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.spatial import cKDTree

from scenarios.render.actors import pieces_of
from scenarios.render.geometry import Mesh, joined, moved, path_lengths
from scenarios.render.materials import MaterialTable
from scenarios.render.models.mesh import Model
from scenarios.render.models.roadside import guide_post, street_lamp
from scenarios.render.models.trees import bush, tree
from scenarios.render.roads import Lane
from scenarios.render.terrain import Land

VARIANTS = 4
POST_SPACING = 50.0
"""Distance between guide posts [m] (German guideline HLB 2019)."""
WOODS, CLUMP_TREES, CLUMP_RADIUS = 320, 9, 11.0
"""Clumps of trees on a map, trees in each, and their radius [m]."""
LAMP_SPACING = 32.0
LAMP_HEIGHT = 7.5


@dataclass(frozen=True, eq=False)
class Standing:
    """A mesh that stands in many places.

    Attributes:
        mesh: in its own axes.
        matrices: where it stands.
        season: "summer" or "winter" where it is drawn then only, else "".
    """

    mesh: Mesh
    matrices: list[Float[ndarray, "4 4"]]
    season: str = ""


@dataclass(frozen=True, eq=False)
class Planting:
    """All that was planted, and the lamps' places, renderer axes [m]."""

    standing: list[Standing]
    lamps: Float[ndarray, "n 3"]


def plant(lanes: list[Lane], land: Land, houses: list[Mesh], table: MaterialTable, seed: int) -> Planting:
    """Plant the roadsides of a map; the same seed gives the same trees."""
    rng = np.random.default_rng([seed, 5])
    edges = _edges(lanes)
    town = any(lane.kind == "sidewalk" for lane in lanes)
    built = cKDTree(np.concatenate([m.vertices[:, :2] for m in houses])) if houses else None
    near = _beside(edges, rng, 14.0 if town else 11.0, (1.5, 5.0) if town else (4.5, 13.0), 0.6)
    near = near[_free(near, land, built, 1.0 if town else 3.5)]
    woods = land.points[rng.integers(0, len(land.points), WOODS), :2] + rng.normal(0, 85, (WOODS, 2))
    woods = woods[_free(woods, land, built, 14.0 + CLUMP_RADIUS)]
    shrubs = _beside(edges, rng, 9.0, (3.0, 12.0), 0.35)
    shrubs = shrubs[_free(shrubs, land, built, 2.5)]
    standing = _trees(near, land, 0.08 if town else 0.3, table, rng) + _woods(woods, land, table, rng)
    standing += _copies([_mesh(bush(k), table) for k in range(VARIANTS)], shrubs, land, rng, (0.6, 1.3), "")
    posts, lamps = ([], _row(edges, LAMP_SPACING, 0.5)) if town else (_row(edges, POST_SPACING, 0.9), [])
    posts, lamps = ([m for m in row if land.distance(m[None, :2, 3])[0] > 0.2] for row in (posts, lamps))
    standing += [Standing(_mesh(guide_post(), table), posts)] if posts else []
    standing += [Standing(_mesh(street_lamp(), table), lamps)] if lamps else []
    places = [m[:3, 3] + m[:3, :3] @ (1.8, 0.0, LAMP_HEIGHT) for m in lamps]
    return Planting(standing, np.array(places).reshape(-1, 3))


def _trees(
    places: Float[ndarray, "n 2"], land: Land, needled: float, table: MaterialTable, rng: np.random.Generator
) -> list[Standing]:
    """Single trees: a share of `needled` ones, else broad-leaved, bare in winter."""
    conifer = rng.random(len(places)) < needled
    firs = [_mesh(tree("conifer", k), table) for k in range(VARIANTS)]
    standing = _copies(firs, places[conifer], land, rng, (0.7, 1.15), "")
    state = rng.bit_generator.state
    for kind, season in (("deciduous", "summer"), ("bare", "winter")):
        rng.bit_generator.state = state
        meshes = [_mesh(tree(kind, k), table) for k in range(VARIANTS)]
        standing += _copies(meshes, places[~conifer], land, rng, (0.65, 1.1), season)
    return standing


def _woods(places: Float[ndarray, "n 2"], land: Land, table: MaterialTable, rng: np.random.Generator) -> list[Standing]:
    """Clumps of trees, each clump one mesh: far fewer instances to move than trees."""
    standing: list[Standing] = []
    state = rng.bit_generator.state
    for broad, season in (("deciduous", "summer"), ("bare", "winter")):
        rng.bit_generator.state = state
        meshes = [_clump(broad, table, rng) for _ in range(VARIANTS)]
        standing += _copies(meshes, places, land, rng, (0.8, 1.2), season)
    return standing


def _clump(broad: str, table: MaterialTable, rng: np.random.Generator) -> Mesh:
    """Trees on a round patch of ground, two thirds of them conifers."""
    trees = []
    for k in range(CLUMP_TREES):
        radius, turn = CLUMP_RADIUS * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        kind = "conifer" if rng.random() < 0.66 else broad
        place = np.array([radius * np.cos(turn), radius * np.sin(turn), -0.3])
        size = rng.uniform(0.65, 1.15)
        trees.append(
            moved(_mesh(tree(kind, k % VARIANTS, far=True), table), _upright(place, rng.uniform(0, 2 * np.pi), size))
        )
    return joined(trees)


def _copies(
    meshes: list[Mesh],
    places: Float[ndarray, "n 2"],
    land: Land,
    rng: np.random.Generator,
    scale: tuple[float, float],
    season: str,
) -> list[Standing]:
    height = land.height(places) if len(places) else np.zeros(0)
    which = rng.integers(0, len(meshes), len(places))
    sizes, turns = rng.uniform(*scale, len(places)), rng.uniform(0, 2 * np.pi, len(places))
    matrices: list[list[Float[ndarray, "4 4"]]] = [[] for _ in meshes]
    for k, place, z, size, turn in zip(which, places, height, sizes, turns, strict=True):
        matrices[k].append(_upright(np.array([*place, z]), turn, size))
    return [Standing(part, where, season) for part, where in zip(meshes, matrices, strict=True) if where]


def _mesh(model: Model, table: MaterialTable) -> Mesh:
    return joined([part for _, part in pieces_of(model, table).pieces])


def _upright(place: Float[ndarray, "3"], turn: float, size: float = 1.0) -> Float[ndarray, "4 4"]:
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:3, :3] *= size
    matrix[:3, 3] = place
    return matrix


def _edges(lanes: list[Lane]) -> list[tuple[Float[ndarray, "n 3"], Float[ndarray, "n 3"]]]:
    """Outer edge of each side of each road outside junctions, and unit vectors away from it."""
    outermost: dict[tuple[int, bool, float], Lane] = {}
    for lane in lanes:
        key = (lane.road, lane.lane > 0, round(float(lane.s[0]), 1))
        if not lane.junction and (key not in outermost or abs(lane.lane) > abs(outermost[key].lane)):
            outermost[key] = lane
    found = []
    for lane in outermost.values():
        away = (lane.outer - lane.inner) * [1, 1, 0]
        found.append((lane.outer, away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)))
    return found


def _beside(
    edges: list[Any], rng: np.random.Generator, spacing: float, offset: tuple[float, float], share: float
) -> Float[ndarray, "n 2"]:
    """Places beside the roads, about `spacing` apart and `offset` from the edge [m]; `share` of them are kept."""
    places = [np.zeros((0, 2))]
    for edge, away in edges:
        length = path_lengths(edge)
        at = np.arange(spacing / 2, length[-1], spacing)
        at = at + rng.uniform(-0.45, 0.45, len(at)) * spacing
        point = np.column_stack([np.interp(at, length, edge[:, i]) for i in range(2)])
        side = np.column_stack([np.interp(at, length, away[:, i]) for i in range(2)])
        kept = rng.random(len(at)) < share
        places.append((point + side * rng.uniform(*offset, len(at))[:, None])[kept])
    return np.concatenate(places)


def _free(places: Float[ndarray, "n 2"], land: Land, built: Any, gap: float) -> Bool[ndarray, "n"]:
    """Which places are at least `gap` from every lane and clear of houses."""
    if not len(places):
        return np.zeros(0, bool)
    free = land.distance(places) > gap
    return free & (built.query(places)[0] > 4.0) if built is not None else free


def _row(edges: list[Any], spacing: float, offset: float) -> list[Float[ndarray, "4 4"]]:
    """Places at equal distances along the edges, turned towards the road."""
    found = []
    for edge, away in edges:
        length = path_lengths(edge)
        for at in np.arange(spacing / 2, length[-1], spacing):
            point = np.array([np.interp(at, length, edge[:, i]) for i in range(3)])
            side = np.array([np.interp(at, length, away[:, i]) for i in range(2)])
            place = point + np.array([side[0] * offset, side[1] * offset, -0.05])
            found.append(_upright(place, float(np.arctan2(-side[1], -side[0]))))
    return found
