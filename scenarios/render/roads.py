"""Lanes of an OpenDRIVE map, sampled through `carla.Map`, and their strips of road surface and paint."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.frames import FLIP
from scenarios.render.geometry import Mesh, mesh
from scenarios.render.materials import MaterialTable
from scenarios.render.pavement import LANES_IN_TILE
from scenarios.render.surface import TILES

STEP = 1.5
"""Distance between samples along a lane [m]."""
PAINT_HEIGHT = 0.006
DASH, GAP = 3.0, 6.0
"""Length of a broken line's strokes and of the gaps between them [m] (German RMS 1: 3 m and 6 m inside towns, 4 and 8
outside; CARLA's towns are painted 3 and 6 to 9)."""
DRIVABLE = frozenset({"driving", "parking", "bidirectional", "entry", "exit", "onRamp", "offRamp", "stop", "biking"})
RAISED = {"sidewalk": 0.14, "curb": 0.14, "median": 0.12}
ROAD_SHIFT = 17.3
"""Shift along the tile from one road's number to the next [m], so that neighbouring roads do not look alike."""


@dataclass(frozen=True, eq=False)
class Line:
    """A painted line along one border of a lane: CARLA's names of type and colour, width [m]; one entry a sample."""

    kind: tuple[str, ...]
    color: tuple[str, ...]
    width: Float[ndarray, "n"]


@dataclass(frozen=True, eq=False)
class Lane:
    """One lane of one lane section, sampled in the direction of s.

    Attributes:
        road, lane: OpenDRIVE numbers (lane < 0 lies right of the reference line).
        kind: OpenDRIVE lane type.
        junction: part of a junction.
        s: place along the road [m].
        inner, outer: borders towards and away from the reference line, renderer axes [m].
        outer_line, inner_line: what is painted on them; the inner one only beside the reference line.
    """

    road: int
    lane: int
    kind: str
    junction: bool
    s: Float[ndarray, "n"]
    inner: Float[ndarray, "n 3"]
    outer: Float[ndarray, "n 3"]
    outer_line: Line
    inner_line: Line

    @property
    def traffic(self) -> bool:
        """Whether vehicles drive on it."""
        return self.kind in DRIVABLE

    def tile(self, share: Float[ndarray, "n"], s: Float[ndarray, "n"]) -> Float[ndarray, "n 2"]:
        """Place on the lane tile of points at `share` (0 inner border, 1 outer) of the lane's width and at `s`."""
        u = (s + ROAD_SHIFT * self.road) / TILES[0].length
        step = share + abs(self.lane) - 1
        return np.column_stack([u, (step if self.lane < 0 else -step) / LANES_IN_TILE])


def lanes_of(opendrive: str, carla_map: Any) -> list[Lane]:
    """Every lane of the map that is not of type `none`, sampled about every STEP metres."""
    found = []
    for road in ET.fromstring(opendrive).iter("road"):  # noqa: S314  (maps are the user's own files)
        sections = road.findall("./lanes/laneSection")
        starts = [float(section.get("s", "0")) for section in sections]
        ends = [*starts[1:], float(road.get("length", "0"))]
        junction = road.get("junction", "-1") != "-1"
        for section, start, end in zip(sections, starts, ends, strict=True):
            if end - start < 0.05:
                continue
            for lane in section.iter("lane"):
                number = int(lane.get("id", "0"))
                if number != 0 and lane.get("type") != "none":
                    kind = str(lane.get("type"))
                    sampled = _sample(carla_map, int(road.get("id", "0")), number, kind, junction, start, end)
                    found += [] if sampled is None else [sampled]
    return found


def _sample(carla_map: Any, road: int, lane: int, kind: str, junction: bool, start: float, end: float) -> Lane | None:
    count = max(2, int(np.ceil((end - start) / STEP)) + 1)
    wanted = np.linspace(start + 1e-3, end - 1e-3, count)
    pairs = [(s, carla_map.get_waypoint_xodr(road, lane, float(s))) for s in wanted]
    pairs = [(s, w) for s, w in pairs if w is not None and w.lane_width > 0.05]
    if len(pairs) < 2:
        return None
    points = [w for _, w in pairs]
    transforms = [w.transform for w in points]
    centre = FLIP * np.array([(t.location.x, t.location.y, t.location.z) for t in transforms])
    right = FLIP * np.array([(v.x, v.y, v.z) for v in (t.get_right_vector() for t in transforms)])
    half = np.array([w.lane_width for w in points])[:, None] / 2
    outer, inner = (tuple(getattr(w, f"{side}_lane_marking") for w in points) for side in ("right", "left"))
    return Lane(
        road,
        lane,
        kind,
        junction,
        np.array([s for s, _ in pairs]),
        centre - right * half,
        centre + right * half,
        _line(outer),
        _line(inner),
    )


def _line(marks: tuple[Any, ...]) -> Line:
    width = np.array([m.width if m.width > 0.01 else 0.12 for m in marks])
    return Line(tuple(str(m.type) for m in marks), tuple(str(m.color) for m in marks), width)


def road_meshes(lanes: list[Lane], table: MaterialTable) -> list[Mesh]:
    """Road surface, kerbs and sidewalks."""
    meshes = []
    for lane in lanes:
        if lane.kind in RAISED:
            meshes += _raised(lane, table)
            continue
        name = "shoulder" if not lane.traffic else ("junction" if lane.junction else "road")
        in_lane = lane.traffic and not lane.junction
        tile = np.concatenate([lane.tile(np.full(len(lane.s), share), lane.s) for share in (0.0, 1.0)])
        meshes.append(strip(lane.inner, lane.outer, table.number(name), tile if in_lane else None))
    return meshes


