"""What OpenDRIVE's `<objects>` paint on the road: crosswalks, stop lines, arrows, words, hatched areas.

Crosswalk bars are 0.5 m wide with gaps of 0.5 m, as on Austrian crossings (strassenbedarf.at, "Schutzwege").
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.geometry import Mesh, facing_up, joined, mesh
from scenarios.render.materials import MaterialTable
from scenarios.render.models.lettering import THICK, text_strokes
from scenarios.render.opendrive_number import number_in
from scenarios.render.reference_line import ReferenceLine

LEVEL = 0.011
"""Height of the paint over the lanes [m]: over that of the lane lines."""
BAR, HATCH_GAP = 0.5, 1.0
STOP_WIDTH = 0.4
LINE_WIDTH = 0.12
FINEST = 1.5
"""Longest edge of a painted face along its band [m], so that it follows the road."""

_SHAFT = ((-1.0, -0.06), (0.15, -0.06), (0.15, 0.06), (-1.0, 0.06))
_HEAD = ((0.15, -0.22), (1.0, 0.0), (0.15, 0.22))
_SIDE_SHAFT = ((-1.0, -0.06), (0.1, -0.06), (0.34, -0.3), (0.34, -0.14), (0.16, 0.06), (-1.0, 0.06))
_SIDE_HEAD = ((0.08, -0.26), (0.28, -0.62), (0.6, -0.26))
"""Arrows on a field from -1 to 1 along the way, their right side at negative y."""


@dataclass(frozen=True)
class Spot:
    """Where an object lies: its own axes u (forwards) and v (left) over the road's surface.

    Attributes:
        line: of its road.
        s, t: of its origin [m].
        turn: of u from the road's direction [rad].
        lift: over the road [m].
    """

    line: ReferenceLine
    s: float
    t: float
    turn: float
    lift: float

    def on_ground(self, uv: Float[ndarray, "n 2"]) -> Float[ndarray, "n 3"]:
        """Points of the object on the road, OpenDRIVE's axes [m]."""
        x, y, _, road = self.line.at(self.s, self.t)
        c, d = math.cos(road + self.turn), math.sin(road + self.turn)
        along = uv[:, 0] * math.cos(self.turn) - uv[:, 1] * math.sin(self.turn)
        z = np.array([self.line.height(self.s + ds) for ds in along])
        return np.column_stack(
            [x + c * uv[:, 0] - d * uv[:, 1], y + d * uv[:, 0] + c * uv[:, 1], z + self.lift + LEVEL]
        )


def painted(element: ET.Element, spot: Spot, table: MaterialTable) -> Mesh | None:
    """The paint of an `<object>`, renderer axes; None if it is none."""
    kind = " ".join(element.get(key, "") for key in ("type", "subtype", "name")).lower()
    length, width = (number_in(element, name) for name in ("length", "width"))
    corners = _outline(element)
    polygons: list[Float[ndarray, "_ 2"]] = []
    if "crosswalk" in kind:
        area = _area(corners, length, width)
        polygons = _bars(area, BAR, BAR, _long_axis(area))
    elif "stopline" in kind:
        polygons = _band(corners, STOP_WIDTH) if len(corners) > 1 else [_area(corners, max(length, 0.3), width)]
    elif "crosshatch" in kind or "chevron" in kind or "hatched" in kind:
        polygons = _bars(_area(corners, length, width), BAR, HATCH_GAP, math.pi / 4)
    elif "solidsingle" in kind:
        polygons = _band(corners, LINE_WIDTH)
    elif "arrow" in kind:
        polygons = _arrow(kind, max(length, width, 2.5))
    elif "stencil_stop" in kind:
        polygons = _word("STOP", max(length, 1.6), max(width, 1.6))
    polygons = [polygon for polygon in polygons if len(polygon) > 2]
    if not polygons:
        return None
    return joined([_face(spot, polygon, table.number("crossing")) for polygon in polygons])


def _outline(element: ET.Element) -> Float[ndarray, "n 2"]:
    """Corners of an object's `<outline>` in its own axes [m]; none where it has no outline."""
    found = [(number_in(c, "u"), number_in(c, "v")) for c in element.iter("cornerLocal")]
    if len(found) > 2 and math.dist(found[0], found[-1]) < 1e-3:
        found.pop()
    return np.array(found, float).reshape(-1, 2)


def _area(corners: Float[ndarray, "n 2"], length: float, width: float) -> Float[ndarray, "m 2"]:
    if len(corners) > 2:
        return corners
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * [length / 2, width / 2]


