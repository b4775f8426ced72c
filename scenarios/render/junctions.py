"""The paved area of junctions: what lies between the connecting lanes is paved too, with kerbs round its corners."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from scenarios.render.geometry import Mesh, mesh
from scenarios.render.materials import MaterialTable
from scenarios.render.roads import RAISED, Lane, strip
from scenarios.render.structures import stretches

CELL = 0.3
"""Raster in which the area is filled [m]."""
SPAN = 16
CORNER = 5.0
"""Radius of the corners between two arms [m]."""
DEPTH = 0.014
"""How far the area lies below the lanes [m], so that they hide it."""
WALK = 2.2
"""Width of the sidewalk round a corner [m]."""
REACH = 6.0
"""How far the ground round a corner falls away [m]."""
NEIGHBOUR = 6.0
"""A corner has a sidewalk where one ends this near [m]."""
NEAR = 16
"""Lane samples that are looked at round a place."""


def junction_meshes(opendrive: str, lanes: list[Lane], table: MaterialTable) -> list[Mesh]:
    """Paving, corner kerbs and sidewalks of each junction of the map."""
    junction_of = {
        int(road.get("id", "0")): road.get("junction", "-1")
        for road in ET.fromstring(opendrive).iter("road")  # noqa: S314  (maps are the user's own files)
    }
    groups: dict[str, list[Lane]] = defaultdict(list)
    for lane in lanes:
        if lane.junction and lane.traffic:
            groups[junction_of[lane.road]].append(lane)
    beside = [(lane.inner + lane.outer)[:, :2] / 2 for lane in lanes if lane.kind == "sidewalk"]
    walks = cKDTree(np.concatenate(beside)) if beside else None
    everywhere = Covered(lanes)
    meshes = []
    for _, group in sorted(groups.items()):
        meshes += _junction(group, everywhere, walks, table)
    return meshes


class Covered:
    """Which places lie on a lane."""

    def __init__(self, lanes: list[Lane]) -> None:
        ends = [(lane.outer - lane.inner) / 2 for lane in lanes]
        self._middle = np.concatenate([(lane.inner + lane.outer) / 2 for lane in lanes])
        self._half = np.concatenate([np.linalg.norm(half[:, :2], axis=1) for half in ends])
        across = np.concatenate(ends)[:, :2]
        self._across = across / np.maximum(self._half[:, None], 1e-6)
        self._road = np.concatenate([np.full(len(lane.s), lane.road) for lane in lanes])
        self._tree = cKDTree(self._middle[:, :2])

    def at(self, points: Float[ndarray, "n 3"], margin: float = 0.0, but: int | None = None) -> Bool[ndarray, "n"]:
        """Whether each point lies on a lane or within `margin` [m] of it; lanes of road `but` do not count."""
        _, near = self._tree.query(points[:, :2], k=min(NEAR, len(self._middle)))
        near = near.reshape(len(points), -1)
        away = points[:, None, :] - self._middle[near]
        sideways = (away[:, :, :2] * self._across[near]).sum(-1)
        along = away[:, :, 1] * self._across[near][:, :, 0] - away[:, :, 0] * self._across[near][:, :, 1]
        on = (np.abs(sideways) < self._half[near] + margin) & (np.abs(along) < 1.0 + max(margin, 0.0))
        on &= np.abs(away[:, :, 2]) < 2.0
        return np.asarray((on if but is None else on & (self._road[near] != but)).any(axis=1))


def trimmed(lanes: list[Lane]) -> list[Lane]:
    """The lanes, with raised ones cut off where another road's traffic crosses them."""
    traffic = [lane for lane in lanes if lane.traffic]
    if not traffic:
        return lanes
    covered = Covered(traffic)
    found = []
    for lane in lanes:
        if lane.kind not in RAISED:
            found.append(lane)
            continue
        rows = [lane.inner + share * (lane.outer - lane.inner) for share in (0.15, 0.5, 0.85)]
        free = ~np.any([covered.at(row, -0.15, but=lane.road) for row in rows], axis=0)
        found += [
            replace(lane, s=lane.s[a:b], inner=lane.inner[a:b], outer=lane.outer[a:b]) for a, b in stretches(free)
        ]
    return found


def _junction(lanes: list[Lane], everywhere: Covered, walks: cKDTree | None, table: MaterialTable) -> list[Mesh]:
    borders = np.concatenate([np.concatenate([lane.inner, lane.outer]) for lane in lanes])
    low = borders[:, :2].min(0) - CORNER
    size = np.ceil((borders[:, :2].max(0) + CORNER - low) / CELL).astype(int) + 1
    mask = np.zeros((size[1], size[0]), np.uint8)
    for lane in lanes:
        outline = np.concatenate([lane.inner, lane.outer[::-1]])[:, :2]
        cv2.fillPoly(mask, [np.round((outline - low) / CELL).astype(np.int32)], 1)
    reach = int(CORNER / CELL)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    filled = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc)
    height = Height(borders)
    return [_paving(filled, low, height, table), *_corners(filled, low, height, everywhere, walks, table)]


