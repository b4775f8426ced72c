"""Lanes of an OpenDRIVE map, sampled through `carla.Map`, and their strips of road surface and paint."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.frames import FLIP
from scenarios.render.geometry import Mesh, facing_up, mesh
from scenarios.render.materials import MaterialTable
from scenarios.render.opendrive_number import number_in
from scenarios.render.pavement import LANES_IN_TILE
from scenarios.render.roadmarks import RoadMark, Stroke, road_marks
from scenarios.render.surface import TILES

STEP = 1.5
"""Distance between samples along a lane [m]."""
SHORTEST = 0.05
"""Lane sections under this length are left out [m]."""
NARROWEST = 0.05
PAINT_HEIGHT = 0.006
STUD_SPACING = 1.2
SHORTEST_PERIOD = 0.1
"""Dashes and gaps shorter than this together are drawn as if they were this long [m]."""
DRIVABLE = frozenset({"driving", "parking", "bidirectional", "entry", "exit", "onRamp", "offRamp", "stop", "biking"})
RAISED = {"sidewalk": 0.14, "curb": 0.14, "median": 0.12}
CONCRETE = {"road": "concrete", "junction": "concrete_junction", "shoulder": "concrete_shoulder"}
"""Materials of the same surfaces where the map says `<material surface="concrete">`."""
SUNK = {"road": 0.0, "junction": 0.004, "shoulder": 0.008}
"""How far surfaces lie below the map's height [m], so that none flickers where lanes of two roads overlap."""
ROAD_SHIFT = 17.3
"""Shift along the tile from one road's number to the next [m], so that neighbouring roads do not look alike."""


@dataclass(frozen=True, eq=False)
class Lane:
    """One lane of one lane section, sampled in the direction of s.

    Attributes:
        road, lane: OpenDRIVE numbers (lane < 0 lies right of the reference line).
        kind: OpenDRIVE lane type.
        junction: part of a junction.
        s: place along the road [m].
        inner, outer: borders towards and away from the reference line, renderer axes [m].
        outer_marks, inner_marks: what is painted on them, by ascending s; inner ones beside the reference line only.
        section: s at which its lane section begins [m].
        surfaces: s from which on it is paved with what the map names, ascending.
    """

    road: int
    lane: int
    kind: str
    junction: bool
    s: Float[ndarray, "n"]
    inner: Float[ndarray, "n 3"]
    outer: Float[ndarray, "n 3"]
    outer_marks: tuple[RoadMark, ...] = ()
    inner_marks: tuple[RoadMark, ...] = ()
    section: float = 0.0
    surfaces: tuple[tuple[float, str], ...] = ()

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
        for section, start, end in zip(sections, starts, ends, strict=True):
            if end - start >= SHORTEST:
                found += _section_lanes(road, section, (start, end), carla_map)
    return found


def _section_lanes(road: ET.Element, section: ET.Element, span: tuple[float, float], carla_map: Any) -> list[Lane]:
    """The lanes of one lane section; the middle mark goes to lane -1, or to lane 1 where there is none."""
    number_of_road, junction = int(road.get("id", "0")), road.get("junction", "-1") != "-1"
    elements = {int(lane.get("id", "0")): lane for lane in section.iter("lane")}
    places = {
        number: _sample(carla_map, number_of_road, number, span)
        for number, lane in elements.items()
        if number != 0 and lane.get("type") != "none"
    }
    beside = -1 if places.get(-1) is not None else 1
    found = []
    for number, place in places.items():
        if place is None:
            continue
        outward = 1 if number > 0 else -1
        own = road_marks(elements[number], span[0], outward)
        middle = road_marks(elements[0], span[0], outward, middle=True) if number == beside and 0 in elements else ()
        kind = str(elements[number].get("type"))
        paved = sorted(
            (span[0] + number_in(material, "sOffset"), material.get("surface", "").lower())
            for material in elements[number].findall("material")
        )
        found.append(Lane(number_of_road, number, kind, junction, *place, own, middle, span[0], tuple(paved)))
    return found


def _sample(
    carla_map: Any, road: int, lane: int, span: tuple[float, float]
) -> tuple[Float[ndarray, "n"], Float[ndarray, "n 3"], Float[ndarray, "n 3"]] | None:
    """s, inner and outer border of a lane between two places along its road; None where it has no width."""
    count = max(2, int(np.ceil((span[1] - span[0]) / STEP)) + 1)
    wanted = np.linspace(span[0] + 1e-3, span[1] - 1e-3, count)
    pairs = [(s, carla_map.get_waypoint_xodr(road, lane, float(s))) for s in wanted]
    pairs = [(s, w) for s, w in pairs if w is not None and w.lane_width > NARROWEST]
    if len(pairs) < 2:
        return None
    points = [w for _, w in pairs]
    transforms = [w.transform for w in points]
    centre = FLIP * np.array([(t.location.x, t.location.y, t.location.z) for t in transforms])
    right = FLIP * np.array([(v.x, v.y, v.z) for v in (t.get_right_vector() for t in transforms)])
    half = np.array([w.lane_width for w in points])[:, None] / 2
    return np.array([s for s, _ in pairs]), centre - right * half, centre + right * half