def strip(
    left: Float[ndarray, "n 3"], right: Float[ndarray, "n 3"], material: int, tile: Float[ndarray, "k 2"] | None = None
) -> Mesh:
    """The band between two lines of equally many points, facing up; `tile` lists the left points' first."""
    count = len(left)
    i = np.arange(count - 1)
    faces = np.concatenate([np.column_stack([i, i + count, i + 1]), np.column_stack([i + 1, i + count, i + count + 1])])
    points = np.concatenate([left, right])
    corners = points[faces]
    up = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2].sum() >= 0
    return mesh(points, faces if up else faces[:, ::-1], material, uv=tile)


def _raised(lane: Lane, table: MaterialTable) -> list[Mesh]:
    top = np.array([0, 0, RAISED[lane.kind]])
    inner, outer, kerb = lane.inner + top, lane.outer + top, table.number("kerb")
    across = (outer - inner) / np.maximum(np.linalg.norm(outer - inner, axis=1, keepdims=True), 1e-6)
    back = inner + across * 0.14
    return [
        strip(inner, back, kerb),
        strip(back, outer, table.number("sidewalk")),
        strip(lane.inner - across * 0.01, inner, kerb),
        strip(outer, lane.outer, kerb),
    ]


def marking_meshes(lanes: list[Lane], table: MaterialTable) -> list[Mesh]:
    """Painted lines of all lanes; each border is painted once."""
    meshes = []
    has_right = {(lane.road, round(float(lane.s[0]), 1)) for lane in lanes if lane.lane == -1}
    for lane in lanes:
        meshes += _painted(lane, lane.outer, lane.outer_line, 1.0, table)
        beside = lane.lane == -1 or (lane.lane == 1 and (lane.road, round(float(lane.s[0]), 1)) not in has_right)
        if beside:
            meshes += _painted(lane, lane.inner, lane.inner_line, 0.0, table)
    return meshes


def _painted(lane: Lane, border: Float[ndarray, "n 3"], line: Line, share: float, table: MaterialTable) -> list[Mesh]:
    meshes = []
    across = lane.outer - lane.inner
    width = np.linalg.norm(across, axis=1)
    across = across / np.maximum(width, 1e-6)[:, None]
    for begin, end in _runs(line):
        kind, color = line.kind[begin], line.color[begin]
        material = table.number("marking_yellow" if color == "Yellow" else "marking_white")
        for offset, broken in strokes(kind, float(line.width[begin])):
            for s in _pieces(float(lane.s[begin]), float(lane.s[min(end, len(lane.s) - 1)]), lane.s, broken):
                place = _at(s, lane.s, border) + _at(s, lane.s, across) * offset + [0, 0, PAINT_HEIGHT]
                half = _at(s, lane.s, across) * float(line.width[begin]) / 2
                shares = share + np.array([-0.5, 0.5])[:, None] * line.width[begin] / _at(s, lane.s, width)[None]
                tile = np.concatenate([lane.tile(shares[side] + offset / 3.5, s) for side in (0, 1)])
                meshes.append(strip(place - half, place + half, material, None if lane.junction else tile))
    return meshes


def strokes(kind: str, width: float) -> list[tuple[float, bool]]:
    """Lines that make up a marking type: offset across the lane [m], and whether it is broken; none where unpainted."""
    apart = width
    return {
        "Solid": [(0.0, False)],
        "Broken": [(0.0, True)],
        "SolidSolid": [(-apart, False), (apart, False)],
        "SolidBroken": [(-apart, False), (apart, True)],
        "BrokenSolid": [(-apart, True), (apart, False)],
        "BrokenBroken": [(-apart, True), (apart, True)],
        "BottsDots": [(0.0, True)],
    }.get(kind, [])


def _runs(line: Line) -> list[tuple[int, int]]:
    """First and one-past-last sample of each stretch of equal paint."""
    keys = list(zip(line.kind, line.color, strict=True))
    cuts = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1]), len(keys)]
    return list(pairwise(cuts))


def _pieces(start: float, end: float, samples: Float[ndarray, "n"], broken: bool) -> list[Float[ndarray, "k"]]:
    """Places along the road of each painted stroke between `start` and `end`."""
    if end - start < 0.02:
        return []
    period = DASH + GAP
    first = int(np.floor(start / period))
    spans = [(i * period, i * period + DASH) for i in range(first, int(end / period) + 1)] if broken else [(start, end)]
    pieces = []
    for low, high in spans:
        low, high = max(low, start), min(high, end)  # noqa: PLW2901
        if high - low > 0.05:
            inside = samples[(samples > low + 0.01) & (samples < high - 0.01)]
            pieces.append(np.concatenate([[low], inside, [high]]))
    return pieces


def _at(s: Float[ndarray, "k"], samples: Float[ndarray, "n"], values: Float[ndarray, "n *d"]) -> Float[ndarray, "k *d"]:
    """Values at `s`, linear between samples."""
    if values.ndim == 1:
        return np.interp(s, samples, values)
    return np.column_stack([np.interp(s, samples, column) for column in values.T])
