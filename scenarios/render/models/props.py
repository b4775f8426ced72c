"""CARLA's static props: cones, barriers, boxes and street furniture, standing about their box's middle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scenarios.render.models import shapes
from scenarios.render.models.mesh import Color, Part

Extent = tuple[float, float, float]

_ORANGE: Color = (0.62, 0.12, 0.02)
_WOOD: Color = (0.24, 0.13, 0.06)
_GREEN: Color = (0.03, 0.12, 0.06)
_GREY: Color = (0.32, 0.32, 0.31)


def prop(blueprint: str, extent: Extent) -> tuple[Part, ...]:
    """Build a prop of the given half sizes [m]; an unknown one is a wooden box.

    Args:
        blueprint: such as "static.prop.trafficcone01".
        extent: half sizes [m].
    """
    name = blueprint.rpartition(".")[2].rstrip("0123456789")
    return tuple(_BUILDERS.get(name, _crate)(extent))


def _cone(extent: Extent) -> list[Part]:
    x, y, z = extent
    foot = shapes.box((0, 0, 0.02), (2 * x, 2 * y, 0.04))
    levels = [0.04, 0.7 * z, 1.1 * z, 1.5 * z, 1.75 * z, 2 * z]
    radius = np.interp(levels, [0.04, 2 * z], [0.78 * x, 0.14 * x])
    bands = [shapes.tube([(0, 0, a), (0, 0, b)], [ra, rb], 14, caps=b == 2 * z)
             for a, b, ra, rb in zip(levels, levels[1:], radius, radius[1:], strict=False)]  # fmt: skip
    return [
        shapes.part("foot", foot, "cone", smooth=False),
        shapes.part("cone", shapes.join(*bands[::2]), "cone"),
        shapes.part("bands", shapes.join(*bands[1::2]), "reflector"),
    ]


def _street_barrier(extent: Extent) -> list[Part]:
    """Two striped boards on two feet."""
    x, y, z = extent
    feet = [shapes.box((0, s * 0.8 * y, 0.04), (2 * x, 0.12, 0.08)) for s in (-1, 1)]
    posts = [shapes.box((0, s * 0.8 * y, z), (0.05, 0.05, 2 * z - 0.02)) for s in (-1, 1)]
    stripes, boards = [], []
    for height in (1.0, 1.72):
        middle = height * z
        boards.append(shapes.box((0, 0, middle), (0.035, 2 * y, 0.42 * z)))
        stripes += [shapes.box((0, (k - 2) * 0.4 * y, middle), (0.042, 0.2 * y, 0.42 * z)) for k in range(5)]
    return [
        shapes.part("feet", shapes.join(*feet, *posts), "plastic", smooth=False),
        shapes.part("boards", shapes.join(*boards), "reflector", smooth=False),
        shapes.part("stripes", shapes.join(*stripes), "sign_red", smooth=False),
    ]


def _warning(extent: Extent) -> list[Part]:
    """A triangle on a stand."""
    x, y, z = extent
    low, high = 0.5 * z, 2 * z
    outer = [(0.02, -y, low), (0.02, y, low), (0.02, 0, high)]
    inner = [(0.028, -0.66 * y, low + 0.16 * z), (0.028, 0.66 * y, low + 0.16 * z), (0.028, 0, high - 0.36 * z)]
    back = [(-0.02, py, pz) for _, py, pz in outer[::-1]]
    stand = [shapes.box((0, 0, 0.03), (2 * x, 0.3 * y, 0.06)), shapes.box((0, 0, 0.5 * low), (0.05, 0.05, low))]
    return [
        shapes.part("frame", shapes.sheet(outer), "sign_red", smooth=False),
        shapes.part("face", shapes.sheet(inner), "sign", smooth=False),
        shapes.part("back", shapes.sheet(back), "sign_back", smooth=False),
        shapes.part("stand", shapes.join(*stand), "pole", smooth=False),
    ]


def _vending_machine(extent: Extent) -> list[Part]:
    x, y, z = extent
    case = shapes.box((-0.02, 0, z), (2 * x - 0.04, 2 * y, 2 * z))
    pane = shapes.box((x - 0.03, 0.15 * y, 1.2 * z), (0.06, 1.5 * y, 1.3 * z))
    slot = shapes.box((x - 0.03, 0, 0.22 * z), (0.05, 1.2 * y, 0.2 * z))
    return [
        shapes.part("case", case, "housing", smooth=False, color=(0.35, 0.02, 0.02)),
        shapes.part("pane", pane, "glass", smooth=False),
        shapes.part("slot", slot, "plastic", smooth=False),
    ]


def _container(extent: Extent) -> list[Part]:
    """A ribbed waste container with a sloping lid."""
    x, y, z = extent
    body = [np.array([[sx * x * k, sy * y * k, h] for sx, sy in ((1, 1), (-1, 1), (-1, -1), (1, -1))])
            for k, h in ((0.86, 0.12), (0.96, 1.55 * z))]  # fmt: skip
    lid = [
        np.array([[x, y, a], [-x, y, b], [-x, -y, b], [x, -y, a]]) for a, b in ((1.55 * z, 1.55 * z), (1.75 * z, 2 * z))
    ]
    ribs = [shapes.box((0, s * 0.93 * y, 0.85 * z), (0.1, 0.08, 1.3 * z)) for s in (-1, 1)]
    ribs += [shapes.box((dx * x, s * 0.93 * y, 0.85 * z), (0.08, 0.08, 1.3 * z)) for s in (-1, 1) for dx in (-0.5, 0.5)]
    wheels = [shapes.box((sx * 0.7 * x, sy * 0.7 * y, 0.07), (0.14, 0.06, 0.14)) for sx in (-1, 1) for sy in (-1, 1)]
    return [
        shapes.part("body", shapes.join(shapes.loft(body), *ribs), "housing", smooth=False, color=_GREEN),
        shapes.part("lid", shapes.loft(lid), "housing", smooth=False, color=(0.02, 0.05, 0.03)),
        shapes.part("wheels", shapes.join(*wheels), "tyre", smooth=False),
    ]


def _fence(extent: Extent) -> list[Part]:
    """A building-site fence panel: a frame with bars on two stones."""
    x, y, z = extent
    rail = [shapes.tube([(0, -y, h), (0, y, h)], [0.02, 0.02], 6) for h in (0.12, 2 * z - 0.02)]
    posts = [
        shapes.tube([(0, s * (y - 0.02), 0.05), (0, s * (y - 0.02), 2 * z - 0.01)], [0.02, 0.02], 6) for s in (-1, 1)
    ]
    bars = [shapes.box((0, b, z), (0.006, 0.006, 1.85 * z)) for b in np.linspace(-0.95, 0.95, 24) * y]
    stones = [shapes.box((0, s * (y - 0.13), 0.06), (2 * x, 0.22, 0.12)) for s in (-1, 1)]
    return [
        shapes.part("frame", shapes.join(*rail, *posts), "pole"),
        shapes.part("bars", shapes.join(*bars), "pole", smooth=False),
        shapes.part("stones", shapes.join(*stones), "housing", smooth=False, color=_GREY),
    ]


def _chair(extent: Extent) -> list[Part]:
    x, y, z = extent
    legs = [
        shapes.box((sx * (x - 0.03), sy * (y - 0.03), 0.5 * z), (0.04, 0.04, z)) for sx in (-1, 1) for sy in (-1, 1)
    ]
    seat = shapes.box((0, 0, z), (2 * x, 2 * y, 0.05))
    back = shapes.box((-x + 0.02, 0, 1.6 * z), (0.04, 2 * y, 0.8 * z))
    return [shapes.part("chair", shapes.join(*legs, seat, back), "housing", smooth=False, color=_WOOD)]


def _table(extent: Extent) -> list[Part]:
    x, y, z = extent
    top = shapes.moved(shapes.turned(shapes.lathe([(x, 0.02), (x, -0.02)], 18, caps=True), 0.0), (0, 0, 0))
    upright = shapes.Mesh(top.vertices[:, [0, 2, 1]] * (1, -1, 1), top.faces)
    leg = shapes.tube([(0, 0, 0.03), (0, 0, 2 * z - 0.03)], [0.04, 0.04], 8)
    foot = shapes.box((0, 0, 0.02), (x, y, 0.04))
    return [
        shapes.part("top", shapes.moved(upright, (0, 0, 2 * z - 0.02)), "housing", smooth=False, color=_WOOD),
        shapes.part("leg", shapes.join(leg, foot), "pole", smooth=False),
    ]


def _crate(extent: Extent) -> list[Part]:
    x, y, z = extent
    edge = 0.12 * min(extent)
    boards = [shapes.box((0, 0, z), (2 * x - edge, 2 * y - edge, 2 * z - edge))]
    rails = [
        shapes.box((sx * (x - edge / 2), sy * (y - edge / 2), z), (edge, edge, 2 * z))
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    for h in (edge / 2, 2 * z - edge / 2):
        rails += [shapes.box((s * (x - edge / 2), 0, h), (edge, 2 * y, edge)) for s in (-1, 1)]
        rails += [shapes.box((0, s * (y - edge / 2), h), (2 * x, edge, edge)) for s in (-1, 1)]
    return [
        shapes.part("boards", shapes.join(*boards), "housing", smooth=False, color=(0.30, 0.19, 0.10)),
        shapes.part("rails", shapes.join(*rails), "housing", smooth=False, color=_WOOD),
    ]


def _bin(extent: Extent) -> list[Part]:
    x, _, z = extent
    body = shapes.tube([(0, 0, 0), (0, 0, 1.7 * z)], [0.82 * x, x], 14)
    lid = shapes.tube([(0, 0, 1.7 * z), (0, 0, 1.9 * z), (0, 0, 2 * z)], [x, 0.9 * x, 0.4 * x], 14)
    return [
        shapes.part("body", body, "housing", color=_GREEN),
        shapes.part("lid", lid, "plastic"),
    ]


def _bench(extent: Extent) -> list[Part]:
    x, y, z = extent
    legs = [shapes.box((0, s * 0.8 * y, 0.5 * z), (1.6 * x, 0.06, z)) for s in (-1, 1)]
    posts = [shapes.box((-x + 0.03, s * 0.8 * y, 1.4 * z), (0.05, 0.06, 1.2 * z)) for s in (-1, 1)]
    slats = [shapes.box((dx * x, 0, z), (0.4 * x, 2 * y, 0.04)) for dx in (-0.55, 0.0, 0.8)]
    slats += [shapes.box((-x + 0.06, 0, h * z), (0.03, 2 * y, 0.25 * z)) for h in (1.45, 1.85)]
    return [
        shapes.part("legs", shapes.join(*legs, *posts), "pole", smooth=False),
        shapes.part("slats", shapes.join(*slats), "housing", smooth=False, color=_WOOD),
    ]


_BUILDERS: dict[str, Callable[[Extent], list[Part]]] = {
    "trafficcone": _cone,
    "constructioncone": _cone,
    "streetbarrier": _street_barrier,
    "warningconstruction": _warning,
    "vendingmachine": _vending_machine,
    "container": _container,
    "mesh": _fence,
    "chair": _chair,
    "table": _table,
    "box": _crate,
    "bin": _bin,
    "bench": _bench,
}
