"""The paved area of junctions: what lies between the connecting lanes is paved too."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import defaultdict

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from scipy.spatial import cKDTree

from scenarios.render.geometry import Mesh, mesh
from scenarios.render.materials import MaterialTable
from scenarios.render.roads import Lane

CELL = 0.3
"""Raster in which the area is filled [m]."""
SPAN = 16
CORNER = 5.0
"""Radius of the corners between two arms [m]."""
DEPTH = 0.014
"""How far the area lies below the lanes [m], so that they hide it."""


def junction_meshes(opendrive: str, lanes: list[Lane], table: MaterialTable) -> list[Mesh]:
    """One mesh for each junction of the map."""
    junction_of = {
        int(road.get("id", "0")): road.get("junction", "-1")
        for road in ET.fromstring(opendrive).iter("road")  # noqa: S314  (maps are the user's own files)
    }
    groups: dict[str, list[Lane]] = defaultdict(list)
    for lane in lanes:
        if lane.junction and lane.traffic:
            groups[junction_of[lane.road]].append(lane)
    return [_paved(group, table) for _, group in sorted(groups.items())]


def _paved(lanes: list[Lane], table: MaterialTable) -> Mesh:
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
    filled = cv2.erode(filled, np.ones((2, 2), np.uint8))
    spans = _spans(filled)
    corners = np.stack(
        [np.stack([spans[:, 1 + i], spans[:, 0] + j], -1) for j, i in ((0, 0), (0, 1), (1, 1), (1, 0))], 1
    )
    xy = low + (corners.reshape(-1, 2) - 0.5) * CELL
    points = np.column_stack([xy, _height(borders, xy) - DEPTH])
    quads = np.arange(len(points)).reshape(-1, 4)
    return mesh(points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]), table.number("junction"))


def _spans(mask: UInt8[ndarray, "rows columns"]) -> Int[ndarray, "n 3"]:
    """Row, first and end column of the runs of set cells, cut every SPAN cells so that they follow the ground."""
    columns = np.arange(mask.shape[1])
    before = np.pad(mask, ((0, 0), (1, 0)))[:, :-1]
    starts = (mask > 0) & ((before == 0) | (columns % SPAN == 0))
    after = np.pad(mask, ((0, 0), (0, 1)))[:, 1:]
    ends = (mask > 0) & ((after == 0) | (columns % SPAN == SPAN - 1))
    (rows, first), (_, last) = np.nonzero(starts), np.nonzero(ends)
    return np.column_stack([rows, first, last + 1])


def _height(borders: Float[ndarray, "n 3"], xy: Float[ndarray, "m 2"]) -> Float[ndarray, "m"]:
    gap, nearest = cKDTree(borders[:, :2]).query(xy, k=min(4, len(borders)))
    weight = 1 / (gap + 0.2) ** 2
    return np.asarray((borders[nearest, 2] * weight).sum(1) / weight.sum(1))
