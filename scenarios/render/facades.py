"""Houses about their middle, the front towards +x: plinth, windows with frames and sills, doors, eaves, chimneys.

Low houses have gable roofs, high ones flat roofs with parapets, balconies and shops on the ground floor.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.geometry import Mesh, joined, mesh
from scenarios.render.materials import MaterialTable

Color = tuple[float, float, float]
Quads = Float[ndarray, "n 4 3"]

STOREY = 3.0
"""Usual height of a storey [m]."""
FLAT_FROM = 4
"""Storeys from which a house has a flat roof."""
BAY = 2.9
"""Usual distance between the windows of a row [m]."""
PLASTERS: tuple[Color, ...] = (
    (0.62, 0.60, 0.55), (0.60, 0.53, 0.40), (0.55, 0.45, 0.28), (0.52, 0.50, 0.47), (0.66, 0.65, 0.62),
    (0.50, 0.36, 0.26), (0.40, 0.42, 0.44), (0.42, 0.46, 0.38), (0.57, 0.44, 0.36), (0.33, 0.31, 0.29),
)  # fmt: skip
BRICKS: tuple[Color, ...] = ((0.27, 0.115, 0.075), (0.33, 0.17, 0.11), (0.36, 0.27, 0.18), (0.21, 0.10, 0.075))
ROOFS: tuple[Color, ...] = ((0.14, 0.05, 0.032), (0.09, 0.038, 0.028), (0.04, 0.041, 0.045), (0.065, 0.052, 0.043))
TRIMS: tuple[Color, ...] = ((0.66, 0.66, 0.64), (0.60, 0.58, 0.53), (0.11, 0.10, 0.09), (0.17, 0.13, 0.09))
DOORS: tuple[Color, ...] = ((0.10, 0.05, 0.03), (0.03, 0.07, 0.05), (0.16, 0.03, 0.025), (0.05, 0.06, 0.09),
                            (0.35, 0.34, 0.32))  # fmt: skip
BEHIND = 2
"""Quarter turns from the front to the back."""
ROOMS: tuple[Color, ...] = ((0.012, 0.014, 0.017), (0.02, 0.022, 0.025), (0.05, 0.046, 0.04), (0.22, 0.21, 0.19))
"""What is seen through a window: dark rooms, a lighter one, a curtain."""


class _Walls:
    """Quads by material, gathered before they become one mesh."""

    def __init__(self) -> None:
        self.quads: dict[int, list[Quads]] = {}

    def add(self, material: int, quads: Quads) -> None:
        self.quads.setdefault(material, []).append(quads)

    def turned(self, quarter: int, out: float, other: _Walls) -> None:
        """Take the quads of a wall in its own plane (x outwards from 0) to the side `quarter` turns from the front."""
        c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter]
        turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], float)
        for material, found in other.quads.items():
            self.add(material, (np.concatenate(found) + np.array([out, 0.0, 0.0])) @ turn)

    def mesh(self) -> Mesh:
        meshes = []
        for material, found in self.quads.items():
            points = np.concatenate(found).reshape(-1, 3)
            start = np.arange(0, len(points), 4)[:, None]
            faces = np.concatenate([start + np.array([0, 1, 2]), start + np.array([0, 2, 3])])
            meshes.append(mesh(points, faces, material))
        return joined(meshes)


def house(wide: float, deep: float, high: float, storeys: int, table: MaterialTable, rng: np.random.Generator) -> Mesh:
    """Build a house about its middle at z = 0; `wide` is its front along y, `high` the height of its eaves [m]."""
    is_block, is_brick = storeys >= FLAT_FROM, bool(rng.random() < 0.3)
    wall = table.number("brick" if is_brick else "plaster", _drawn(BRICKS if is_brick else PLASTERS, rng))
    trim = table.number("frame", _drawn(TRIMS[:2] if is_brick else TRIMS, rng))
    walls = _Walls()
    walls.add(wall, _box((-deep / 2, -wide / 2, -1.5), (deep / 2, wide / 2, high))[:4])
    walls.add(
        table.number("wall"), _box((-deep / 2 - 0.03, -wide / 2 - 0.03, -1.5), (deep / 2 + 0.03, wide / 2 + 0.03, 0.35))
    )
    kinds = (rng.random(), rng.random())
    for quarter, (across, out) in enumerate(((wide, deep), (deep, wide), (wide, deep), (deep, wide))):
        side = _Walls()
        _side(side, across, high, storeys, quarter, kinds, trim, table, rng)
        walls.turned(quarter, out / 2, side)
    if is_block:
        _flat_roof(walls, wide, deep, high, trim, table)
    else:
        _gable_roof(walls, wide, deep, high, wall, table.number("roof", _drawn(ROOFS, rng)), trim, table, rng)
    return walls.mesh()


def _side(
    side: _Walls,
    across: float,
    high: float,
    storeys: int,
    quarter: int,
    kinds: tuple[float, float],
    trim: int,
    table: MaterialTable,
    rng: np.random.Generator,
) -> None:
    """Windows, doors, shops and balconies of one wall."""
    bays = max(1, int((across - 0.6) / BAY))
    if quarter % 2 and storeys < FLAT_FROM:
        bays = max(1, bays // 2)
    middles = (np.arange(bays) + 0.5) / bays * (across - 0.6) - (across - 0.6) / 2
    rise = high / storeys
    width, height = 1.0 + 0.5 * kinds[0], min(1.45, 0.52 * rise)
    is_shop = quarter == 0 and storeys >= FLAT_FROM - 1 and kinds[1] < 0.6
    for floor in range(storeys):
        low = floor * rise + 0.33 * rise
        for bay, y in enumerate(middles):
            if floor == 0 and quarter == 0 and bay == bays // 2:
                _door(side, float(y), min(2.15, 0.8 * rise), trim, table, rng)
            elif floor == 0 and is_shop:
                _window(side, float(y), 0.4, 0.88 * across / bays, 0.68 * rise, trim, quarter, table, rng)
            else:
                _window(side, float(y), low, width, height, trim, quarter, table, rng)
                if storeys < FLAT_FROM and kinds[1] < 0.3 and quarter == 0:
                    _shutters(side, float(y), low, width, height, table.number("door", DOORS[int(kinds[1] * 16) % 5]))
            if storeys >= FLAT_FROM and quarter == 0 and floor > 0 and kinds[1] > 0.35 and bay % 3 == 1:
                _balcony(side, float(y), floor * rise, trim, table)
    if is_shop:
        sign = table.number("frame", _drawn(DOORS, rng))
        side.add(sign, _box((0.0, -across / 2 + 0.3, 0.84 * rise), (0.12, across / 2 - 0.3, 1.03 * rise)))


def _window(
    side: _Walls,
    y: float,
    low: float,
    width: float,
    height: float,
    trim: int,
    quarter: int,
    table: MaterialTable,
    rng: np.random.Generator,
) -> None:
    """A pane of glass deep in its frame, with mullions and a sill; only the front has its frames in relief."""
    a, b, top = y - width / 2, y + width / 2, low + height
    is_front = quarter == 0
    side.add(table.number("glazing", _drawn(ROOMS, rng)), _facing(a, b, low, top, 0.012 if is_front else 0.03))
    side.add(trim, _ring(a, b, low, top, 0.07, 0.07) if is_front
             else _facing(a - 0.07, b + 0.07, low - 0.07, top + 0.07, 0.015))  # fmt: skip
    if quarter == BEHIND:
        return
    panes = 1 + max(1, round(width / 0.75)) if is_front else 2
    for at in a + width * np.arange(1, panes) / panes:
        side.add(trim, _facing(float(at) - 0.03, float(at) + 0.03, low, top, 0.04))
    side.add(table.number("wall"), _box((0.0, a - 0.14, low - 0.13), (0.16, b + 0.14, low - 0.07))[[0, 4, 5]])


def _shutters(side: _Walls, y: float, low: float, width: float, height: float, material: int) -> None:
    for sign in (-1, 1):
        near, far = sorted((y + sign * (width / 2 + 0.1), y + sign * width))
        side.add(material, _box((0.0, near, low - 0.04), (0.045, far, low + height + 0.04))[[0, 2, 3]])


def _door(side: _Walls, y: float, high: float, trim: int, table: MaterialTable, rng: np.random.Generator) -> None:
    """A door leaf with a light, its frame, canopy and step."""
    a, b = y - 0.52, y + 0.52
    side.add(table.number("door", _drawn(DOORS, rng)), _facing(a, b, 0.18, high, 0.02))
    side.add(table.number("glazing", ROOMS[1]), _facing(a + 0.22, b - 0.22, 0.62 * high, 0.9 * high, 0.03))
    side.add(table.number("metal"), _box((0.02, b - 0.12, 0.48 * high), (0.08, b - 0.07, 0.55 * high)))
    side.add(trim, _ring(a, b, 0.18, high, 0.1, 0.09))
    side.add(trim, _box((0.0, a - 0.3, high + 0.25), (0.9, b + 0.3, high + 0.33)))
    side.add(table.number("wall"), _box((0.0, a - 0.2, -0.5), (0.7, b + 0.2, 0.16)))


def _balcony(side: _Walls, y: float, floor: float, trim: int, table: MaterialTable) -> None:
    side.add(table.number("wall"), _box((0.0, y - 1.5, floor - 0.14), (1.25, y + 1.5, floor + 0.04)))
    for rail in (0.3, 0.55, 0.8, 1.05):
        side.add(trim, _box((1.2, y - 1.5, floor + rail - 0.04), (1.24, y + 1.5, floor + rail)))
    for end in (y - 1.5, y + 1.46):
        side.add(trim, _box((0.0, end, floor + 0.04), (1.24, end + 0.04, floor + 1.05)))


def _flat_roof(walls: _Walls, wide: float, deep: float, high: float, trim: int, table: MaterialTable) -> None:
    """A parapet with its coping, and the house over the lift."""
    x, y = deep / 2, wide / 2
    walls.add(table.number("roof", ROOFS[2]), _box((-x, -y, high - 0.1), (x, y, high + 0.05)))
    for low, far in (
        ((x - 0.25, -y), (x, y)),
        ((-x, -y), (-x + 0.25, y)),
        ((-x, y - 0.25), (x, y)),
        ((-x, -y), (x, -y + 0.25)),
    ):
        walls.add(trim, _box((low[0] - 0.06, low[1] - 0.06, high + 0.45), (far[0] + 0.06, far[1] + 0.06, high + 0.53)))
        walls.add(table.number("plaster", PLASTERS[3]), _box((*low, high), (*far, high + 0.45)))
    walls.add(table.number("plaster", PLASTERS[3]), _box((-1.5, 0.1 * wide, high), (1.5, 0.1 * wide + 3.2, high + 2.4)))


def _gable_roof(
    walls: _Walls,
    wide: float,
    deep: float,
    high: float,
    wall: int,
    roof: int,
    trim: int,
    table: MaterialTable,
    rng: np.random.Generator,
) -> None:
    """Two slopes with eaves, bargeboards and gutters, the gables' walls below, and a chimney or two."""
    pitch, over = float(rng.uniform(0.6, 0.85)), 0.5
    x, y, ridge = deep / 2 + over, wide / 2 + 0.35, high + pitch * deep / 2
    foot = high - over * pitch
    up = np.array([0.0, 0.0, 0.16])
    for sign in (1.0, -1.0):
        slope = np.array([(sign * x, -y, foot), (sign * x, y, foot), (0, y, ridge), (0, -y, ridge)])
        walls.add(roof, np.stack([slope + up, slope]))
        ends = [np.stack([slope[i], slope[j], slope[j] + up, slope[i] + up]) for i, j in ((0, 1), (1, 2), (3, 0))]
        walls.add(trim, np.stack(ends))
        gable = np.array([(-deep / 2, 0, high), (deep / 2, 0, high), (0, 0, ridge), (0, 0, ridge)])
        walls.add(wall, (gable + np.array([0.0, sign * wide / 2, 0.0]))[None])
        gutter = sorted((sign * x, sign * (x + 0.13)))
        walls.add(table.number("metal"), _box((gutter[0], -y, foot - 0.02), (gutter[1], y, foot + 0.11)))
        corner = (sign * (deep / 2 + 0.02), wide / 2 - 0.25)
        ends_of_pipe = sorted((corner[0], corner[0] + sign * 0.09))
        walls.add(
            table.number("metal"),
            _box((ends_of_pipe[0], corner[1], 0.0), (ends_of_pipe[1], corner[1] + 0.09, foot + 0.1)),
        )
    for _ in range(int(rng.integers(1, 3))):
        at = np.array([rng.uniform(-0.12, 0.12) * deep, rng.uniform(-0.38, 0.38) * wide, 0.0])
        walls.add(table.number("brick", BRICKS[0]), _box((-0.35, -0.45, high), (0.35, 0.45, ridge + 0.75)) + at)
        walls.add(table.number("wall"), _box((-0.42, -0.52, ridge + 0.75), (0.42, 0.52, ridge + 0.87)) + at)
        walls.add(roof, _box((-0.14, -0.14, ridge + 0.87), (0.14, 0.14, ridge + 1.15)) + at)