def _long_axis(area: Float[ndarray, "n 2"]) -> float:
    """Direction of the longer side of the smallest rectangle round an area, from u [rad]: people walk along it."""
    corners = cv2.boxPoints(cv2.minAreaRect(area.astype(np.float32)))
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    along = first if np.linalg.norm(first) > np.linalg.norm(second) else second
    return math.atan2(float(along[1]), float(along[0]))


def _bars(area: Float[ndarray, "n 2"], bar: float, gap: float, turn: float = 0.0) -> list[Float[ndarray, "_ 2"]]:
    """A convex area cut into bars that run along v, turned by `turn` [rad]."""
    c, d = math.cos(turn), math.sin(turn)
    axes = np.array([[c, d], [-d, c]])
    own = area @ axes.T
    low, high = own[:, 0].min(), own[:, 0].max()
    count = int((high - low + gap) / (bar + gap))
    first = (low + high) / 2 - (count * (bar + gap) - gap) / 2
    found = []
    for k in range(count):
        u = first + k * (bar + gap)
        ends = [_reach(own, at) for at in (u, u + bar)]
        if all(end[1] - end[0] > 0.1 for end in ends):
            (a, b), (e, f) = ends
            found.append(np.array([(u, a), (u + bar, e), (u + bar, f), (u, b)]) @ axes)
    return found


def _reach(area: Float[ndarray, "n 2"], u: float) -> tuple[float, float]:
    """Lowest and highest v of a polygon where it is cut at u; an empty span where it is not."""
    after = np.roll(area, -1, axis=0)
    cut = (area[:, 0] - u) * (after[:, 0] - u) < 0
    if cut.sum() < 2:
        return 0.0, 0.0
    share = (u - area[cut, 0]) / (after[cut, 0] - area[cut, 0])
    v = area[cut, 1] + share * (after[cut, 1] - area[cut, 1])
    return float(v.min()), float(v.max())


def _band(path: Float[ndarray, "n 2"], width: float) -> list[Float[ndarray, "_ 2"]]:
    """A path as flat pieces of `width`."""
    found = []
    for a, b in pairwise(path):
        along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
        side = np.array([-along[1], along[0]]) * width / 2
        found.append(np.array([a - side, b - side, b + side, a + side]))
    return found


def _arrow(kind: str, size: float) -> list[Float[ndarray, "_ 2"]]:
    """An arrow `size` metres long: ahead, and to the sides that its name tells."""
    word = kind.rpartition("arrow")[2]
    left, right = "left" in word or word.rstrip().endswith("l"), "right" in word or word.rstrip().endswith("r")
    shapes = [np.array(p) for p in (_SHAFT, _HEAD)] if "straight" in word or not (left or right) else []
    for side, wanted in ((1.0, right), (-1.0, left)):
        if wanted:
            shapes += [np.array(p) * (1.0, side) for p in (_SIDE_SHAFT, _SIDE_HEAD)]
    return [shape * size / 2 for shape in shapes]


def _word(text: str, length: float, width: float) -> list[Float[ndarray, "_ 2"]]:
    """A word to be read by who drives along u; letters are stretched along the way."""
    strokes = text_strokes(text, 1.0)
    half = max(abs(stroke[:, 0]).max() for stroke in strokes)
    size = np.array([length, width / (2 * half)])
    flat = [np.column_stack([stroke[:, 1], -stroke[:, 0]]) for stroke in strokes]
    return [piece * size for stroke in flat for piece in _band(stroke, THICK)]


def _face(spot: Spot, polygon: Float[ndarray, "n 2"], material: int) -> Mesh:
    """A polygon on the road, cut fine enough to follow it."""
    if len(polygon) == 4:
        a, b, c, d = polygon
        rows = max(2, int(np.ceil(max(np.linalg.norm(d - a), np.linalg.norm(c - b)) / FINEST)) + 1)
        share = np.linspace(0, 1, rows)[:, None]
        points = np.concatenate([a + share * (d - a), b + share * (c - b)])
        i = np.arange(rows - 1)
        faces = np.concatenate([np.column_stack(f) for f in ((i, i + rows, i + 1), (i + 1, i + rows, i + rows + 1))])
    else:
        points = polygon
        faces = np.array([(0, k, k + 1) for k in range(1, len(polygon) - 1)])
    placed = spot.on_ground(points)
    return mesh(placed, facing_up(placed, faces), material)