def road_meshes(lanes: list[Lane], table: MaterialTable) -> list[Mesh]:
    """Road surface, kerbs and sidewalks."""
    meshes = []
    for lane in lanes:
        if lane.kind in RAISED:
            meshes += _raised(lane, table)
            continue
        name = "shoulder" if not lane.traffic else ("junction" if lane.junction else "road")
        sunk = np.array([0.0, 0.0, SUNK[name]])
        in_lane = lane.traffic and not lane.junction
        for s, surface in _paved(lane):
            tile = np.concatenate([lane.tile(np.full(len(s), share), s) for share in (0.0, 1.0)])
            inner, outer = (_at(s, lane.s, border) - sunk for border in (lane.inner, lane.outer))
            material = table.number(CONCRETE[name] if "concrete" in surface else name)
            meshes.append(strip(inner, outer, material, tile if in_lane else None))
    return meshes


def _paved(lane: Lane) -> list[tuple[Float[ndarray, "_"], str]]:
    """The stretches of a lane that are paved alike: their places along the road, and what the map calls it."""
    starts = [(-np.inf, ""), *lane.surfaces]
    ends = [*(s for s, _ in lane.surfaces), np.inf]
    found = []
    for (start, surface), end in zip(starts, ends, strict=True):
        span = (max(start, float(lane.s[0])), min(end, float(lane.s[-1])))
        if span[1] > span[0]:
            found.append((_between(span, lane.s) if lane.surfaces else lane.s, surface))
    return found


def strip(
    left: Float[ndarray, "n 3"], right: Float[ndarray, "n 3"], material: int, tile: Float[ndarray, "k 2"] | None = None
) -> Mesh:
    """The band between two lines of equally many points, facing up; `tile` lists the left points' first."""
    count = len(left)
    i = np.arange(count - 1)
    faces = np.concatenate([np.column_stack([i, i + count, i + 1]), np.column_stack([i + 1, i + count, i + count + 1])])
    points = np.concatenate([left, right])
    return mesh(points, facing_up(points, faces), material, uv=tile)


def _raised(lane: Lane, table: MaterialTable) -> list[Mesh]:
    """A sidewalk or median between two kerbs, closed at both ends."""
    top = np.array([0, 0, RAISED[lane.kind]])
    kerb = table.number("kerb")
    across = (lane.outer - lane.inner) / np.maximum(
        np.linalg.norm(lane.outer - lane.inner, axis=1, keepdims=True), 1e-6
    )
    rows = (
        lane.inner - across * 0.01,
        lane.inner + top,
        lane.inner + across * 0.14 + top,
        lane.outer + top,
        lane.outer,
    )
    rows = tuple(np.concatenate([_lowered(row[:1], lane.inner[:1]), row, _lowered(row[-1:], lane.inner[-1:])])
                 for row in rows)  # fmt: skip
    surfaces = (kerb, kerb, table.number("sidewalk"), kerb)
    return [strip(a, b, number) for a, b, number in zip(rows, rows[1:], surfaces, strict=False)]


def _lowered(point: Float[ndarray, "1 3"], ground: Float[ndarray, "1 3"]) -> Float[ndarray, "1 3"]:
    return np.column_stack([point[:, :2], np.minimum(point[:, 2], ground[:, 2] - 0.05)])


def marking_meshes(lanes: list[Lane], table: MaterialTable) -> list[Mesh]:
    """Painted lines, kerbs and studs on the borders of all lanes; each border carries its own once."""
    raised = {(lane.road, lane.lane, round(float(lane.s[0]), 1)) for lane in lanes if lane.kind in RAISED}
    meshes = []
    for lane in lanes:
        outside = (lane.road, lane.lane + (1 if lane.lane > 0 else -1), round(float(lane.s[0]), 1))
        kerbed = lane.kind in RAISED or outside in raised
        meshes += _painted(lane, lane.outer, lane.outer_marks, 1.0, kerbed, table)
        meshes += _painted(lane, lane.inner, lane.inner_marks, 0.0, lane.kind in RAISED, table)
    return meshes