def _drawn(colors: tuple[Color, ...], rng: np.random.Generator) -> Color:
    return colors[int(rng.integers(len(colors)))]


def _facing(a: float, b: float, low: float, high: float, x: float) -> Quads:
    """An upright rectangle that faces +x."""
    return np.array([[(x, a, low), (x, b, low), (x, b, high), (x, a, high)]], float)


def _ring(a: float, b: float, low: float, high: float, width: float, out: float) -> Quads:
    """A frame about an opening: its front, and its inner and outer reveals."""
    inner = np.array([(out, a, low), (out, b, low), (out, b, high), (out, a, high)])
    outer = inner + np.array([(0, -1, -1), (0, 1, -1), (0, 1, 1), (0, -1, 1)]) * width
    sunk = np.array([out, 0.0, 0.0])
    rows = ((outer, inner), (inner, inner - sunk), (outer - sunk, outer))
    return np.array([(p[k], p[(k + 1) % 4], q[(k + 1) % 4], q[k]) for p, q in rows for k in range(4)])


def _box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Quads:
    """The four walls, bottom and top of a box, facing out."""
    (a, b, c), (d, e, f) = low, high
    return np.array(
        [
            [(d, b, c), (d, e, c), (d, e, f), (d, b, f)], [(a, e, c), (a, b, c), (a, b, f), (a, e, f)],
            [(d, e, c), (a, e, c), (a, e, f), (d, e, f)], [(a, b, c), (d, b, c), (d, b, f), (a, b, f)],
            [(a, b, c), (a, e, c), (d, e, c), (d, b, c)], [(a, b, f), (d, b, f), (d, e, f), (a, e, f)],
        ],
        float,
    )  # fmt: skip