class Height:
    """Height of a junction's area between the borders of its lanes."""

    def __init__(self, borders: Float[ndarray, "n 3"]) -> None:
        self._borders = borders
        self._tree = cKDTree(borders[:, :2])

    def at(self, xy: Float[ndarray, "m 2"]) -> Float[ndarray, "m"]:
        """Mean of the nearest border points, the nearer the weightier [m]."""
        gap, nearest = self._tree.query(xy, k=min(4, len(self._borders)))
        weight = 1 / (gap + 0.2) ** 2
        return np.asarray((self._borders[nearest, 2] * weight).sum(1) / weight.sum(1))


def _paving(filled: UInt8[ndarray, "rows columns"], low: ndarray, height: Height, table: MaterialTable) -> Mesh:
    spans = _spans(filled)
    corners = np.stack(
        [np.stack([spans[:, 1 + i], spans[:, 0] + j], -1) for j, i in ((0, 0), (0, 1), (1, 1), (1, 0))], 1
    )
    xy = low + (corners.reshape(-1, 2) - 0.5) * CELL
    points = np.column_stack([xy, height.at(xy) - DEPTH])
    quads = np.arange(len(points)).reshape(-1, 4)
    return mesh(points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]), table.number("junction"))


def _corners(
    filled: UInt8[ndarray, "rows columns"],
    low: ndarray,
    height: Height,
    everywhere: Covered,
    walks: cKDTree | None,
    table: MaterialTable,
) -> list[Mesh]:
    """Kerb, sidewalk or gravel and falling grass outside the area, wherever no lane goes on."""
    meshes = []
    outlines, _ = cv2.findContours(filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for outline in outlines:
        if len(outline) < 12:
            continue
        xy = low + gaussian_filter1d(outline[:, 0].astype(float), 3.0, axis=0, mode="wrap")[::2] * CELL
        xy = np.concatenate([xy, xy[:1]])
        ahead = np.gradient(np.concatenate([xy[-2:-1], xy, xy[1:2]]), axis=0)[1:-1]
        out = np.column_stack([-ahead[:, 1], ahead[:, 0]])
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
        if _signed_area(xy) > 0:
            out = -out
        z = height.at(xy)
        at = np.column_stack([xy, z])
        away = np.column_stack([out, 0 * z])
        for a, b in stretches(~everywhere.at(at + away * 0.2, -0.05)):
            paved = walks is not None and bool((walks.query(xy[a:b])[0] < NEIGHBOUR).any())
            meshes += _corner(at[a:b], away[a:b], everywhere, paved, table)
    return meshes


def _signed_area(xy: Float[ndarray, "n 2"]) -> float:
    return float((xy[:-1, 0] * xy[1:, 1] - xy[1:, 0] * xy[:-1, 1]).sum())


def _corner(
    at: Float[ndarray, "n 3"], away: Float[ndarray, "n 3"], everywhere: Covered, paved: bool, table: MaterialTable
) -> list[Mesh]:
    """The bands along one free stretch of a junction's outline, from the inside out; closed at both ends."""
    top = RAISED["sidewalk"] - 0.004 if paved else -0.02
    wide = WALK if paved else 0.6
    widths, reaches = (_free(at, away, everywhere, limit) for limit in (wide, REACH))
    n = len(at)
    steps = (
        np.full(n, -0.12),
        np.full(n, -0.105),
        np.full(n, 0.05),
        np.maximum(widths, 0.06),
        np.maximum(reaches, 0.1),
    )
    levels = (-0.05, top, top, top, top - 0.34)
    edges = [at + away * step[:, None] + [0, 0, level] for step, level in zip(steps, levels, strict=True)]
    edges = [np.concatenate([edge[:1] * [1, 1, 0] + [0, 0, at[0, 2] - 0.3], edge,
                             edge[-1:] * [1, 1, 0] + [0, 0, at[-1, 2] - 0.3]]) for edge in edges]  # fmt: skip
    names = ("kerb", "kerb", "sidewalk", "grass") if paved else ("gravel", "gravel", "gravel", "grass")
    bands = zip(edges, edges[1:], names, strict=False)
    return [strip(inner, outer, table.number(name)) for inner, outer, name in bands]


def _free(
    at: Float[ndarray, "n 3"], away: Float[ndarray, "n 3"], everywhere: Covered, limit: float
) -> Float[ndarray, "n"]:
    """How far outwards from each place no lane lies, up to `limit` [m]."""
    steps = np.linspace(0.2, limit, max(2, round(limit / 0.3)))
    blocked = np.array([everywhere.at(at + away * step, 0.02) for step in steps])
    first = np.where(blocked.any(axis=0), blocked.argmax(axis=0), len(steps))
    return np.asarray(np.concatenate([[0.0], steps])[first])


def _spans(mask: UInt8[ndarray, "rows columns"]) -> Int[ndarray, "n 3"]:
    """Row, first and end column of the runs of set cells, cut every SPAN cells so that they follow the ground."""
    columns = np.arange(mask.shape[1])
    before = np.pad(mask, ((0, 0), (1, 0)))[:, :-1]
    starts = (mask > 0) & ((before == 0) | (columns % SPAN == 0))
    after = np.pad(mask, ((0, 0), (0, 1)))[:, 1:]
    ends = (mask > 0) & ((after == 0) | (columns % SPAN == SPAN - 1))
    (rows, first), (_, last) = np.nonzero(starts), np.nonzero(ends)
    return np.column_stack([rows, first, last + 1])