def _painted(
    lane: Lane,
    border: Float[ndarray, "n 3"],
    marks: tuple[RoadMark, ...],
    share: float,
    kerbed: bool,
    table: MaterialTable,
) -> list[Mesh]:
    """What one border carries; a `kerbed` one has its kerb already."""
    meshes = []
    across = lane.outer - lane.inner
    width = np.linalg.norm(across, axis=1)
    across = across / np.maximum(width, 1e-6)[:, None]
    ends = [*(mark.s for mark in marks[1:]), np.inf]
    for mark, end in zip(marks, ends, strict=False):
        span = (max(mark.s, float(lane.s[0])), min(end, float(lane.s[-1])))
        if span[1] - span[0] < 0.02:
            continue
        if mark.kind == "curb" and not kerbed:
            meshes += _kerb(_at(_between(span, lane.s), lane.s, border), _at(_between(span, lane.s), lane.s, across),
                            mark.width, table)  # fmt: skip
        if mark.kind == "botts dots":
            s = np.arange(span[0] + STUD_SPACING / 2, span[1], STUD_SPACING)
            meshes += _studs(_at(s, lane.s, border), table.number(f"marking_{mark.color}")) if len(s) else []
        material = table.number(f"marking_{mark.color}")
        for stroke in mark.strokes:
            half = stroke.width / 2
            for s in pieces(span, stroke, lane.s):
                sideways = _at(s, lane.s, across)
                place = _at(s, lane.s, border) + sideways * stroke.offset + [0, 0, PAINT_HEIGHT]
                shares = share + (stroke.offset + np.array([-half, half])[:, None]) / _at(s, lane.s, width)[None]
                tile = np.concatenate([lane.tile(shares[side], s) for side in (0, 1)])
                bands = (place - sideways * half, place + sideways * half)
                meshes.append(strip(*bands, material, None if lane.junction else tile))
    return meshes


def _kerb(
    border: Float[ndarray, "n 3"], across: Float[ndarray, "n 3"], width: float, table: MaterialTable
) -> list[Mesh]:
    """A kerb stone outside a border: its face, its top and its back."""
    top = np.array([0, 0, 0.12])
    far = border + across * max(width, 0.12)
    kerb = table.number("kerb")
    return [strip(border, border + across * 0.015 + top, kerb), strip(border + across * 0.015 + top, far + top, kerb),
            strip(far + top, far + across * 0.01, kerb)]  # fmt: skip


def _studs(places: Float[ndarray, "n 3"], material: int) -> list[Mesh]:
    """Round pavement markers, known as Botts dots; 0.1 m wide and 2 cm high by assumption."""
    angle = np.arange(8) / 8 * 2 * np.pi
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    one = np.concatenate([ring * 0.05, ring * 0.035 + [0, 0, 0.018], [[0, 0, 0.02]]])
    k = np.arange(8)
    after = (k + 1) % 8
    faces = np.concatenate(
        [np.column_stack(c) for c in ((k, after, after + 8), (k, after + 8, k + 8), (k + 8, after + 8, 0 * k + 16))]
    )
    points = (places[:, None] + one[None]).reshape(-1, 3)
    every = (np.arange(len(places))[:, None, None] * len(one) + faces[None]).reshape(-1, 3)
    return [mesh(points, every, material)]


def _between(span: tuple[float, float], samples: Float[ndarray, "n"]) -> Float[ndarray, "k"]:
    """Both ends of a span and the samples inside it."""
    inside = samples[(samples > span[0] + 0.01) & (samples < span[1] - 0.01)]
    return np.concatenate([[span[0]], inside, [span[1]]])


def pieces(span: tuple[float, float], stroke: Stroke, samples: Float[ndarray, "n"]) -> list[Float[ndarray, "_"]]:
    """Places along the road of each painted dash of a stroke within a span of s."""
    if stroke.space <= 0:
        return [_between(span, samples)]
    period = max(stroke.length + stroke.space, SHORTEST_PERIOD)
    origin = 0.0 if stroke.start is None else span[0] + stroke.start
    numbers = range(int(np.floor((span[0] - origin) / period)), int((span[1] - origin) / period) + 1)
    dashes = [(origin + i * period, origin + i * period + stroke.length) for i in numbers]
    cut = [(max(low, span[0]), min(high, span[1])) for low, high in dashes]
    return [_between(dash, samples) for dash in cut if dash[1] - dash[0] > 0.05]


def _at(s: Float[ndarray, "k"], samples: Float[ndarray, "n"], values: Float[ndarray, "n *d"]) -> Float[ndarray, "k *d"]:
    """Values at `s`, linear between samples."""
    if values.ndim == 1:
        return np.interp(s, samples, values)
    return np.column_stack([np.interp(s, samples, column) for column in values.T])
